internal import EtcdWire

/// Varints in bytes, read in place and taken only in their shortest form.
struct VarintReader {
    private let bytes: [UInt8]
    private(set) var place: Int
    let end: Int

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        (self.bytes, self.place, self.end) = (bytes, range.lowerBound, range.upperBound)
    }

    var isAtEnd: Bool { self.place == self.end }

    mutating func next() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while self.place < self.end, shift < 70 {
            let byte = self.bytes[self.place]
            self.place += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return (byte == 0 && shift > 0) || (shift == 63 && byte > 1) ? nil : value }
            shift += 7
        }
        return nil
    }

    /// The value of the field that must stand here, by its tag.
    mutating func field(_ tag: UInt8) -> UInt64? {
        guard self.place < self.end, self.bytes[self.place] == tag else { return nil }
        self.place += 1
        return self.next()
    }
}

/// What a record holds, read in place where it is long.
enum RecordContent {
    case crc
    case metadata(Range<Int>)
    case entry(EntryView)
    case state(HardState)
    case snapshot(WALSnapshot)

    /// Takes data only in the form etcd writes, which proves the kind: no checksum covers that.
    init?(_ kind: WALRecord.Kind, _ bytes: [UInt8], _ range: Range<Int>) {
        switch kind {
        case .crc: self = .crc
        case .metadata: self = .metadata(range)
        case .entry:
            guard let entry = EntryView(bytes, range) else { return nil }
            self = .entry(entry)
        case .state:
            guard let state = HardState(bytes, range) else { return nil }
            self = .state(state)
        case .snapshot:
            let data = bytes[range]
            guard let snapshot = try? WALSnapshot(decoding: data), data.elementsEqual(snapshot.encoded()) else { return nil }
            self = .snapshot(snapshot)
        }
    }
}

extension LogItem.Kind {
    /// - Parameter bytes: Those that the content was read from.
    init(_ content: RecordContent, _ bytes: [UInt8]) {
        switch content {
        case .crc: self = .crc
        case .metadata(let range): self = .metadata(Array(bytes[range]))
        case .entry(let entry): self = .entry(entry.entry(bytes))
        case .state(let state): self = .state(state)
        case .snapshot(let snapshot): self = .snapshot(snapshot)
        }
    }
}

/// An entry in the form etcd writes, read in place: kind, term, index, and data where there is any.
struct EntryView {
    var kind: RaftEntry.Kind
    var term: UInt64
    var index: UInt64
    var data: Range<Int>

    /// Nil for any other form.
    init?(_ bytes: [UInt8], _ range: Range<Int>) {
        var reader = VarintReader(bytes, range)
        guard let raw = reader.field(0x08), raw <= 2, let kind = RaftEntry.Kind(rawValue: Int32(raw)),
            let term = reader.field(0x10), term > 0, let index = reader.field(0x18), index > 0
        else { return nil }
        if !reader.isAtEnd {
            guard let count = reader.field(0x22), count == UInt64(reader.end - reader.place) else { return nil }
        }
        // A hard state would read as the entry of a change of members with no data.
        guard kind == .normal || !reader.isAtEnd else { return nil }
        (self.kind, self.term, self.index, self.data) = (kind, term, index, reader.place..<reader.end)
    }

    func entry(_ bytes: [UInt8]) -> RaftEntry {
        RaftEntry(kind: self.kind, term: self.term, index: self.index, data: Array(bytes[self.data]))
    }
}

extension HardState {
    /// Takes a hard state only in the form etcd writes, all three fields and no more. An entry would read as a hard state as
    /// well, but it has data, or else a kind of 0 where the term stands.
    init?(_ bytes: [UInt8], _ range: Range<Int>) {
        var reader = VarintReader(bytes, range)
        guard let term = reader.field(0x08), term > 0, let vote = reader.field(0x10), let commit = reader.field(0x18),
            reader.isAtEnd
        else { return nil }
        self.init(term: term, vote: vote, commit: commit)
    }
}
