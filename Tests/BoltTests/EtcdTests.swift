import Bolt
import Platform
import TestSupport
import Testing

/// Real etcd as the judge, both ways.
@Suite(.timeLimit(.minutes(4)), .enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct EtcdTests {
    private static let key = Array("key".utf8)

    /// A revision as etcd's keys have it: eight bytes, `_`, eight bytes.
    private static func revision(_ main: UInt64) -> [UInt8] {
        little(main).reversed() + [0x5F] + Array(repeating: 0, count: 8)
    }

    /// An `mvccpb.KeyValue` of something put once: fields 1, 2, 3, 4 and 5.
    private static func row(_ key: String, _ value: String, revision: UInt64) -> [UInt8] {
        func varint(_ number: UInt64) -> [UInt8] {
            number < 0x80 ? [UInt8(number)] : [UInt8(number & 0x7F) | 0x80] + varint(number >> 7)
        }
        func bytes(_ tag: UInt8, _ text: String) -> [UInt8] { [tag] + varint(UInt64(text.utf8.count)) + Array(text.utf8) }
        return bytes(0x0A, key) + [0x10] + varint(revision) + [0x18] + varint(revision) + [0x20, 1] + bytes(0x2A, value)
    }

    /// A database as etcd lays it out, with `count` keys `k1`... in revisions from 2 on, changed in many transactions.
    private static func make(_ path: String, count: Int, options: BoltDatabase.Options = .init()) throws {
        let database = try BoltDatabase.open(path, disk: RealDisk(), options: options)
        let buckets = [
            "alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members", "members_removed", "meta",
        ]
        var random = SeededRandom(seed: 1)
        var made = 0
        while made < count {
            let transaction = try database.begin()
            for name in buckets { try transaction.createBucketIfMissing(Array(name.utf8)) }
            for _ in 0..<min(count - made, Int.random(in: 1...400, using: &random)) {
                made += 1
                let row = Self.row("k\(made)", "value \(made)", revision: UInt64(made + 1))
                try transaction.put(Self.revision(UInt64(made + 1)), row, in: Self.key, fillPercent: 0.9)
                // What is put for no use, and removed again at random.
                try transaction.put(
                    Array("junk\(made)".utf8), Array(repeating: 7, count: made % 200 + 200), in: Array("lease".utf8))
            }
            try transaction.put(Array("consistent_index".utf8), little(UInt64(made)).reversed(), in: Array("meta".utf8))
            for _ in 0..<300 {
                let junk = Array("junk\(Int.random(in: 1...made, using: &random))".utf8)
                try transaction.remove(junk, in: Array("lease".utf8))
            }
            try transaction.commit()
        }
        let transaction = try database.begin()
        try transaction.deleteBucket(Array("lease".utf8))
        try transaction.createBucketIfMissing(Array("lease".utf8))
        try transaction.commit()
        try database.close()
    }

    private static func status(_ path: String) async throws -> String {
        let output = try await Command.run(EtcdBinary.find(.v35).etcdutl, ["snapshot", "status", path, "-w", "json"])
        guard output.status == 0 else { throw TestSupportError("etcdutl snapshot status \(path): \(output.text)") }
        return output.text
    }

    /// `etcdutl` runs bbolt's own check over the file, and counts.
    @Test(.enabled(if: EtcdVersion.v35.isEnabled), arguments: [false, true])
    func bboltAcceptsWhatIsWritten(syncFreelist: Bool) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/db"
        try Self.make(path, count: 5000, options: .init(syncFreelist: syncFreelist))
        #expect(try RealDisk().checked(path).buckets[Self.key]?.keys.count == 5000)
        let whole = try await Self.status(path)
        #expect(whole.contains("\"revision\":5001") && whole.contains("\"totalKey\":5001"), "\(whole)")
        // The image that a snapshot gives, and a copy without free pages, hold the same.
        let database = try BoltDatabase.open(path, disk: RealDisk())
        try database.compact(into: path + ".copy")
        let image = try RealDisk().open(path + ".image", .createNew)
        let snapshot = try database.snapshot()
        var offset: Int64 = 0
        try snapshot.write { (bytes) throws(DiskError) in
            try image.write(bytes, at: offset)
            offset += Int64(bytes.count)
        }
        snapshot.close()
        try database.close()
        func hash(_ text: String) -> Substring { text.split(separator: ",").first ?? "" }
        #expect(hash(try await Self.status(path + ".copy")) == hash(whole))
        #expect(hash(try await Self.status(path + ".image")) == hash(whole))
        #expect(try RealDisk().stat(path + ".copy")?.size ?? 0 < RealDisk().stat(path)?.size ?? 0)
    }

    @Test(.enabled(if: EtcdVersion.v35.isEnabled)) func etcdBootsFromWhatIsWritten() async throws {
        let binary = try EtcdBinary.find(.v35)
        let directory = try TemporaryDirectory()
        try Self.make(directory.path + "/db", count: 1000)
        let ports = try Loopback.freePorts(2)
        let member = try EtcdProcess(binary, name: "m1", ports: ports)
        let restored = try await Command.run(
            binary.etcdutl,
            [
                "snapshot", "restore", directory.path + "/db", "--skip-hash-check", "--data-dir", member.dataDirectory,
                "--name", "m1", "--initial-cluster", "m1=\(member.peerURL)", "--initial-advertise-peer-urls", member.peerURL,
            ])
        #expect(restored.status == 0, "\(restored.text)")
        try member.start()
        try await member.waitUntilHealthy()
        #expect(try await member.etcdctl("get", "k777", "--print-value-only") == "value 777\n")
        let keys = try await member.etcdctl("get", "k", "--prefix", "--keys-only")
        #expect(keys.split(separator: "\n").count == 1000)
        try await member.etcdctl("put", "k777", "changed")
        #expect(try await member.etcdctl("get", "k777", "--print-value-only") == "changed\n")
    }

    /// A file that etcd made is read, locked against, changed, and taken back.
    @Test(arguments: EtcdVersion.enabled) func etcdTakesBackWhatWasChanged(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        for number in 1...40 { try await member.etcdctl("put", "a\(number)", String(repeating: "v", count: number * 50)) }
        let path = member.dataDirectory + "/member/snap/db"
        let refused = #expect(throws: BoltError.self) { try BoltDatabase.open(path, disk: RealDisk()) }
        #expect(refused?.what.contains("another process") == true, "etcd holds its own lock")

        member.signal(15)
        let database = try await poll(within: .seconds(20), "etcd \(version) ends and gives up its lock") {
            try? BoltDatabase.open(path, disk: RealDisk())
        }
        let before = try RealDisk().checked(path)
        let rows = try #require(before.buckets[Self.key]?.keys)
        #expect(rows.count >= 40)
        let snapshot = try database.snapshot()
        #expect(try ModelBucket(snapshot.root) == before)
        snapshot.close()

        // Keys with revisions of their own, after the last.
        let last = rows.keys.map { $0.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }.max() ?? 0
        for batch in 0..<5 as Range<UInt64> {
            let transaction = try database.begin()
            for number in 1...100 as ClosedRange<UInt64> {
                let revision = last + batch * 100 + number
                let row = Self.row("b\(revision)", "from outside \(revision)", revision: revision)
                try transaction.put(Self.revision(revision), row, in: Self.key, fillPercent: 0.9)
            }
            try transaction.commit()
        }
        if version == .v35 { try database.defragment() }
        try database.close()
        #expect(try RealDisk().checked(path).buckets[Self.key]?.keys.count == rows.count + 500)
        if EtcdVersion.v35.isEnabled {
            #expect(try await Self.status(path).contains("\"totalKey\":"))
        }

        member.kill()
        try member.start()
        try await member.waitUntilHealthy()
        #expect(try await member.etcdctl("get", "b\(last + 321)", "--print-value-only") == "from outside \(last + 321)\n")
        #expect(try await member.etcdctl("get", "a7", "--print-value-only") == String(repeating: "v", count: 350) + "\n")
        try await member.etcdctl("put", "c", "d")
        let keys = try await member.etcdctl("get", "", "--prefix", "--keys-only")
        #expect(keys.split(separator: "\n").count == 541)
    }
}
