import Backups
import Bolt
import Platform
import Recovery
import TestSupport
import Testing
import YAML

/// Restores that apply the logs of real members.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct ReplayTests {
    private static let disk = RealDisk()

    private static func restore(
        _ sources: [String], to path: String, _ target: RestoreTarget
    ) throws -> RestoreReport {
        try Restore.run(RestoreRequest(from: sources, to: path, target: target, bump: .by(0)), disk: Self.disk)
    }

    /// Every revision that was looked at, with compactions between, from the log alone and from a snapshot and the log.
    @Test(arguments: EtcdVersion.enabled)
    func anyRevision(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        var work = Workload(member, seed: 11)
        work.sampling = 0.03
        try await work.run(300)
        let snapshot = try await member.saveSnapshot()
        let middle = try await member.hashKV().revision
        try await work.run(300)
        try await work.sample()
        let keys = try work.gateway.all()
        let leases = try await member.etcdctl("lease", "list")
        member.kill()
        #expect(work.hashes.count > 10)
        for (revision, live) in work.hashes.sorted(by: { $0.key < $1.key }) {
            let out = "\(member.directory.path)/out-\(revision)"
            let sources = revision > middle ? [snapshot, "\(member.dataDirectory)/member/wal"] : [member.dataDirectory]
            let report = try Self.restore(sources, to: out, .revision(revision))
            #expect(report.revision == revision, "seed \(work.seed)")
            #expect(report.hashKV.map { Int64($0) } == live.hash, "revision \(revision), seed \(work.seed)")
            #expect(report.compactRevision == max(0, live.compactRevision), "revision \(revision), seed \(work.seed)")
        }
        let (reborn, report) = try await Reborn.start(version, { $0.bump = .by(0) }, from: [member.dataDirectory])
        #expect(report.revision == work.revision)
        #expect(try await reborn.hashKV().hash == work.hashes[work.revision]?.hash)
        #expect(try Gateway(reborn).all() == keys)
        #expect(try await reborn.etcdctl("lease", "list") == leases)
        let far = #expect(throws: RecoveryError.self) {
            try Self.restore([member.dataDirectory], to: "\(member.directory.path)/far", .revision(work.revision + 1))
        }
        #expect(far?.code == .unreachable)
    }

    /// Two of three members are lost with their disks: what came after the last snapshot is in the survivor's log.
    @Test(arguments: EtcdVersion.enabled, EtcdVersion.enabled)
    func theSurvivorsLogHasAll(version: EtcdVersion, target: EtcdVersion) async throws {
        let members = try await EtcdProcess.startCluster(EtcdBinary.find(version), size: 3)
        let gateway = Gateway(members[0])
        for number in 0..<20 { try gateway.put("before/\(number)", "\(number)") }
        let snapshot = try await members[0].saveSnapshot()
        for number in 0..<500 { try gateway.put("after/\(number)", "\(number)") }
        let live = try await members[0].hashKV()
        let survivor = members[2]
        try await poll(within: .seconds(10), "the survivor has all") {
            try await survivor.hashKV().revision == live.revision ? () : nil
        }
        for member in members { member.kill() }
        let (reborn, report) = try await Reborn.start(target, from: [snapshot, survivor.dataDirectory])
        #expect(report.revision == live.revision)
        #expect(report.hashKV.map { Int64($0) } == live.hash)
        let found = try Gateway(reborn).all()
        #expect(found.count == 520)
        for number in 0..<500 {
            #expect(found[Gateway.base64(Array("after/\(number)".utf8))] == Gateway.base64(Array("\(number)".utf8)))
        }
        #expect(report.parts.contains { $0.file == "\(survivor.dataDirectory)/member/wal" } || report.parts.count == 1)
        #expect(report.startRevision > live.revision + 1_000_000)
        // With the survivor's log alone, from the snapshot on.
        let out = "\(survivor.directory.path)/out"
        let fromLog = try Self.restore([snapshot, "\(survivor.dataDirectory)/member/wal"], to: out, .latest)
        #expect(fromLog.hashKV == report.hashKV)
        #expect(fromLog.parts.map(\.file) == [snapshot, "\(survivor.dataDirectory)/member/wal"])
        // The logs of two: a majority, so nothing else can have been acknowledged.
        let majority = try Restore.run(
            RestoreRequest(from: [members[1].dataDirectory, survivor.dataDirectory], to: out + "2"), disk: Self.disk)
        #expect(majority.hashKV == report.hashKV)
        #expect(majority.bump < 1_000_000)
        // Of another cluster: refused.
        let other = try await EtcdProcess.start(EtcdBinary.find(version), name: "other")
        other.kill()
        let refused = #expect(throws: RecoveryError.self) {
            try Self.restore([survivor.dataDirectory, other.dataDirectory], to: out + "3", .latest)
        }
        #expect(refused?.code == .refused)
        #expect(refused?.what.contains("--allow-foreign-sources") == true)
        #expect(try Self.disk.stat(out + "3") == nil)
    }

    @Test(arguments: EtcdVersion.enabled)
    func aKeyDeletedByMistake(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        let gateway = Gateway(member)
        let lease = try gateway.grant(ttl: 5000)
        for number in 0..<50 { try gateway.put("config/\(number)", "value \(number)", lease: number == 7 ? lease : 0) }
        let good = try gateway.put("config/quote", "a \"quoted\"\nvalue")
        try gateway.put("config/8", "changed")
        let deleted = try gateway.delete("config/7")
        try gateway.put("config/new", "x")
        let snapshot = try await member.saveSnapshot()

        // By a whole restore, from the data directory as a crash leaves it, and from a snapshot taken afterwards.
        let copy = "\(member.directory.path)/copy"
        _ = try await Command.run("/bin/sh", ["-c", "cp -r \(member.dataDirectory) \(copy)"])
        for (place, source) in [copy, snapshot].enumerated() {
            let key = RestoreTarget.beforeDelete(Array("config/7".utf8))
            let (reborn, report) = try await Reborn.start(version, { $0.target = key }, from: [source])
            #expect(report.revision == deleted - 1, "source \(place)")
            let found = try Gateway(reborn).all()
            #expect(found[Gateway.base64(Array("config/7".utf8))] == Gateway.base64(Array("value 7".utf8)))
            #expect(found[Gateway.base64(Array("config/new".utf8))] == nil)
            let left = try await reborn.json("lease", "timetolive", String(UInt64(bitPattern: lease), radix: 16))
            #expect(left["granted-ttl"]?.int == 5000)
        }
        let never = #expect(throws: RecoveryError.self) {
            try Self.restore([snapshot], to: copy + "-never", .beforeDelete(Array("config/1".utf8)))
        }
        #expect(never?.code == .unreachable)

        // And by transactions into the live cluster.
        let diff = try Diff.run(
            from: DiffPoint(snapshot, revision: good), to: DiffPoint(snapshot),
            keys: KeyRange(prefix: Array("config/".utf8)), scratch: "\(member.directory.path)/scratch", disk: Self.disk)
        let words = diff.changes.map { "\($0.word) \(KeyText.printable($0.key))" }
        #expect(words == ["deleted config/7", "changed config/8", "added config/new"])
        // Someone changes a key meanwhile: it is not overwritten.
        try gateway.put("config/8", "newer")
        var writes: [Mapping] = []
        try diff.writes { writes.append($0.mapping ?? [:]) }
        let succeeded = try writes.map { try gateway.call("kv/txn", $0)["succeeded"]?.bool ?? false }
        #expect(succeeded == [true, false, true])
        let found = try gateway.all()
        #expect(found[Gateway.base64(Array("config/7".utf8))] == Gateway.base64(Array("value 7".utf8)))
        #expect(found[Gateway.base64(Array("config/8".utf8))] == Gateway.base64(Array("newer".utf8)))
        #expect(found[Gateway.base64(Array("config/new".utf8))] == nil)

        // From a directory whose log goes further than its database.
        let latest = try Diff.run(
            from: DiffPoint(snapshot), to: DiffPoint("\(copy)"), scratch: "\(member.directory.path)/scratch2", disk: Self.disk)
        #expect(latest.changes.isEmpty && latest.fromRevision == latest.toRevision)
    }

    /// Where the letters of values stand in a part of a file, from its beginning.
    private static func values(_ path: String, from offset: Int64) throws -> [Int] {
        let file = try self.disk.open(path, .read)
        let bytes = try file.read(at: offset, count: 1024)
        try file.close()
        return bytes.indices.filter { bytes[$0...].starts(with: Array("vvvv".utf8)) }
    }

    private static func flip(_ path: String, _ offset: Int64) throws {
        let file = try self.disk.open(path, .readWrite)
        let byte = try file.read(at: offset, count: 1)
        try file.write([byte[0] ^ 4], at: offset)
        try file.close()
    }

    /// A bit that flips in the log's middle, in a page, or in a snapshot is refused with its place; in the torn tail it is not.
    @Test(arguments: EtcdVersion.enabled)
    func damageIsRefusedWithItsPlace(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        let gateway = Gateway(member)
        for number in 0..<200 { try gateway.put("key/\(number)", String(repeating: "v", count: 100)) }
        let snapshot = try await member.saveSnapshot()
        member.kill()
        let log = "\(member.dataDirectory)/member/wal"
        let segment = "\(log)/\(try #require(Self.disk.list(log).first { $0.hasSuffix(".wal") }))"
        let used = try #require(try Inspect.run(member.dataDirectory, disk: Self.disk).facts.log?.segments.first?.usedBytes)
        let out = "\(member.directory.path)/out"

        func refused(_ source: String, _ file: String, near offset: Int64, within: Int64 = 4096) throws {
            let error = #expect(throws: RecoveryError.self) { try Self.restore([source], to: out, .latest) }
            #expect(error?.code == .damaged && error?.file == file, "\(String(describing: error))")
            let found = try #require(error?.offset)
            #expect(abs(found - offset) <= within, "\(found), not about \(offset)")
            #expect(try Self.disk.stat(out) == nil)
            let verdict = try Verify.run(source, disk: Self.disk)
            #expect(!verdict.isSound)
        }
        // In a value: a bit of the padding between records means nothing.
        let middle = used / 2 + Int64(try #require(Self.values(segment, from: used / 2).first))
        try Self.flip(segment, middle)
        try refused(member.dataDirectory, segment, near: middle)
        // What comes before it can still be had.
        let part = try Restore.run(
            {
                var request = RestoreRequest(from: [log], to: out + "-part", bump: .by(0))
                request.allowsDamagedLog = true
                return request
            }(), disk: Self.disk)
        #expect(part.revision > 50 && part.revision < 201)
        #expect(try Self.restore([log], to: out + "-early", .revision(20)).revision == 20)
        try Self.flip(segment, middle)

        let size = try #require(try Self.disk.stat(snapshot)).size
        // Its hash tells, or the page itself where it is looked at before.
        try Self.flip(snapshot, size / 2)
        try refused(snapshot, snapshot, near: size / 2, within: size)
        try Self.flip(snapshot, size / 2)
        try Self.flip(snapshot, size - 5)
        try refused(snapshot, snapshot, near: size - 32)
        try Self.flip(snapshot, size - 5)

        let database = "\(member.dataDirectory)/member/snap/db"
        let pages = try Inspect.run(member.dataDirectory, disk: Self.disk).facts.database
        #expect(pages?.isSound == true)
        let header = try Self.pageWithRows(database)
        try Self.flip(database, header + 8)
        try refused(member.dataDirectory, database, near: header)
        try Self.flip(database, header + 8)

        // A write that was cut off: the record's last sector never came.
        let whole = try Self.restore([log], to: out + "-whole", .latest)
        let file = try Self.disk.open(segment, .readWrite)
        var record = [UInt8](repeating: 0xAB, count: 2048)
        record[0..<8] = [0x00, 0x08, 0, 0, 0, 0, 0, 0]
        try file.write(record, at: used)
        try file.write([UInt8](repeating: 0, count: 2048), at: (used / 512 + 2) * 512)
        try file.close()
        let torn = try Self.restore([log], to: out + "-torn", .latest)
        #expect(torn.hashKV == whole.hashKV && torn.revision == 201)
        #expect(torn.notes.contains { $0.contains("torn tail, recoverable") })
        let verdict = try Verify.run(member.dataDirectory, disk: Self.disk)
        #expect(verdict.isSound && verdict.findings.contains { $0.what.hasPrefix("torn tail, recoverable") })
    }

    /// Where the page begins that holds the first row.
    private static func pageWithRows(_ path: String) throws -> Int64 {
        let file = try Self.disk.open(path, .read)
        var row: Int64?
        try BoltFile(file).check { (buckets, entry) throws(BoltError) in
            if buckets == [Array("key".utf8)[...]], row == nil { row = entry.offset }
        }
        var page = try #require(row) / 4096
        // Only a page's own header has its number there.
        while try file.read(at: page * 4096, count: 8) != (0..<8).map({ UInt8(truncatingIfNeeded: page >> ($0 * 8)) }) {
            page -= 1
        }
        return page * 4096
    }

    /// A time is proven by marks, and by when files were last written to; what lies between is left out, never taken in.
    @Test(arguments: EtcdVersion.enabled)
    func aTime(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        let gateway = Gateway(member)
        for number in 0..<30 { try gateway.put("key/\(number)", "v") }
        let index = UInt64(try #require(try await member.status()["raftIndex"]?.int))
        let revision = try gateway.revision()
        for number in 30..<60 { try gateway.put("key/\(number)", "v") }
        member.kill()
        let out = "\(member.directory.path)/out"
        let now = SystemClock().now()
        let mark = TimeMark(index: index, time: now - .seconds(3600))

        let early = #expect(throws: RecoveryError.self) {
            try Self.restore([member.dataDirectory], to: out, .time(now - .seconds(86_400)))
        }
        #expect(early?.code == .refused)
        let request = RestoreRequest(
            from: [member.dataDirectory], to: out, target: .time(now - .seconds(1800)), bump: .by(0), timeMarks: [mark])
        let report = try Restore.run(request, disk: Self.disk)
        #expect(report.revision == revision)
        #expect(report.time?.notAfter == mark.time)
        #expect(report.time.map { $0.undecided >= 30 } == true)
        let latest = try Self.restore([member.dataDirectory], to: out + "2", .time(now + .seconds(60)))
        #expect(latest.revision == 61)
        #expect(latest.time?.notBefore.map { now - $0 < .seconds(300) && $0 <= now } == true)
    }
}
