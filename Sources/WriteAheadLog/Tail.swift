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
        let later = Self.recordsFollowing(offset, in: bytes)
        if commitIsDurable, let mark = later.mark, mark > lastIndex {
            self = .rotten("the record is damaged; entries up to \(mark) had been made durable, good ones end at \(lastIndex)")
        } else if Self.isWholeButForLength(bytes, at: offset, crc: crc) {
            self = .rotten("the record's length is damaged")
        } else if Self.hasLostSector(bytes, at: offset) {
            self = .torn
        } else if later.count == 0 {
            self = .rotten("the record is damaged, and not as an interrupted write would leave it (crc mismatch)")
        } else {
            self = .rotten("the record is damaged (crc mismatch), and good records follow it")
        }
    }

    /// How many records come after a damaged one, and the highest commit index they name. They are known by each continuing
    /// the checksum of the one before it.
    private static func recordsFollowing(_ start: Int, in bytes: [UInt8]) -> (count: Int, mark: UInt64?) {
        var (count, mark): (Int, UInt64?) = (0, nil)
        var offset = start
        // Bytes made so that long records seem to begin everywhere would take hours: where that shows, they are refused.
        var patience = 16 * bytes.count
        while offset + Frame.headerBytes <= bytes.count {
            let field = Frame.lengthField(bytes, at: offset)
            guard field != 0, var before = Frame.record(field, bytes, at: offset) else {
                offset += 8
                continue
            }
            patience -= self.length(bytes, at: before.end)
            guard patience > 0 else { return (count + 1, mark) }
            guard Frame.validRecord(bytes, at: before.end, continuing: before.crc) != nil else {
                offset += 8
                continue
            }
            while let (record, kind) = Frame.validRecord(bytes, at: before.end, continuing: before.crc) {
                count += 1
                if kind == .state, let state = HardState(bytes, record.data) {
                    mark = max(mark ?? 0, state.commit)
                }
                before = record
            }
            offset = before.end
        }
        return (count, mark)
    }

    /// How long a record at an offset says it is, as far as there are bytes.
    private static func length(_ bytes: [UInt8], at offset: Int) -> Int {
        guard offset + Frame.headerBytes <= bytes.count else { return 0 }
        return min(bytes.count - offset, Int(Frame.lengthField(bytes, at: offset) & 0x00FF_FFFF_FFFF_FFFF))
    }

    /// Whether one flipped bit of the length field is all that is wrong.
    private static func isWholeButForLength(_ bytes: [UInt8], at offset: Int, crc: UInt32?) -> Bool {
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
