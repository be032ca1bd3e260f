internal import EtcdWire

/// Whether the bad bytes at the end of the newest segment are the torn rest of a batch nobody was told of, which may be cut,
/// or damage to what was durable, which must not be: it would lose acknowledged writes.
enum Tail: Equatable {
    case torn
    case rotten(String)

    /// - Parameters:
    ///   - bytes: The whole segment's.
    ///   - offset: Where the bad bytes begin.
    ///   - crc: The running checksum there; nil where it is not known.
    ///   - lastIndex: The index of the last entry before them.
    ///   - commitIsDurable: See ``WALConfiguration/commitIsDurable``.
    init(of bytes: [UInt8], at offset: Int, crc: UInt32?, lastIndex: UInt64, commitIsDurable: Bool) {
        let later = Following(offset, in: bytes, lastIndex: lastIndex)
        if commitIsDurable, let mark = later.mark, mark > lastIndex {
            self = .rotten("the record is damaged; entries up to \(mark) had been made durable, good ones end at \(lastIndex)")
        } else if Self.isWholeButForLength(bytes, at: offset, crc: crc) {
            self = .rotten("the record's length is damaged")
        } else if later.proveDurable {
            self = .rotten("the record is damaged, and a later batch follows: its own was durable before that was written")
        } else if Self.hasLostSector(bytes, at: offset, before: later.first) {
            self = .torn
        } else if later.count == 0 {
            self = .rotten("the record is damaged, and not as an interrupted write would leave it (crc mismatch)")
        } else {
            self = .rotten("the record is damaged (crc mismatch), and good records follow it")
        }
    }

    /// Whether the length field is all that is wrong: the record says itself how long its data is. A field of zeros may never
    /// have been written.
    private static func isWholeButForLength(_ bytes: [UInt8], at offset: Int, crc: UInt32?) -> Bool {
        guard offset + Frame.headerBytes <= bytes.count, Frame.lengthField(bytes, at: offset) != 0,
            let field = Frame.lengthField(ofRecordAt: offset + Frame.headerBytes, in: bytes)
        else { return false }
        return Frame.validRecord(field, bytes, at: offset, continuing: crc) != nil
    }

    /// Whether a sector of the record is all zeros, as one that was never written is (etcd's own rule).
    /// - Parameter next: Where the next good record begins. A length that reaches beyond is none that was written.
    private static func hasLostSector(_ bytes: [UInt8], at offset: Int, before next: Int?) -> Bool {
        // A segment's size is a multiple of 8 whatever a crash kept of it.
        guard offset + Frame.headerBytes <= bytes.count else { return false }
        let field = Frame.lengthField(bytes, at: offset)
        let sectorEnd = (offset / Frame.sectorBytes + 1) * Frame.sectorBytes
        // The length field's own sector has zeros to its end where it was lost.
        if field == 0 { return bytes.isZero(offset..<min(sectorEnd, bytes.count)) }
        // A field is within one sector, and so is whole or not there at all.
        guard let length = Frame.frameLength(field) else { return false }
        let (sum, overflow) = length.addingReportingOverflow(offset)
        if let next, overflow || sum > next { return false }
        let end = overflow ? bytes.count : min(bytes.count, sum)
        var start = offset
        while start < end {
            let next = min((start / Frame.sectorBytes + 1) * Frame.sectorBytes, end)
            if bytes.isZero(start..<next) { return true }
            start = next
        }
        return false
    }
}

/// The records that come after a damaged one. They are known by each continuing the checksum of the one before it.
private struct Following {
    private(set) var count = 0
    /// Where the first of them begins.
    private(set) var first: Int?
    /// The highest commit index they name.
    private(set) var mark: UInt64?
    /// Whether they can only have been written after the damaged one was durable. A batch of entries ends with a state, if it
    /// has one, and is made durable before anything more is written: so an entry behind a state behind an entry proves that all
    /// before the first of them was, and an entry that comes too early behind a state proves it of those missing.
    private(set) var proveDurable = false
    /// The index that comes after the last entry before the damage.
    private let next: UInt64
    private var hasEntry = false
    private var hasEndAfterEntry = false
    /// Whether a batch's end was met since the checksum was last taken up.
    private var hasEnd = false

    init(_ start: Int, in bytes: [UInt8], lastIndex: UInt64) {
        self.next = lastIndex &+ 1
        var offset = start
        // Bytes made so that long records seem to begin everywhere would take hours: where that shows, they are refused.
        var patience = 16 * bytes.count
        while offset + Frame.headerBytes <= bytes.count {
            let field = Frame.lengthField(bytes, at: offset)
            guard field != 0, var before = Frame.record(field, bytes, at: offset) else {
                offset += 8
                continue
            }
            patience -= Self.length(bytes, at: before.end)
            guard patience > 0 else {
                self.count += 1
                return
            }
            guard Frame.validRecord(bytes, at: before.end, continuing: before.crc) != nil else {
                offset += 8
                continue
            }
            self.hasEnd = false
            // That the next continues its checksum proves it to be a record; what is in it, its strict form.
            if let kind = WALRecord.Kind(rawValue: before.kind) { self.note(RecordContent(kind, bytes, before.data)) }
            while let (record, kind) = Frame.validRecord(bytes, at: before.end, continuing: before.crc) {
                self.first = self.first ?? before.end
                self.add(kind, record, bytes)
                before = record
            }
            offset = before.end
        }
    }

    private mutating func add(_ kind: WALRecord.Kind, _ record: Frame.Record, _ bytes: [UInt8]) {
        self.count += 1
        let content = RecordContent(kind, bytes, record.data)
        if case .state(let state) = content { self.mark = max(self.mark ?? 0, state.commit) }
        self.note(content)
    }

    private mutating func note(_ content: RecordContent?) {
        switch content {
        case .entry(let entry):
            let isEarly = self.hasEnd && !self.hasEntry && entry.index > self.next
            self.proveDurable = self.proveDurable || self.hasEndAfterEntry || isEarly
            self.hasEntry = true
        case .state, .snapshot: self.end()
        case .crc, .metadata, nil: break
        }
    }

    private mutating func end() {
        self.hasEnd = true
        self.hasEndAfterEntry = self.hasEntry
    }

    /// How long a record at an offset says it is, as far as there are bytes.
    private static func length(_ bytes: [UInt8], at offset: Int) -> Int {
        guard offset + Frame.headerBytes <= bytes.count else { return 0 }
        return min(bytes.count - offset, Int(Frame.lengthField(bytes, at: offset) & 0x00FF_FFFF_FFFF_FFFF))
    }
}
