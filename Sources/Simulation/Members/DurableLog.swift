internal import EtcdWire
internal import Platform

/// What a member's disk would still hold of its log after a power cut now, read from the disk itself and not from what the
/// member believes: only bytes that were synced, under names that were. It reads on from where it stopped, so that it can be
/// asked at every message.
struct DurableLog {
    private let directory: String
    private var segment: String?
    private var offset = 0
    /// Of each entry, its term.
    private var terms: [UInt64: UInt64] = [:]
    private var last: UInt64 = 0
    /// Up to here the entries are in a database, or follow from the settings.
    private var snapshot: UInt64
    private(set) var state = HardState()

    /// - Parameter known: How many entries every member begins with, committed from the start.
    init(_ directory: String, known: Int) {
        (self.directory, self.snapshot) = (directory, UInt64(known))
    }

    func holds(_ index: UInt64, term: UInt64) -> Bool {
        index <= self.snapshot || index <= self.last && self.terms[index] == term
    }

    func holds(_ index: UInt64) -> Bool { index <= max(self.snapshot, self.last) }

    /// Reads what has become durable since the last time.
    mutating func catchUp(_ disk: SimulatedDisk) {
        self.readOn(disk)
        // There is another segment only after the one before it is whole.
        guard let segment, let next = disk.durableNames(in: self.directory).first(where: { self.isLog($0) && $0 > segment })
        else { return }
        (self.segment, self.offset) = (next, 0)
        self.catchUp(disk)
    }

    private func isLog(_ name: String) -> Bool { name.hasSuffix(".wal") }

    private mutating func readOn(_ disk: SimulatedDisk) {
        if self.segment == nil { self.segment = disk.durableNames(in: self.directory).first(where: self.isLog) }
        guard let segment, let bytes = disk.durableContents(of: "\(self.directory)/\(segment)") else { return }
        while self.offset + 8 <= bytes.count {
            let field = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[self.offset + $1]) << (8 * UInt64($1)) }
            // A frame: the record's length in 56 bits, how many bytes of padding follow it in the others.
            let (length, padding) = (Int(field & 0xFF_FFFF_FFFF_FFFF), Int(field >> 56 & 7))
            let (start, end) = (self.offset + 8, self.offset + 8 + length)
            guard length > 0, end + padding <= bytes.count, let record = try? WALRecord(decoding: bytes[start..<end]) else {
                return
            }
            self.take(record)
            self.offset = end + padding
        }
    }

    private mutating func take(_ record: WALRecord) {
        switch WALRecord.Kind(rawValue: record.kind) {
        case .entry:
            guard let entry = try? RaftEntry(decoding: record.data) else { return }
            (self.last, self.terms[entry.index]) = (entry.index, entry.term)
        case .state: if let state = try? HardState(decoding: record.data) { self.state = state }
        case .snapshot: if let mark = try? WALSnapshot(decoding: record.data) { self.snapshot = max(self.snapshot, mark.index) }
        default: break
        }
    }
}
