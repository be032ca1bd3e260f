import Backups
import EtcdWire
import Mutations
import Platform
import Recovery
import Testing

/// Restores from a store of snapshots, with the archive of the log in it.
@Suite struct ChainTests {
    /// A member's directory, and a store with an early snapshot of it, another cluster's, and the archive of its log.
    private static func make(seed: UInt64) throws -> (made: Fabricated, marks: [TimeMark]) {
        let made = try Fabricated(seed: seed, steps: 60, applied: 20)
        let disk = made.disk
        try disk.makeDirectory("/backups")
        for (name, source) in [("a", made), ("b", try Fabricated(seed: seed + 1, steps: 9, applied: .max, member: 8))] {
            let image = try source.disk.open("\(source.path)/member/snap/db", .read)
            let bytes = try image.read(at: 0, count: Int(try image.size()))
            let file = try disk.open("/backups/\(name).snapshot", .create)
            try file.write(bytes, at: 0)
            try file.sync()
            try file.close()
        }
        var settings = LogArchiver.Settings()
        settings.segmentBytes = 1500
        let archiver = LogArchiver(root: "/backups/archive", cluster: "orders", disk: disk, settings: settings)
        let progress = try archiver.round(following: "\(made.path)/member/wal", now: Timestamp(seconds: 5000))
        let archive = ArchiveDirectory(progress.directory, disk: disk)
        let catalog = try archive.catalog()
        let marks = try (catalog.closed.map(\.name) + catalog.open).flatMap { try archive.times(of: $0) }
        return (made, marks)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func theStoreAloneHasAll(seed: UInt64) throws {
        let (made, marks) = try Self.make(seed: seed)
        let last = UInt64(made.entries.count)
        #expect(marks.last == TimeMark(index: last, time: Timestamp(seconds: 5000)), "seed \(seed)")
        func restore(_ target: RestoreTarget, _ out: String) throws -> RestoreReport {
            try Restore.run(
                RestoreRequest(from: ["/backups/"], to: out, target: target, bump: .by(0)), disk: made.disk)
        }
        let latest = try restore(.latest, "/latest")
        #expect(latest.hashKV == made.hashes[last]?.hash, "seed \(seed)")
        #expect(latest.unconfirmed == nil, "an archive holds nothing that was not committed")
        #expect(latest.notes.contains { $0.contains("b.snapshot is of another cluster") }, "seed \(seed)")
        #expect(latest.parts.map(\.file).first == "/backups/a.snapshot", "seed \(seed)")
        let at = try restore(.time(Timestamp(seconds: 5000)), "/at")
        #expect(at.index == last, "seed \(seed)")
        #expect(at.time.map { $0.notAfter <= Timestamp(seconds: 5000) } == true, "seed \(seed)")
        let revision = try #require(made.hashes[40]).header.revision
        let early = try restore(.revision(revision), "/early")
        #expect(early.revision == revision && early.index >= 40, "seed \(seed)")
        #expect(early.hashKV == made.hashes[early.index]?.hash, "seed \(seed)")
    }

    @Test func anArchiveIsVerified() throws {
        let (made, _) = try Self.make(seed: 4)
        let name = try #require(try made.disk.list("/backups/archive").first)
        let path = "/backups/archive/\(name)"
        let sound = try Verify.run(path, disk: made.disk)
        #expect(sound.findings == [], "\(sound.findings)")
        #expect(try Inspect.run(path, disk: made.disk).facts.source.kind == .archive)
        let segment = try #require(try made.disk.list(path).first { $0.hasSuffix(".wal") })
        try made.disk.flip(1, at: 300, of: "\(path)/\(segment)")
        let verdict = try Verify.run(path, disk: made.disk)
        #expect(!verdict.isSound && verdict.findings.allSatisfy { $0.file == "\(path)/\(segment)" })
        let error = #expect(throws: RecoveryError.self) { try Verify.run("/backups", disk: made.disk) }
        #expect(error?.what.contains("name one of them") == true)
    }
}
