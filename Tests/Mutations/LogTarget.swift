internal import EtcdWire
internal import Platform
internal import Recovery
internal import WriteAheadLog

/// A log of some segments: what it holds is protected by checksums, so it is the same, or refused. Only what an interrupted
/// write may have left at its end is cut.
public struct LogTarget: MutationTarget {
    public static let name = "log"
    public static let share = 250

    private let made: Fabricated
    private let segments: [String]
    public let specimens: [Specimen]
    /// Of each segment.
    private let records: [[LogItem]]
    private let expected: LogContents

    public init(seed: UInt64) throws {
        try self.init(
            Fabricated(seed: seed, steps: 10 + Int(seed % 5) * 12, applied: 0, preallocates: seed % 2 == 0))
    }

    init(_ made: Fabricated) throws {
        self.made = made
        let log = "\(self.made.path)/member/wal"
        self.expected = try LogReader.read(log, after: WALSnapshot(), disk: self.made.disk)
        var records: [SegmentName: [LogItem]] = [:]
        try LogReader.forEach(log, disk: self.made.disk) { item in
            records[item.segment, default: []].append(item)
            return true
        }
        let names = records.keys.sorted()
        self.records = names.map { records[$0] ?? [] }
        self.segments = names.map { "\(log)/\($0)" }
        let disk = self.made.disk
        let marks = self.records.map { $0.map { Int($0.offset) } }
        self.specimens = try zip(self.segments, marks).map { path, marks in
            Specimen(try disk.contents(of: path), marks: marks)
        }
    }

    public func verdict(of bytes: [UInt8], for specimen: Int, _ mutation: Mutation) -> Verdict {
        let path = self.segments[specimen]
        let directory = "\(self.made.path)/member/wal"
        // A disk of its own, so that what is written in one case is not met in the next.
        let disk = self.made.disk.afterCrash(.everything)
        do {
            try disk.edit(path) { $0 = bytes }
            let read = self.verdict(bytes, specimen, Result { try LogReader.read(directory, after: WALSnapshot(), disk: disk) })
            guard CRC32C.checksum(bytes) % 8 == 0 else { return read }
            // What only looks, and what goes on writing, come to the same.
            let isSound = try Verify.run(directory, disk: disk).findings.allSatisfy { finding in
                !finding.isDamage || finding.what.contains("are committed, but the log ends at")
            }
            let opened = self.verdict(
                bytes, specimen, Result { try WriteAheadLog.open(directory, after: WALSnapshot(), disk: disk).1 })
            guard opened.kind == read.kind else { return .wrong("read: \(read), opened: \(opened)") }
            if case .refused = read { return isSound ? .wrong("read: \(read), verified: sound") : read }
            // What may be a torn write may look like damage to who knows more.
            return isSound || read == .torn ? read : .wrong("read: \(read), verified: damaged")
        } catch {
            return .wrong("\(error)")
        }
    }

    private func verdict(_ bytes: [UInt8], _ specimen: Int, _ result: Result<LogContents, any Error>) -> Verdict {
        switch result {
        case .failure(let error as WALError): return .refused(file: error.path, offset: error.offset)
        case .failure(let error): return .wrong("\(error)")
        case .success(let found):
            let isWhole = found.entries == self.expected.entries && found.metadata == self.expected.metadata
            if isWhole && found.state == self.expected.state { return .same }
            guard found.entries.elementsEqual(self.expected.entries.prefix(found.entries.count)),
                found.metadata == self.expected.metadata
            else { return .wrong("\(found.entries.count) entries, other than were written") }
            let what = "\(found.entries.count) entries of \(self.expected.entries.count)"
            return self.mayBeTorn(bytes, specimen, after: found.entries.last?.index ?? 0) ? .torn : .cut(what)
        }
    }

    /// Whether an interrupted write may have left these bytes: nothing behind the first damage was written after the damaged
    /// was made durable. A batch is made durable as a whole; it ends with a state.
    /// - Parameter last: The last entry that was read. Damage before it is in bits that mean nothing, such as padding.
    private func mayBeTorn(_ bytes: [UInt8], _ specimen: Int, after last: UInt64) -> Bool {
        guard specimen == self.specimens.count - 1 else { return false }
        let original = self.specimens[specimen].bytes
        func isIntact(_ record: LogItem) -> Bool {
            let range = Int(record.offset)..<Int(record.end)
            return range.upperBound <= bytes.count && bytes[range] == original[range]
        }
        var (hasEntry, hasEnd, isDamaged, isUnread) = (false, false, false, false)
        for record in self.records[specimen] {
            let intact = isIntact(record)
            if case .entry(let entry) = record.kind, entry.index > last { isUnread = true }
            isDamaged = isDamaged || (!intact && isUnread)
            guard isDamaged else { continue }
            if case .entry = record.kind {
                if intact, hasEnd { return false }
                hasEntry = true
            } else if intact, hasEntry {
                hasEnd = true
            }
        }
        return true
    }
}

extension Verdict {
    fileprivate var kind: Int {
        switch self {
        case .same: 0
        case .refused: 1
        case .unknowable: 2
        case .torn: 3
        case .wrong: 4
        case .cut: 5
        }
    }
}
