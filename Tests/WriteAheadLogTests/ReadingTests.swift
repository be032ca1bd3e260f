import EtcdWire
import Platform
import Testing

@testable import WriteAheadLog

/// Logs as leaders leave them who replace what others had written, and what the entries are in the end.
struct ReplacingLog {
    static let directory = "/wal"
    let disk: SimulatedDisk
    /// The final entries; the first has index ``base`` + 1.
    var entries: [RaftEntry] = []
    var base: UInt64 = 0
    /// Every entry record, in the order written.
    var written: [RaftEntry] = []
    var state = HardState()
    var snapshots: [WALSnapshot] = [WALSnapshot()]

    /// - Parameter joinsAt: Begins with a leader's snapshot of that index; 0 for none.
    init(seed: UInt64, batches: Int, joinsAt base: UInt64 = 0, purges: Bool = false) throws {
        self.disk = SimulatedDisk(seed: seed)
        var random = SeededRandom(seed: seed)
        let metadata = WALMetadata(nodeID: 7, clusterID: 9)
        let log = try WriteAheadLog.create(
            Self.directory, metadata: metadata.encoded(), disk: self.disk, configuration: .init(segmentBytes: 2500))
        self.base = base
        var term: UInt64 = 1
        if base > 0 { try self.note(WALSnapshot(index: base, term: term), in: log) }
        for _ in 0..<batches {
            let count = Int.random(in: 0...4, using: &random)
            // A log shows that entries were replaced by what replaces them.
            if count > 0, random.chance(0.2) {
                term += 1
                let uncommitted = self.base + UInt64(self.entries.count) - max(self.state.commit, self.base)
                self.entries.removeLast(Int(UInt64.random(in: 0...uncommitted, using: &random)))
            }
            let batch = (0..<count).map { place in
                let size = Int.random(in: 0...300, using: &random)
                return RaftEntry(
                    term: term, index: self.base + UInt64(self.entries.count + place) + 1,
                    data: (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            }
            self.entries += batch
            self.written += batch
            let last = self.base + UInt64(self.entries.count)
            let commit = UInt64.random(in: max(self.state.commit, self.base)...last, using: &random)
            self.state = HardState(term: term, vote: 1, commit: commit)
            try log.append(batch, self.state)
            guard random.chance(0.1), commit > self.base else { continue }
            let noted = self.entries[Int(commit - self.base) - 1]
            try self.note(WALSnapshot(index: commit, term: noted.term), in: log)
            if purges, self.snapshots.count > 3 { try log.purge(before: self.snapshots[self.snapshots.count - 3].index) }
        }
        try log.close()
    }

    private mutating func note(_ snapshot: WALSnapshot, in log: WriteAheadLog) throws {
        var snapshot = snapshot
        snapshot.confState = ConfState(voters: [7])
        self.state.commit = max(self.state.commit, snapshot.index)
        try log.append(snapshot)
        self.snapshots.append(snapshot)
    }

    func entries(after index: UInt64, upTo last: UInt64? = nil) -> [RaftEntry] {
        self.entries.filter { $0.index > index && $0.index <= last ?? .max }
    }
}

extension LogEntryCursor {
    mutating func rest() throws(WALError) -> [RaftEntry] {
        var found: [RaftEntry] = []
        while let entry = try self.next() { found.append(entry) }
        return found
    }
}

@Suite struct ReadingTests {
    @Test(arguments: 0..<60 as Range<UInt64>) func finalEntriesAreThoseOfTheModel(seed: UInt64) throws {
        let log = try ReplacingLog(seed: seed, batches: 60, joinsAt: seed % 3 == 2 ? 500 : 0)
        var random = SeededRandom(seed: seed)
        let last = log.base + UInt64(log.entries.count)
        #expect(seed != 0 || log.written.count > log.entries.count, "nothing was replaced")
        for _ in 0..<8 {
            let after = UInt64.random(in: log.base...last, using: &random)
            let upTo = random.chance(0.3) ? nil : UInt64.random(in: log.base...last + 3, using: &random)
            var cursor = try LogReader.entries(ReplacingLog.directory, after: after, upTo: upTo, disk: log.disk)
            #expect(try cursor.rest() == log.entries(after: after, upTo: upTo), "seed \(seed), \(after) to \(upTo ?? 0)")
            #expect(try cursor.next() == nil)
        }
        for snapshot in log.snapshots where snapshot.index >= log.base {
            let contents = try LogReader.read(ReplacingLog.directory, after: snapshot, disk: log.disk)
            #expect(contents.entries == log.entries(after: snapshot.index), "seed \(seed), from \(snapshot.index)")
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func everyRecordComesOnce(seed: UInt64) throws {
        let log = try ReplacingLog(seed: seed, batches: 40)
        var (found, snapshots, states): ([RaftEntry], [WALSnapshot], Set<HardState>) = ([], [], [])
        var last: (SegmentName, Int64)?
        let end = try LogReader.forEach(ReplacingLog.directory, disk: log.disk) { item throws(WALError) in
            #expect(item.offset == (last.map { $0.0 == item.segment ? $0.1 : 0 } ?? 0), "records follow one another")
            last = (item.segment, item.end)
            switch item.kind {
            case .entry(let entry): found.append(entry)
            case .snapshot(let snapshot): snapshots.append(snapshot)
            case .state(let state): states.insert(state)
            case .metadata(let data): #expect((try? WALMetadata(decoding: data))?.nodeID == 7)
            case .crc: #expect(item.offset == 0)
            }
            return true
        }
        #expect(end == .clean)
        #expect(found == log.written && snapshots == log.snapshots, "seed \(seed)")
        #expect(states.contains(log.state) || log.state == HardState())
        var seen = 0
        let stopped = try LogReader.forEach(ReplacingLog.directory, disk: log.disk) { _ throws(WALError) in
            seen += 1
            return seen < 3
        }
        #expect(stopped == nil && seen == 3)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func aSurveyOfASoundLog(seed: UInt64) throws {
        let log = try ReplacingLog(seed: seed, batches: 80, joinsAt: seed % 4 == 3 ? 70 : 0, purges: seed % 2 == 0)
        let survey = try LogReader.survey(ReplacingLog.directory, disk: log.disk)
        #expect(survey.end == .clean && survey.findings.isEmpty && survey.missing.isEmpty, "seed \(seed)")
        #expect(survey.metadata == WALMetadata(nodeID: 7, clusterID: 9))
        #expect(survey.lastIndex == log.entries.last?.index ?? 0)
        #expect(survey.lastTerm == log.entries.last?.term ?? 0)
        #expect(log.snapshots.suffix(survey.snapshots.count) == survey.snapshots[...])
        #expect(survey.state.commit <= log.state.commit)
        let names = try LogReader.segments(ReplacingLog.directory, disk: log.disk)
        #expect(survey.segments.map(\.name) == names)
        if names[0].sequence == 0 {
            #expect(survey.firstIndex == log.base + 1)
        } else {
            #expect(survey.firstIndex <= names[0].index && survey.firstIndex > 1)
        }
        var cursor = try LogReader.entries(ReplacingLog.directory, after: survey.firstIndex - 1, disk: log.disk)
        #expect(try cursor.rest() == log.entries(after: survey.firstIndex - 1))
    }
}
