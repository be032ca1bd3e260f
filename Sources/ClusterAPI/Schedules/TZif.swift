extension ZoneRules {
    /// Reads a TZif file of any version. Leap seconds are not counted, as on all machines of POSIX.
    public init(tzif bytes: [UInt8]) throws(ZoneError) {
        var reader = TZifReader(bytes: bytes)
        let header = try reader.header()
        guard header.version >= 2 else {
            let (first, changes) = try reader.block(header, timeSize: 4)
            self.init(first: first, changes: changes, footer: nil)
            return
        }
        // What version 1 can say comes first, and again, better, after it.
        try reader.skip(header.size(timeSize: 4))
        let second = try reader.header()
        let (first, changes) = try reader.block(second, timeSize: 8)
        self.init(first: first, changes: changes, footer: try reader.footer())
    }
}

/// RFC 8536, section 3.
private struct TZifReader {
    struct Header {
        var version: UInt8
        var isUTCount: Int
        var isStandardCount: Int
        var leapCount: Int
        var timeCount: Int
        var typeCount: Int
        var characterCount: Int

        func size(timeSize: Int) -> Int {
            self.timeCount * (timeSize + 1) + self.typeCount * 6 + self.characterCount + self.leapCount
                * (timeSize + 4)
                + self.isStandardCount + self.isUTCount
        }
    }

    private var rest: ArraySlice<UInt8>

    init(bytes: [UInt8]) {
        self.rest = bytes[...]
    }

    mutating func header() throws(ZoneError) -> Header {
        guard try self.take(4).elementsEqual("TZif".utf8) else {
            throw ZoneError(message: "no TZif file")
        }
        // The digit 2 or more, or zero for version 1.
        let version = try self.take(1).first ?? 0
        try self.skip(15)
        return Header(
            version: version >= 0x32 ? version - 0x30 : 1, isUTCount: try self.count(),
            isStandardCount: try self.count(),
            leapCount: try self.count(), timeCount: try self.count(), typeCount: try self.count(),
            characterCount: try self.count())
    }

    mutating func block(
        _ header: Header, timeSize: Int
    ) throws(ZoneError) -> (
        first: Int64, changes: [ZoneRules.Change]
    ) {
        guard header.typeCount > 0 else { throw ZoneError(message: "a zone with no offset") }
        var times: [Int64] = []
        for _ in 0..<header.timeCount { times.append(try self.integer(timeSize)) }
        let indices = Array(try self.take(header.timeCount))
        var offsets: [Int64] = []
        for _ in 0..<header.typeCount {
            let offset = try self.integer(4)
            guard abs(offset) < 26 * 3600 else {
                throw ZoneError(message: "an offset of \(offset) seconds")
            }
            offsets.append(offset)
            try self.skip(2)
        }
        try self.skip(
            header.characterCount + header.leapCount * (timeSize + 4) + header.isStandardCount
                + header.isUTCount)
        var changes: [ZoneRules.Change] = []
        for (time, index) in zip(times, indices) {
            guard Int(index) < offsets.count else {
                throw ZoneError(message: "a change to an unknown offset")
            }
            guard changes.last.map({ $0.time < time }) ?? true else {
                throw ZoneError(message: "changes out of order")
            }
            changes.append(ZoneRules.Change(time: time, offset: offsets[Int(index)]))
        }
        return (offsets[0], changes)
    }

    mutating func footer() throws(ZoneError) -> ZoneFooter? {
        guard self.rest.popFirst() == 0x0A, let end = self.rest.firstIndex(of: 0x0A) else {
            throw ZoneError(message: "the footer is missing")
        }
        let text = self.rest[..<end]
        return text.isEmpty ? nil : try ZoneFooter(Array(text))
    }

    mutating func skip(_ count: Int) throws(ZoneError) {
        _ = try self.take(count)
    }

    private mutating func count() throws(ZoneError) -> Int {
        let count = try self.integer(4)
        guard (0...1_000_000).contains(count) else {
            throw ZoneError(message: "a table of \(count) rows")
        }
        return Int(count)
    }

    /// A big-endian two's-complement number.
    private mutating func integer(_ size: Int) throws(ZoneError) -> Int64 {
        let bytes = try self.take(size)
        let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return size == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }

    private mutating func take(_ count: Int) throws(ZoneError) -> ArraySlice<UInt8> {
        guard count <= self.rest.count else { throw ZoneError(message: "the file ends too soon") }
        defer { self.rest = self.rest.dropFirst(count) }
        return self.rest.prefix(count)
    }
}
