public import EtcdWire
internal import Platform

/// A record of a log, and where it stands.
public struct LogItem: Sendable, Hashable {
    public var segment: SegmentName
    /// Bytes from the segment's start.
    public var offset: Int64
    /// Where the next record begins.
    public var end: Int64
    /// CRC-32C of the data of all records up to this one.
    public var crc: UInt32
    public var kind: Kind

    public enum Kind: Sendable, Hashable {
        /// Whose log it is: an encoded ``WALMetadata``.
        case metadata([UInt8])
        case entry(RaftEntry)
        case state(HardState)
        case snapshot(WALSnapshot)
        /// A segment's first record: the checksum of all before it.
        case crc
    }
}

/// How a log ends.
public enum LogEnd: Sendable, Hashable {
    /// Nothing but free space follows the last record.
    case clean
    /// The last write was interrupted: nobody was told that it was done, and it may be cut off.
    case torn(file: String, offset: Int64)
    /// What follows is not what was written, and may have been acknowledged.
    case damaged(file: String, offset: Int64, what: String)
}

/// Reads a log record by record, in the order they were written, in bounded memory: about a megabyte, or the longest record
/// where that is more. Each record's checksum is verified before it is given out.
public struct LogCursor: Sendable {
    private let directory: String
    private let disk: any Disk
    private let configuration: WALConfiguration
    private let names: [SegmentName]
    /// Which of ``names`` is being read.
    private var current = 0
    private(set) var window: FileWindow?
    /// Where in the segment the last good record ends.
    private(set) var offset = 0
    private var recordsOfSegment = 0
    private(set) var crc: UInt32?
    private var metadata: [UInt8]?
    private(set) var lastIndex: UInt64 = 0
    private var failure: WALError?
    /// How the log ends, once ``next()`` has returned nil.
    public private(set) var end: LogEnd?

    /// - Parameter names: Segments without a gap between them.
    init(_ names: [SegmentName], in directory: String, disk: any Disk, _ configuration: WALConfiguration) {
        (self.names, self.directory, self.disk, self.configuration) = (names, directory, disk, configuration)
    }

    /// The next record; nil after the last, where a torn tail counts as not there. Damage throws, now and ever after.
    public mutating func next() throws(WALError) -> LogItem? {
        guard let record = try self.nextRecord(), let window else { return nil }
        let data = window.bytes[record.data]
        let kind: LogItem.Kind
        do throws(WireError) {
            switch record.kind {
            case .metadata: kind = .metadata(Array(data))
            case .entry:
                if let view = record.entry {
                    kind = .entry(view.entry(window.bytes))
                } else {
                    kind = .entry(try RaftEntry(decoding: data))
                }
            case .state: kind = .state(try HardState(decoding: data))
            case .snapshot: kind = .snapshot(try WALSnapshot(decoding: data))
            case .crc: kind = .crc
            }
        } catch {
            throw self.fail(.corrupt, record.offset, "the \(record.kind) record's data is malformed")
        }
        return LogItem(
            segment: record.segment, offset: Int64(record.offset), end: Int64(self.offset), crc: self.crc ?? 0, kind: kind)
    }

    /// A record whose data is still in the window, until the next is asked for.
    struct Record {
        var segment: SegmentName
        var kind: WALRecord.Kind
        var offset: Int
        /// Within the window's bytes.
        var data: Range<Int>
        /// Of entries in etcd's own form.
        var entry: EntryView?
    }

    mutating func nextRecord() throws(WALError) -> Record? {
        if let failure { throw failure }
        while self.end == nil {
            if self.window == nil { try self.openSegment() }
            if let record = try self.recordOfSegment() { return record }
            try self.endSegment()
        }
        return nil
    }

    private mutating func openSegment() throws(WALError) {
        self.window = try FileWindow("\(self.directory)/\(self.names[self.current])", disk: self.disk)
        (self.offset, self.recordsOfSegment) = (0, 0)
    }

    /// Nil where no good record follows.
    private mutating func recordOfSegment() throws(WALError) -> Record? {
        // It was opened just before.
        let size = self.window!.size
        let offset = self.offset
        guard offset + Frame.headerBytes <= size, try self.window!.hold(offset, count: Frame.headerBytes) else { return nil }
        let field = Frame.lengthField(self.window!.bytes, at: offset - self.window!.start)
        guard let extent = Frame.extent(field, at: offset, within: size),
            try self.window!.hold(offset, count: extent.end - offset)
        else { return nil }
        let start = self.window!.start
        let range = extent.record.lowerBound - start..<extent.record.upperBound - start
        guard let record = Frame.record(range, self.window!.bytes, end: extent.end),
            let kind = Frame.kind(record, self.window!.bytes, continuing: self.crc)
        else { return nil }
        try self.check(kind, record, at: offset)
        let entry = kind == .entry ? try self.entry(record.data, at: offset) : nil
        self.crc = record.crc
        self.offset = record.end
        self.recordsOfSegment += 1
        return Record(segment: self.names[self.current], kind: kind, offset: offset, data: record.data, entry: entry)
    }

