internal import EtcdWire

/// A segment's bytes, and what was found in them.
struct Segment {
    struct Record {
        var offset: Int
        var kind: WALRecord.Kind
        var data: [UInt8]
    }

    enum End: Equatable {
        /// Nothing but zeros follows.
        case clean
        /// What follows is neither a record nor free space.
        case bad
    }

    var name: SegmentName
    var path: String
    var bytes: [UInt8]
    var records: [Record] = []
    /// Where the last good record ends.
    var endOffset = 0
    var end = End.clean
    /// The running checksum at ``endOffset``.
    var crc: UInt32

    /// Reads records until the first that is not one.
    init(name: SegmentName, path: String, bytes: [UInt8], crc: UInt32) {
        (self.name, self.path, self.bytes, self.crc) = (name, path, bytes, crc)
        while self.endOffset < bytes.count {
            guard let (record, end) = Frame.validRecord(bytes, at: self.endOffset, continuing: self.crc) else {
                self.end = bytes.isZero(self.endOffset..<bytes.count) ? .clean : .bad
                return
            }
            // `validRecord` let only known kinds through.
            self.records.append(Record(offset: self.endOffset, kind: .init(rawValue: record.kind)!, data: record.data))
            self.crc = record.crc
            self.endOffset = end
        }
    }
}

/// Whether the bad bytes at the end of the newest segment are the torn rest of a batch nobody was told of, which may be cut,
/// or damage to what was durable, which must not be: it would lose acknowledged writes.
enum Tail: Equatable {
    case torn
    case rotten(String)

    /// - Parameters:
    ///   - lastIndex: The index of the last entry before the bad bytes.
    ///   - commitIsDurable: See ``WALConfiguration/commitIsDurable``.
    init(of segment: Segment, lastIndex: UInt64, commitIsDurable: Bool) {
        let (bytes, offset) = (segment.bytes, segment.endOffset)
        let later = Self.recordsFollowing(offset, in: bytes)
        let mark = later.compactMap { $0.kind == .state ? try? HardState(decoding: $0.data).commit : nil }.max()
        if commitIsDurable, let mark, mark > lastIndex {
            self = .rotten("the record is damaged; entries up to \(mark) had been made durable, good ones end at \(lastIndex)")
        } else if Self.isWholeButForLength(bytes, at: offset, crc: segment.crc) {
            self = .rotten("the record's length is damaged")
        } else if Self.hasLostSector(bytes, at: offset) {
            self = .torn
        } else if later.isEmpty {
            self = .rotten("the record is damaged, and not as an interrupted write would leave it (crc mismatch)")
        } else {
            self = .rotten("the record is damaged (crc mismatch), and good records follow it")
        }
    }

    /// Records after a damaged one. They are known by each continuing the checksum of the one before it.
    private static func recordsFollowing(_ start: Int, in bytes: [UInt8]) -> [Segment.Record] {
        var found: [Segment.Record] = []
        var offset = start
        while offset + Frame.headerBytes <= bytes.count {
            let field = Frame.lengthField(bytes, at: offset)
            guard field != 0, let (first, next) = Frame.record(field, bytes, at: offset),
                var (record, end) = Frame.validRecord(bytes, at: next, continuing: first.crc)
            else {
                offset += 8
                continue
            }
            offset = next
            while true {
                found.append(.init(offset: offset, kind: .init(rawValue: record.kind)!, data: record.data))
                offset = end
                guard let more = Frame.validRecord(bytes, at: offset, continuing: record.crc) else { break }
                (record, end) = more
            }
        }
        return found
    }

    /// Whether one flipped bit of the length field is all that is wrong.
    private static func isWholeButForLength(_ bytes: [UInt8], at offset: Int, crc: UInt32) -> Bool {
        guard offset + Frame.headerBytes <= bytes.count else { return false }
        let field = Frame.lengthField(bytes, at: offset)
        return (0..<64).contains { bit in
            Frame.validRecord(field ^ (1 << UInt64(bit)), bytes, at: offset, continuing: crc) != nil
        }
    }

    /// Whether a sector of the record is all zeros, as one that was never written is (etcd's own rule).
    private static func hasLostSector(_ bytes: [UInt8], at offset: Int) -> Bool {
        // A segment's size is a multiple of 8 whatever a crash kept of it.
        guard offset + Frame.headerBytes <= bytes.count else { return false }
        let field = Frame.lengthField(bytes, at: offset)
        let length = Int(clamping: field & 0x00FF_FFFF_FFFF_FFFF)
        let (sum, overflow) = length.addingReportingOverflow(offset + 2 * Frame.headerBytes - 1)
        let end = overflow ? bytes.count : min(bytes.count, max(sum & ~7, offset + Frame.headerBytes))
        var start = offset
        while start < end {
            let sectorEnd = (start / Frame.sectorBytes + 1) * Frame.sectorBytes
            // The length field's own sector has zeros to its end where it was lost.
            let next = min(sectorEnd, field == 0 ? bytes.count : end)
            if bytes.isZero(start..<next) { return true }
            start = next
        }
        return false
    }
}
