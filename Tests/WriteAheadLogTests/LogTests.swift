import EtcdWire
import Platform
import Testing

@testable import WriteAheadLog

extension WALConfiguration {
    static let small = WALConfiguration(segmentBytes: 40_000)
}

/// A log on a simulated disk that is fed batches and remembers which were acknowledged.
struct LogWorkload {
    static let directory = "/wal"
    let disk: SimulatedDisk
    var configuration = WALConfiguration(segmentBytes: 3000, commitIsDurable: true)
    var acknowledged: [RaftEntry] = []
    var offered: [RaftEntry] = []
    var snapshots: [UInt64] = [0]

    init(seed: UInt64) {
        self.disk = SimulatedDisk(seed: seed)
    }

    /// Appends batches, notes a snapshot now and then, and purges; ends early where the disk stops.
    mutating func run(batches: Int, seed: UInt64, purges: Bool = true) {
        var random = SeededRandom(seed: seed)
        do {
            let log = try WriteAheadLog.create(
                Self.directory, metadata: Array("whose".utf8), disk: self.disk, configuration: self.configuration)
            for batch in 0..<batches {
                let first = UInt64(self.offered.count)
                let entries = (1...UInt64.random(in: 1...4, using: &random)).map { offset in
                    let size = Int.random(in: 1...600, using: &random)
                    let data = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
                    return RaftEntry(term: 1, index: first + offset, data: data)
                }
                self.offered += entries
                try log.append(entries, HardState(term: 1, vote: 1, commit: first))
                self.acknowledged = self.offered
                if batch % 7 == 6 {
                    let index = UInt64(self.acknowledged.count)
                    try log.append(WALSnapshot(index: index, term: 1, confState: ConfState(voters: [1])))
                    self.snapshots.append(index)
                    if purges { try log.purge(before: self.snapshots[self.snapshots.count - 2]) }
                }
            }
            try log.close()
        } catch {}
    }

    /// Nil where all is well after a crash.
    func problem(after disk: SimulatedDisk) -> String? {
        do {
            guard try disk.stat(Self.directory) != nil else {
                return self.acknowledged.isEmpty ? nil : "no log, though entries had been acknowledged"
            }
            let summary = try LogReader.read(Self.directory, disk: disk, configuration: self.configuration)
            let start = summary.validSnapshots.last ?? WALSnapshot()
            // A hard state's commit lags one batch, and a snapshot record is only written for durable entries.
            let (log, contents) = try WriteAheadLog.open(
                Self.directory, after: start, disk: disk, configuration: self.configuration)
            let kept = self.offered.prefix(Int(start.index)) + contents.entries
            guard kept.count >= self.acknowledged.count else {
                return "\(self.acknowledged.count) acknowledged, \(kept.count) found"
            }
            guard kept.elementsEqual(self.offered.prefix(kept.count)) else { return "entries differ from those offered" }
            let next = RaftEntry(term: 2, index: UInt64(kept.count) + 1, data: [7])
            try log.append([next], HardState(term: 2, vote: 1, commit: UInt64(kept.count)))
            try log.close()
            let again = try LogReader.read(Self.directory, after: start, disk: disk, configuration: self.configuration)
            return again.entries == contents.entries + [next] ? nil : "cannot continue"
        } catch {
            return "\(error)"
        }
    }
}

@Suite struct LogTests {
    @Test func writesAndReadsOverManySegments() throws {
        var workload = LogWorkload(seed: 3)
        workload.run(batches: 60, seed: 3, purges: false)
        #expect(workload.acknowledged.count > 60)
        let names = try workload.disk.list(LogWorkload.directory)
        #expect(names.count > 5)
        let contents = try LogReader.read(LogWorkload.directory, after: WALSnapshot(), disk: workload.disk)
        #expect(contents.entries == workload.acknowledged)
        #expect(contents.metadata == Array("whose".utf8))
        #expect(contents.state.term == 1)
        #expect(contents.snapshots.map(\.index) == workload.snapshots)
        let later = try #require(contents.validSnapshots.last)
        let tail = try LogReader.read(LogWorkload.directory, after: later, disk: workload.disk)
        #expect(tail.entries == Array(workload.acknowledged.dropFirst(Int(later.index))))
    }

    @Test func purgingKeepsWhatASnapshotNeeds() throws {
        var workload = LogWorkload(seed: 3)
        workload.run(batches: 60, seed: 3)
        let names = try workload.disk.list(LogWorkload.directory).compactMap { SegmentName($0) }
        #expect(names[0].sequence > 0)
        #expect(workload.problem(after: workload.disk) == nil)
        do throws(WALError) {
            _ = try LogReader.read(LogWorkload.directory, after: WALSnapshot(), disk: workload.disk)
            Issue.record("read from purged segments")
        } catch {
            #expect(error.code == .missingSegment)
        }
    }

    @Test func oneWriteAndOneSyncABatch() throws {
        let disk = SimulatedDisk(seed: 1)
        let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: .small)
        let before = disk.operationCount
        let entries = (1...64).map { RaftEntry(term: 1, index: UInt64($0), data: [UInt8](repeating: 1, count: 256)) }
        try log.append(entries, HardState(term: 1, vote: 1, commit: 0))
        #expect(disk.operationCount == before + 2)
    }

    @Test func aSecondOpenIsRefused() throws {
        let disk = SimulatedDisk(seed: 1)
        let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: .small)
        do throws(WALError) {
            _ = try WriteAheadLog.open("/wal", after: WALSnapshot(), disk: disk, configuration: .small)
            Issue.record("opened twice")
        } catch {
            #expect(error.code == .locked)
            #expect(error.description.contains("in use by another process"))
        }
        try log.close()
        _ = try WriteAheadLog.open("/wal", after: WALSnapshot(), disk: disk, configuration: .small)
    }

    @Test func afterAFailedSyncNothingMoreIsWritten() throws {
        let disk = SimulatedDisk(seed: 1)
        let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: .small)
        disk.fail(operation: disk.operationCount + 2)
        let entry = RaftEntry(term: 1, index: 1, data: [1])
        #expect(throws: WALError.self) { try log.append([entry]) }
        let count = disk.operationCount
        #expect(throws: WALError.self) { try log.append([entry]) }
        #expect(disk.operationCount == count)
    }

    /// What was read from the cache after a failed sync is durable once the log is open.
    @Test func openingMakesWhatItReadDurable() throws {
        let disk = SimulatedDisk(seed: 1)
        let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: .small)
        disk.fail(operation: disk.operationCount + 2)
        #expect(throws: WALError.self) { try log.append([RaftEntry(term: 1, index: 1, data: [1])]) }
        try log.close()
        let (_, contents) = try WriteAheadLog.open("/wal", after: WALSnapshot(), disk: disk, configuration: .small)
        #expect(contents.entries.count == 1)
        let later = try LogReader.read("/wal", after: WALSnapshot(), disk: disk.afterCrash(.nothingUnsynced))
        #expect(later.entries == contents.entries)
    }

    @Test func conflictingMetadataAndMissingSegments() throws {
        var workload = LogWorkload(seed: 3)
        workload.run(batches: 30, seed: 3, purges: false)
        let names = try workload.disk.list(LogWorkload.directory)
        try workload.disk.remove("\(LogWorkload.directory)/\(names[2])")
        do throws(WALError) {
            _ = try LogReader.read(LogWorkload.directory, disk: workload.disk)
            Issue.record("read over a gap")
        } catch {
            #expect(error.code == .missingSegment)
            #expect(error.description.contains(names[1]))
        }
    }
}
