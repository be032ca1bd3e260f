import EtcdWire
import Platform
import Testing

@testable import WriteAheadLog

/// Power cuts while states are saved beside their log, as a member saves them: the state, then the log's record of it.
@Suite struct SnapshotCrashTests {
    /// What a run came to before the power was cut.
    struct Run {
        var disk: SimulatedDisk
        /// The index of the last state that the log names.
        var acknowledged: UInt64 = 0
    }

    private static let configuration = WALConfiguration(segmentBytes: 3000, preallocates: false)

    private static func files(_ disk: SimulatedDisk) -> SnapshotFiles { SnapshotFiles("/m/snap", disk: disk) }

    /// The state at an index; what is in it follows from that alone.
    private static func state(_ index: UInt64) -> RaftSnapshot {
        var random = SeededRandom(seed: index)
        let data = (0..<Int.random(in: 400...2000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        return RaftSnapshot(
            data: data, metadata: RaftSnapshotMetadata(confState: ConfState(voters: [1]), index: index, term: 1))
    }

    private static func save(_ log: WriteAheadLog, after last: UInt64, _ disk: SimulatedDisk) throws -> UInt64 {
        let entries = (last + 1...last + 10).map { RaftEntry(term: 1, index: $0, data: [UInt8](repeating: 7, count: 50)) }
        try log.append(entries, HardState(term: 1, vote: 1, commit: last + 10))
        try Self.files(disk).save(Self.state(last + 10))
        try log.append(WALSnapshot(index: last + 10, term: 1))
        return last + 10
    }

    private static func run(stopAfter: Int, ignoringSyncs: Bool = false) -> Run {
        var run = Run(disk: SimulatedDisk(seed: UInt64(truncatingIfNeeded: stopAfter)))
        if ignoringSyncs { run.disk.ignoreSyncs() }
        run.disk.stop(after: stopAfter)
        try? Self.work(&run)
        return run
    }

    private static func work(_ run: inout Run) throws {
        try run.disk.makeDirectory("/m/snap")
        let log = try WriteAheadLog.create("/m/wal", metadata: [1], disk: run.disk, configuration: Self.configuration)
        for round in 1...7 {
            run.acknowledged = try Self.save(log, after: run.acknowledged, run.disk)
            guard round % 3 == 0 else { continue }
            try log.purge(before: run.acknowledged)
            try Self.files(run.disk).purge(keeping: 2)
        }
    }

    /// Why a disk found after a power cut is not as it must be. What is left is gone on with, as a member would.
    private static func problem(_ run: Run, _ disk: SimulatedDisk) -> String? {
        do {
            guard try disk.stat("/m/wal") != nil else { return run.acknowledged == 0 ? nil : "no log" }
            let files = Self.files(disk)
            for next in 0..<2 as Range<UInt64> {
                let valid = try LogReader.read("/m/wal", disk: disk, configuration: Self.configuration).validSnapshots
                let newest = try files.newest(of: valid)
                guard let snapshot = newest.snapshot else { return "no state of \(valid)" }
                guard newest.problems.isEmpty else { return "\(newest.problems)" }
                guard snapshot.index >= run.acknowledged + next * 10 else {
                    return "the newest state is of \(snapshot.index), \(run.acknowledged) was acknowledged"
                }
                guard newest.state.map({ $0 == Self.state(snapshot.index) }) ?? (snapshot.index == 0) else {
                    return "the state of \(snapshot.index) is another"
                }
                guard next == 0 else { break }
                let (log, contents) = try WriteAheadLog.open(
                    "/m/wal", after: snapshot, disk: disk, configuration: Self.configuration)
                try files.purge(before: snapshot.index)
                guard try disk.list("/m/snap").allSatisfy({ $0.hasSuffix(".snap") }) else { return "a rest is not removed" }
                let last = contents.entries.last?.index ?? snapshot.index
                guard try Self.save(log, after: last, disk) > snapshot.index else { return "it does not go on" }
                try log.close()
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func problems(ignoringSyncs: Bool = false) -> [String] {
        let total = self.run(stopAfter: .max).disk.operationCount
        var problems: [String] = []
        for operation in 0...total {
            let run = self.run(stopAfter: operation, ignoringSyncs: ignoringSyncs)
            for crash in run.disk.crashStates() {
                guard let problem = self.problem(run, crash.disk) else { continue }
                problems.append("stopped after \(operation), \(crash.kind): \(problem)")
            }
        }
        return problems
    }

    @Test func everyStateThatTheLogNamesIsWhole() {
        #expect(Self.problems() == [])
    }

    @Test func withoutSyncsItWouldBeSeen() {
        #expect(Self.problems(ignoringSyncs: true).count > 10)
    }

    /// A second power cut, at every operation of going on after the first.
    @Test func recoveryCanBeInterrupted() {
        let total = Self.run(stopAfter: .max).disk.operationCount
        for operation in stride(from: 4, through: total, by: 7) {
            let run = Self.run(stopAfter: operation)
            for kind in CrashKind.all {
                let whole = run.disk.afterCrash(kind)
                _ = Self.problem(run, whole)
                for second in 0..<whole.operationCount {
                    let disk = run.disk.afterCrash(kind)
                    disk.stop(after: second)
                    _ = Self.problem(run, disk)
                    for crash in disk.unsyncedCount == 0 ? disk.crashStates()[..<1] : disk.crashStates()[...] {
                        let problem = Self.problem(run, crash.disk)
                        #expect(problem == nil, "\(operation) \(kind), then \(second) \(crash.kind): \(problem ?? "")")
                    }
                }
            }
        }
    }
}
