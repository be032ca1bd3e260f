import Backups
import EtcdWire
import Platform
import Testing
import WriteAheadLog

@testable import Recovery

extension SeededRandom {
    fileprivate mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}

/// A member's log as raft would write it: entries that are not committed may be replaced by those of a later term.
private struct MemberLog {
    static let path = "/member/wal"

    let disk: SimulatedDisk
    private let log: WriteAheadLog
    private var random: SeededRandom
    private var term: UInt64 = 1
    private(set) var entries: [RaftEntry] = []
    private(set) var commit: UInt64 = 0
    private var snapshots: [UInt64] = [0]

    init(seed: UInt64, disk: SimulatedDisk) throws {
        (self.disk, self.random) = (disk, SeededRandom(seed: seed))
        try disk.makeDirectory("/member")
        let metadata = WALMetadata(nodeID: 7, clusterID: 0xabc)
        self.log = try WriteAheadLog.create(
            Self.path, metadata: metadata.encoded(), disk: disk, configuration: WALConfiguration(segmentBytes: 4096))
    }

    var committed: [RaftEntry] { Array(self.entries.prefix(Int(self.commit))) }

    /// One batch: some entries, perhaps of a new leader, and a commit index that lags.
    mutating func step() throws {
        if self.random.below(8) == 0 {
            self.term += 1
            let kept = self.commit + UInt64(self.random.below(Int(UInt64(self.entries.count) - self.commit) + 1))
            self.entries.removeLast(self.entries.count - Int(kept))
        }
        var batch: [RaftEntry] = []
        for _ in 0..<self.random.below(4) {
            let data = (0..<self.random.below(200)).map { _ in UInt8(self.random.below(256)) }
            batch.append(RaftEntry(term: self.term, index: UInt64(self.entries.count + batch.count) + 1, data: data))
        }
        self.entries += batch
        self.commit += UInt64(self.random.below(Int(UInt64(self.entries.count) - self.commit) + 1))
        try self.log.append(batch, HardState(term: self.term, vote: 7, commit: self.commit))
        if self.commit > 0, self.random.below(10) == 0 {
            let term = self.entries[Int(self.commit) - 1].term
            try self.log.append(WALSnapshot(index: self.commit, term: term))
            self.snapshots.append(self.commit)
        }
    }

    mutating func purge() throws {
        try self.log.purge(before: self.snapshots[self.snapshots.count - 1])
    }

    mutating func below(_ bound: Int) -> Int { self.random.below(bound) }
}

private let root = "/backups/archive"

/// Every entry of an archive, read as a restore would.
private func archived(_ progress: LogArchiver.Progress, _ disk: SimulatedDisk) throws -> [RaftEntry] {
    let base = WALSnapshot(index: progress.base.index, term: progress.base.term)
    return try LogReader.read(progress.directory, after: base, disk: disk).entries
}

