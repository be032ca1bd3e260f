import Backups
import EtcdWire
import Platform
import Testing
import WriteAheadLog

@testable import Recovery

/// Old segments of an archive go once no kept snapshot needs them.
@Suite struct RetirementTests {
    private static let root = "/backups/archive"
    private static let log = "/m/wal"

    private static var settings: LogArchiver.Settings {
        var settings = LogArchiver.Settings()
        settings.segmentBytes = 900
        return settings
    }

    /// A log of so many entries, archived in rounds of five a second.
    private static func make(
        seed: UInt64, entries count: Int = 100, cluster: UInt64 = 0xabc, on disk: SimulatedDisk? = nil,
        log path: String = Self.log, from start: Int64 = 1000
    ) throws -> (disk: SimulatedDisk, archiver: LogArchiver, last: LogArchiver.Progress) {
        let disk = disk ?? SimulatedDisk(seed: seed)
        let parent = path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        try disk.makeDirectory(parent)
        let metadata = WALMetadata(nodeID: 7, clusterID: cluster)
        let log = try WriteAheadLog.create(path, metadata: metadata.encoded(), disk: disk)
        let archiver = LogArchiver(root: Self.root, cluster: "orders", disk: disk, settings: Self.settings)
        var random = SeededRandom(seed: seed)
        var last: LogArchiver.Progress?
        for first in stride(from: 1, to: count, by: 5) {
            let entries = (first..<first + 5).map { index in
                RaftEntry(term: 1, index: UInt64(index), data: (0..<Int.random(in: 1..<90, using: &random)).map { _ in 7 })
            }
            try log.append(entries, HardState(term: 1, vote: 7, commit: UInt64(first + 4)))
            last = try archiver.round(following: path, now: Timestamp(seconds: start + Int64(first)))
        }
        try log.close()
        return (disk, archiver, try #require(last))
    }

    private static func kept(_ index: UInt64, of cluster: UInt64 = 0xabc, since: Int64 = 1000) -> KeptSnapshots {
        KeptSnapshots(oldest: [cluster: index], since: Timestamp(seconds: since))
    }

    /// What is wrong with an archive of which nothing is needed up to an entry: entries that are needed must be there.
    private static func problem(_ path: String, _ index: UInt64, last: UInt64, _ disk: SimulatedDisk) throws -> String? {
        let catalog = try ArchiveDirectory(path, disk: disk).catalog()
        guard catalog.damaged.isEmpty, catalog.open.count == 1 else { return "the archive is \(catalog)" }
        let facts = try LogWalk.run(path, disk: disk, visit: { _, _, _ in })
        guard facts.findings.isEmpty, facts.stretches.count == 1 else { return "the log has \(facts.findings)" }
        let entries = facts.stretches[0]
        guard entries.firstIndex <= index + 1, entries.lastIndex == last else {
            return "it has entries \(entries.firstIndex) to \(entries.lastIndex)"
        }
        let closed = catalog.closed
        for (before, after) in zip(closed, closed.dropFirst()) where after.after != before.last { return "a gap" }
        return nil
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func whatNoSnapshotNeedsGoes(seed: UInt64) throws {
        let (disk, archiver, progress) = try Self.make(seed: seed)
        let directory = ArchiveDirectory(progress.directory, disk: disk)
        let before = try directory.catalog().closed
        #expect(before.count > 4, "seed \(seed)")
        for index in [UInt64(0), 7, 8, 23, 40, 41, progress.position.index] {
            let proof = try archiver.retain(Self.kept(index))
            let comment: Comment = "seed \(seed), entry \(index)"
            let wanted = Set(before.filter { $0.last.index > index }.map(\.name) + [before[before.count - 1].name])
            let catalog = try directory.catalog()
            #expect(Set(catalog.closed.map(\.name)) == wanted, comment)
            #expect(try Self.problem(progress.directory, index, last: progress.position.index, disk) == nil, comment)
            // The files of what is gone are gone, and those of what is here are here.
            let names = try disk.list(progress.directory)
            let allowed = (catalog.closed.map(\.name) + catalog.open).flatMap {
                [$0, $0 + ".manifest.json", $0 + ".times"]
            }
            #expect(Set(names).subtracting(allowed).subtracting(["start.json"]).isEmpty, comment)
            for segment in catalog.closed { try directory.verify(segment) }
            let marks = try (catalog.closed.map(\.name) + catalog.open).flatMap { try directory.times(of: $0) }
            let first = try #require(marks.first { $0.index >= index })
            #expect(proof == TimeMark(index: index, time: first.time), comment)
        }
        // It goes on where it was, now and after a restart.
        let log = try WriteAheadLog.open(Self.log, after: WALSnapshot(), disk: disk).log
        let next = progress.position.index + 1
        try log.append([RaftEntry(term: 1, index: next, data: [1])], HardState(term: 1, vote: 7, commit: next))
        let base = try directory.catalog().start
        for archiver in [archiver, LogArchiver(root: Self.root, cluster: "orders", disk: disk, settings: Self.settings)] {
            let again = try archiver.round(following: Self.log, now: Timestamp(seconds: 1100))
            #expect(again.position.index == next && again.began == nil && again.directory == progress.directory)
            #expect(again.base == base)
            archiver.close()
        }
        #expect(try Self.problem(progress.directory, progress.position.index, last: next, disk) == nil)
    }

    /// The disk stops after each operation of a removal, in each state that a power cut may leave.
    @Test(arguments: [1] as [UInt64]) func aCrashLeavesNoGap(seed: UInt64) throws {
        let index: UInt64 = 27
        func remove(stopAfter operations: Int?) throws -> (SimulatedDisk, LogArchiver.Progress, Int) {
            let (disk, archiver, progress) = try Self.make(seed: seed, entries: 45)
            let start = disk.operationCount
            if let operations { disk.stop(after: start + operations) }
            _ = try? archiver.retain(Self.kept(index))
            return (disk, progress, disk.operationCount - start)
        }
        let total = try remove(stopAfter: nil).2
        #expect(total > 10)
        for operation in 0...total {
            let (disk, progress, _) = try remove(stopAfter: operation)
            for crash in disk.crashStates() {
                let comment: Comment = "seed \(seed), stopped after \(operation), \(crash.kind)"
                let last = progress.position.index
                #expect(try Self.problem(progress.directory, index, last: last, crash.disk) == nil, comment)
                // The next one finishes it.
                let archiver = LogArchiver(root: Self.root, cluster: "orders", disk: crash.disk, settings: Self.settings)
                _ = try archiver.round(following: Self.log, now: Timestamp(seconds: 1100))
                _ = try archiver.retain(Self.kept(index))
                #expect(try Self.problem(progress.directory, index, last: last, crash.disk) == nil, comment)
                let closed = try ArchiveDirectory(progress.directory, disk: crash.disk).catalog().closed
                #expect(closed.allSatisfy { $0.last.index > index } && !closed.isEmpty, comment)
                let names = try crash.disk.list(progress.directory)
                #expect(!names.contains { $0 < closed[0].name && $0 != "start.json" }, comment)
            }
        }
    }

    /// The same where syncs do nothing: if this passed too, the test above would say nothing.
    @Test func theSweepSeesLostSyncs() throws {
        let (disk, archiver, progress) = try Self.make(seed: 1, entries: 45)
        disk.ignoreSyncs()
        _ = try archiver.retain(Self.kept(27))
        let problems = try disk.crashStates().compactMap {
            try Self.problem(progress.directory, 27, last: progress.position.index, $0.disk)
        }
        #expect(!problems.isEmpty)
    }

    /// A segment that goes without having been removed by the rule is still told of.
    @Test func whatIsMissingIsTold() throws {
        for removed in ["first", "middle", "start.json"] {
            let (disk, archiver, progress) = try Self.make(seed: 4)
            _ = try archiver.retain(Self.kept(23))
            let directory = ArchiveDirectory(progress.directory, disk: disk)
            let closed = try directory.catalog().closed
            let name = removed == "first" ? closed[0].name : removed == "middle" ? closed[1].name : removed
            try disk.remove("\(progress.directory)/\(name)")
            if name != removed { try disk.remove("\(progress.directory)/\(name).manifest.json") }
            #expect(try !directory.catalog().damaged.isEmpty, "\(removed)")
            let names = try disk.list(progress.directory)
            #expect(try !directory.prune(through: .max))
            #expect(try disk.list(progress.directory) == names, "where anything is damaged, all stays")
        }
    }

    /// The archive of an earlier life of the cluster goes with the last snapshot of that life; another cluster's never.
    @Test func anEarlierLifeGoesWhole() throws {
        let (disk, old, first) = try Self.make(seed: 5)
        old.close()
        let (_, archiver, second) = try Self.make(seed: 6, cluster: 0xdef, on: disk, log: "/n/wal", from: 5000)
        let both = KeptSnapshots(oldest: [0xabc: 12, 0xdef: 20], since: Timestamp(seconds: 1011))
        _ = try archiver.retain(both)
        #expect(try disk.stat(first.directory) != nil, "a snapshot of that life is kept")
        _ = try archiver.retain(Self.kept(20, of: 0xdef, since: 1030))
        #expect(try disk.stat(first.directory) != nil, "it was written to after the oldest snapshot was taken")
        let foreign = "\(Self.root)/1-0000000000000000"
        try disk.makeDirectory(foreign)
        _ = try archiver.retain(Self.kept(20, of: 0xdef, since: 5001))
        #expect(try disk.list(Self.root) == ["1-0000000000000000", String(second.directory.split(separator: "/").last ?? "")])
    }
}