    /// Every segment begins with the checksum of what came before it and with whose log it is.
    private mutating func check(_ kind: WALRecord.Kind, _ record: Frame.Record, at offset: Int) throws(WALError) {
        switch self.recordsOfSegment {
        case 0 where kind != .crc, 1 where kind != .metadata:
            throw self.fail(.corrupt, offset, "the segment does not begin as segments do")
        default: break
        }
        guard kind == .metadata, let bytes = self.window?.bytes else { return }
        guard let metadata else {
            self.metadata = Array(bytes[record.data])
            return
        }
        guard metadata.elementsEqual(bytes[record.data]) else {
            throw self.fail(.conflictingMetadata, offset, "conflicting metadata: a segment of another member or cluster")
        }
    }

    private mutating func entry(_ data: Range<Int>, at offset: Int) throws(WALError) -> EntryView? {
        let bytes = self.window!.bytes
        if let view = EntryView(bytes, data) {
            self.lastIndex = view.index
            return view
        }
        guard let entry = try? RaftEntry(decoding: bytes[data]), entry.kind == .normal || !entry.data.isEmpty else {
            throw self.fail(.corrupt, offset, "the entry record's data is malformed")
        }
        self.lastIndex = entry.index
        return nil
    }

    /// Goes on to the next segment, or ends the log.
    private mutating func endSegment() throws(WALError) {
        let window = self.window!
        let isLast = self.current == self.names.count - 1
        guard self.recordsOfSegment >= 2 else {
            throw self.fail(.corrupt, self.offset, self.reasonForNoBegin())
        }
        let isClean = try window.endOfContent(from: self.offset) == self.offset
        guard isLast else {
            guard isClean else {
                throw self.fail(.corrupt, self.offset, "the record is damaged, and later segments follow it")
            }
            try window.close()
            self.window = nil
            self.current += 1
            return
        }
        guard !isClean else {
            self.end = .clean
            return
        }
        let tail = Tail(
            of: try window.read(0, count: window.size), at: self.offset, crc: self.crc, lastIndex: self.lastIndex,
            commitIsDurable: self.configuration.commitIsDurable)
        if case .rotten(let message) = tail { throw self.fail(.corrupt, self.offset, message) }
        self.end = .torn(file: window.path, offset: Int64(self.offset))
    }

    private func reasonForNoBegin() -> String {
        let hasOtherStart = self.current > 0 && self.recordsOfSegment == 0 && self.crc != nil
        return hasOtherStart
            ? "the segment does not begin with the checksum that the one before it ends with"
            : "the segment does not begin as segments do"
    }

    private mutating func fail(_ code: WALError.Code, _ offset: Int, _ message: String) -> WALError {
        let path = "\(self.directory)/\(self.names[self.current])"
        let failure = WALError(code, path, at: Int64(offset), message)
        self.failure = failure
        return failure
    }
}

/// An entry in the form etcd writes, read in place: kind, term, index, and data where there is any.
struct EntryView {
    var kind: RaftEntry.Kind
    var term: UInt64 = 0
    var index: UInt64 = 0
    var data: Range<Int>

    /// Nil for any other form.
    init?(_ bytes: [UInt8], _ range: Range<Int>) {
        var place = range.lowerBound
        func varint(_ tag: UInt8) -> UInt64? {
            guard place < range.upperBound, bytes[place] == tag else { return nil }
            place += 1
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while place < range.upperBound, shift < 63 {
                let byte = bytes[place]
                place += 1
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }
        guard let raw = varint(0x08), raw <= 2, let kind = RaftEntry.Kind(rawValue: Int32(raw)), let term = varint(0x10),
            let index = varint(0x18)
        else { return nil }
        if place < range.upperBound {
            guard let count = varint(0x22), count == UInt64(range.upperBound - place) else { return nil }
        }
        guard kind == .normal || place < range.upperBound else { return nil }
        (self.kind, self.term, self.index, self.data) = (kind, term, index, place..<range.upperBound)
    }

    func entry(_ bytes: [UInt8]) -> RaftEntry {
        RaftEntry(kind: self.kind, term: self.term, index: self.index, data: Array(bytes[self.data]))
    }
}
