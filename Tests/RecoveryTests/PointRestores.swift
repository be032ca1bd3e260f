import Backups
import Glibc
import Platform
import Recovery
import TestSupport
import Testing
import YAML

/// Restores to many points of a member's life, each from the snapshots that were taken in it and from its log.
struct PointRestores {
    /// A moment at which nothing was under way.
    private struct Moment {
        var mark: TimeMark
        var revision: Int64
        /// Until when nothing is known to have been begun after it.
        var end: Timestamp?
    }

    private let member: EtcdProcess
    private let directory: TemporaryDirectory
    private var snapshots: [String] = []
    private var moments: [Moment] = []
    private let disk = RealDisk()

    init(_ member: EtcdProcess) throws {
        self.member = member
        self.directory = try TemporaryDirectory(inMemory: true)
    }

    /// Takes a snapshot, and notes the time.
    mutating func keep(_ work: inout OracleWorkload) async throws {
        let clock = SystemClock()
        if let last = self.moments.indices.last { self.moments[last].end = clock.now() }
        let path = "\(self.directory.path)/\(self.snapshots.count).snapshot"
        try await self.member.etcdctl("snapshot", "save", path)
        self.snapshots.append(path)
        let status = try work.gateway.call("maintenance/status", [:])
        let index = UInt64(Gateway.number(status["raftIndex"]) ?? 0)
        try work.sample()
        self.moments.append(Moment(mark: TimeMark(index: index, time: clock.now()), revision: work.revision))
    }

    /// Restores each of so many revisions, and times between.
    func run(_ work: OracleWorkload, count: Int) async throws {
        let log = "\(self.directory.path)/log"
        let copied = try await Command.run(
            "/bin/cp", ["-r", "--sparse=always", "\(self.member.dataDirectory)/member/wal", log])
        try #require(copied.status == 0, "\(copied.text)")
        var random = work.random
        // The last at a revision is what stood there before the next.
        let samples = Dictionary(work.samples.map { ($0.revision, $0) }) { $1 }
        let order = samples.keys.sorted().shuffled(using: &random)
        #expect(order.count >= min(count, 100), "only \(order.count) revisions were looked at")
        var compactions: Set<Int64> = []
        for revision in order.prefix(count) {
            let sample = try #require(samples[revision])
            let report = try self.restore(.revision(revision), log)
            let comment: Comment = "seed \(work.seed), revision \(revision)"
            #expect(report.revision == revision, comment)
            #expect(report.hashKV == sample.hash, comment)
            #expect(report.compactRevision == max(0, sample.compacted), comment)
            compactions.insert(sample.compacted)
        }
        #expect(compactions.count > min(count, 50) / 10)
        try self.times(log, &random)
    }

    /// The last transaction at or before a time, never one after.
    private func times(_ log: String, _ random: inout SeededRandom) throws {
        #expect(self.moments.count > 3)
        for moment in self.moments {
            let end = moment.end ?? moment.mark.time + .milliseconds(1)
            for _ in 0..<3 {
                let share = Double.random(in: 0..<1, using: &random)
                let time = moment.mark.time + (end - moment.mark.time) * share
                let report = try self.restore(.time(time), log)
                #expect(report.revision == moment.revision, "\(time), after \(moment.mark)")
                #expect(report.index == moment.mark.index && report.time.map { $0.notAfter <= time } == true, "\(time)")
            }
            // At the time itself, and a moment before.
            #expect(try self.restore(.time(moment.mark.time), log).revision == moment.revision)
        }
    }

    private func restore(_ target: RestoreTarget, _ log: String) throws -> RestoreReport {
        let out = "\(self.directory.path)/out"
        let request = RestoreRequest(
            from: self.snapshots + [log], to: out, target: target, bump: .by(0), timeMarks: self.moments.map(\.mark))
        defer {
            self.remove(out)
            self.remove("\(out).report.json")
        }
        return try Restore.run(request, disk: self.disk)
    }

    private func remove(_ path: String) {
        if (try? self.disk.stat(path))??.isDirectory == true {
            for name in (try? self.disk.list(path)) ?? [] { self.remove("\(path)/\(name)") }
            unsafe rmdir(path)
        } else {
            unsafe unlink(path)
        }
    }
}