@Suite struct ArchiveTests {
    private static var settings: LogArchiver.Settings {
        var settings = LogArchiver.Settings()
        settings.segmentBytes = 3000
        return settings
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func theArchiveHoldsWhatIsCommitted(seed: UInt64) throws {
        let disk = SimulatedDisk(seed: 1)
        var member = try MemberLog(seed: seed, disk: disk)
        let archiver = LogArchiver(root: root, cluster: "orders", disk: disk, settings: Self.settings)
        var times: [UInt64: Timestamp] = [:]
        var now = Timestamp(seconds: 1000)
        var last: LogArchiver.Progress?
        for _ in 0..<120 {
            let before = member.commit
            try member.step()
            now = now + .milliseconds(100)
            for index in before..<member.commit { times[index + 1] = now }
            if member.below(3) == 0 { last = try archiver.round(following: MemberLog.path, now: now) }
        }
        let progress = try archiver.round(following: MemberLog.path, now: now)
        #expect(last?.base == progress.base, "seed \(seed)")
        #expect(try archived(progress, disk) == member.committed, "seed \(seed)")
        #expect(progress.position.index == member.commit && progress.commit == member.commit, "seed \(seed)")

        let directory = ArchiveDirectory(progress.directory, disk: disk)
        let catalog = try directory.catalog()
        #expect(catalog.damaged == [:] && catalog.open.count == 1 && catalog.closed.count > 1, "seed \(seed)")
        for segment in catalog.closed { try directory.verify(segment) }
        // No mark promises an entry for a time before it was committed.
        for name in catalog.closed.map(\.name) + catalog.open {
            for mark in try directory.times(of: name) {
                let committed = try #require(times[mark.index])
                #expect(mark.time >= committed, "seed \(seed)")
            }
        }
    }

    /// A member that writes and an archiver that follows, until the disk stops.
    private static func run(
        seed: UInt64, stopAfter: Int, ignoringSyncs: Bool = false
    ) throws -> (disk: SimulatedDisk, operations: Int, told: LogArchiver.Progress?) {
        let disk = SimulatedDisk(seed: seed)
        var member = try MemberLog(seed: seed, disk: disk)
        for _ in 0..<30 { try member.step() }
        let start = disk.operationCount
        if ignoringSyncs { disk.ignoreSyncs() }
        if stopAfter < .max { disk.stop(after: start + stopAfter) }
        var now = Timestamp(seconds: 1000)
        var told: LogArchiver.Progress?
        let archiver = LogArchiver(root: root, cluster: "orders", disk: disk, settings: Self.settings)
        do {
            for _ in 0..<12 {
                now = now + .milliseconds(400)
                told = try archiver.round(following: MemberLog.path, now: now)
                try member.step()
                try member.step()
            }
        } catch {
            // The disk stopped here.
            #expect(disk.isStopped, "seed \(seed), operation \(stopAfter): \(error)")
        }
        return (disk, disk.operationCount - start, told)
    }

    /// What is wrong with what a crash left, and with how another archiver goes on from there.
    private static func problem(_ disk: SimulatedDisk, _ told: LogArchiver.Progress?) throws -> String? {
        guard let contents = try? LogReader.read(MemberLog.path, after: WALSnapshot(), disk: disk) else { return nil }
        let archiver = LogArchiver(root: root, cluster: "orders", disk: disk, settings: Self.settings)
        let progress = try archiver.round(following: MemberLog.path, now: Timestamp(seconds: 2000))
        if progress.position.index < told?.position.index ?? 0 { return "entries that were archived are gone" }
        let committed = contents.entries.filter { $0.index <= contents.state.commit }
        if try !archived(progress, disk).starts(with: committed) { return "the archive is not what is committed" }
        let catalog = try ArchiveDirectory(progress.directory, disk: disk).catalog()
        return catalog.damaged.isEmpty && catalog.open.count == 1 ? nil : "the archive is \(catalog)"
    }

    private static func problems(seed: UInt64, ignoringSyncs: Bool = false) throws -> [String] {
        let total = try Self.run(seed: seed, stopAfter: .max).operations
        var problems: [String] = []
        for operation in 1..<total {
            let (disk, _, told) = try Self.run(seed: seed, stopAfter: operation, ignoringSyncs: ignoringSyncs)
            for crash in disk.crashStates() {
                let found: String?
                do { found = try Self.problem(crash.disk, told) } catch { found = "\(error)" }
                if let found { problems.append("seed \(seed), stopped after \(operation), \(crash.kind): \(found)") }
            }
        }
        return problems
    }

    /// The archiver is stopped after every operation on the disk, in each state that a power cut may leave.
    @Test(arguments: [1, 2] as [UInt64]) func anArchiverThatDiesGoesOn(seed: UInt64) throws {
        #expect(try Self.problems(seed: seed) == [])
    }

    @Test func withoutSyncsItWouldBeSeen() throws {
        #expect(try Self.problems(seed: 1, ignoringSyncs: true).count > 10)
    }

    @Test func aLogThatWasPurgedTooFarBeginsAnother() throws {
        let disk = SimulatedDisk(seed: 1)
        var member = try MemberLog(seed: 3, disk: disk)
        let archiver = LogArchiver(root: root, cluster: "orders", disk: disk, settings: Self.settings)
        for _ in 0..<20 { try member.step() }
        let first = try archiver.round(following: MemberLog.path, now: Timestamp(seconds: 1))
        #expect(first.began == nil && first.base.index == 0)
        archiver.close()
        for _ in 0..<300 { try member.step() }
        try member.purge()
        // As after a restart of the controller: the follower no longer holds the old segment open.
        let next = LogArchiver(root: root, cluster: "orders", disk: disk, settings: Self.settings)
        let second = try next.round(following: MemberLog.path, now: Timestamp(seconds: 60))
        #expect(second.directory != first.directory && second.base.index > first.position.index)
        #expect(second.began?.contains("purged") == true)
        #expect(try archived(second, disk) == Array(member.committed.dropFirst(Int(second.base.index))))
    }

    /// A member writes down that an entry is committed only with the next one: of a quiet log, it must say so itself.
    @Test func theLastEntryOfAQuietLogIsArchived() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/member")
        let metadata = WALMetadata(nodeID: 7, clusterID: 0xabc)
        let log = try WriteAheadLog.create(MemberLog.path, metadata: metadata.encoded(), disk: disk)
        let entries = (1...3).map { RaftEntry(term: 1, index: $0, data: [1]) }
        try log.append(entries, HardState(term: 1, vote: 7, commit: 2))
        let archiver = LogArchiver(root: root, cluster: "orders", disk: disk, settings: Self.settings)
        let first = try archiver.round(following: MemberLog.path, now: Timestamp(seconds: 10))
        #expect(first.position.index == 2 && first.completeUntil == nil)
        let said = LogArchiver.Commit(index: 3, at: Timestamp(seconds: 11))
        let second = try archiver.round(following: MemberLog.path, commit: said, now: Timestamp(seconds: 12))
        #expect(second.position.index == 3 && second.completeUntil == said.time && second.entries == [entries[2]])
        for second in 20...40 {
            let again = LogArchiver.Commit(index: 3, at: Timestamp(seconds: Int64(second)))
            _ = try archiver.round(following: MemberLog.path, commit: again, now: again.time)
        }
        let directory = ArchiveDirectory(first.directory, disk: disk)
        let marks = try directory.times(of: try #require(try directory.catalog().open.first))
        #expect(marks.filter { $0.index == 3 }.count >= 4, "that it was quiet is proven every few seconds")
        #expect(marks.last.map { Timestamp(seconds: 40) - $0.time < .seconds(6) } == true)
    }

    @Test func aByteThatChangedIsTold() throws {
        let disk = SimulatedDisk(seed: 1)
        var member = try MemberLog(seed: 5, disk: disk)
        let archiver = LogArchiver(root: root, cluster: "orders", disk: disk, settings: Self.settings)
        for round in 0..<40 {
            try member.step()
            _ = try archiver.round(following: MemberLog.path, now: Timestamp(seconds: Int64(round)))
        }
        let path = try archiver.round(following: MemberLog.path, now: Timestamp(seconds: 100)).directory
        let directory = ArchiveDirectory(path, disk: disk)
        let closed = try directory.catalog().closed
        let segment = try #require(closed.first)
        for name in [segment.name, segment.name + ".manifest.json"] {
            let file = try disk.open("\(path)/\(name)", .readWrite)
            let size = Int(try file.size())
            for offset in stride(from: 0, to: size, by: max(1, size / 50)) {
                let byte = try file.read(at: Int64(offset), count: 1)
                try file.write([byte[0] ^ 0x10], at: Int64(offset))
                let isTold = try !directory.catalog().damaged.isEmpty || (try? directory.verify(segment)) == nil
                #expect(isTold, "\(name) at \(offset)")
                try file.write(byte, at: Int64(offset))
            }
        }
        #expect(try directory.catalog().damaged == [:])
    }
}
