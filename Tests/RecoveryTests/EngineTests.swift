import Backups
import Bolt
import Platform
import Recovery
import TestSupport
import Testing
import YAML

/// Snapshots that etcd itself made, compared with what etcd and its tools say of them.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct EngineTests {
    private static let disk = RealDisk()

    /// What `etcdutl snapshot status` sums up: all names, keys and values of all buckets.
    private static func checksum(_ path: String) throws -> (hash: Int128, keys: Int64, pages: Int64) {
        let file = try Self.disk.open(path, .read)
        let bolt = try BoltFile(file, size: SnapshotFile.imageSize(ofFile: try file.size()))
        var hash: UInt32 = 0
        var cursor = bolt.root.cursor()
        while let bucket = try cursor.next() {
            hash = CRC32C.checksum(bucket.key, continuing: hash)
            var rows = try cursor.bucket(bucket).cursor()
            while let row = try rows.next() {
                hash = CRC32C.checksum(row.key, continuing: hash)
                hash = CRC32C.checksum(row.value, continuing: hash)
            }
        }
        let report = try bolt.check()
        return (Int128(hash), report.entries, report.pages)
    }

    /// Compares what is read from inside a snapshot with what the member says, which must be at rest.
    private static func compare(_ member: EtcdProcess) async throws -> SnapshotContents {
        let path = try await member.saveSnapshot()
        let status = try await member.status()
        let verified = try SnapshotInspector.verify(path, Self.disk)
        let contents = verified.contents
        #expect(Int128(contents.revision) == status["header"]?["revision"]?.int)
        #expect(Int128(contents.raftIndex) == status["raftIndex"]?.int)
        let term = member.binary.version == .v34 ? 0 : status["header"]?["raft_term"]?.int
        #expect(Int128(contents.raftTerm) == term)
        let memberID = try #require(status["header"]?["member_id"]?.int)
        #expect(contents.members == [String(memberID, radix: 16)])
        let counted = try await member.json("get", "", "--prefix", "--keys-only")
        #expect(Int128(contents.keys) == counted["count"]?.int ?? 0)
        if let binary = try? EtcdBinary.find(.v35) {
            let tool = try await snapshotStatus(path, binary)
            #expect(Int128(contents.revision) == tool["revision"]?.int)
            let walked = try Self.checksum(path)
            #expect(walked.hash == tool["hash"]?.int)
            #expect(Int128(walked.keys) == tool["totalKey"]?.int)
        }
        return contents
    }

    @Test(arguments: EtcdVersion.enabled)
    func aLifeOfPutsDeletesAndCompactions(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        try await member.etcdctl("put", "first", "1")
        var contents = try await Self.compare(member)
        #expect(contents.revision == 2 && contents.keys == 1 && contents.rows == 1 && contents.compactRevision == 0)

        // More than a page of rows, and one that takes many pages.
        try await member.put((0..<1200).map { (key: "key/\($0)", value: String(repeating: "v", count: $0 % 300)) })
        try await member.shell("lease grant 600")
        let big = "\(member.directory.path)/big"
        _ = try await Command.run("/bin/sh", ["-c", "head -c 100000 /dev/urandom | od -An -tx1 | head -c 100000 > \(big)"])
        try await member.shell("put big < \(big)")
        contents = try await Self.compare(member)
        #expect(contents.keys == 1202 && contents.rows == 1202)

        // Deleted, made again, changed; and history cut off in the middle of it.
        try await member.etcdctl("del", "key/1", "key/2")
        try await member.etcdctl("put", "key/1", "again")
        try await member.put((0..<100).map { (key: "key/\($0)", value: "new") })
        try await member.etcdctl("del", "key/50")
        let revision = try #require(try await member.status()["header"]?["revision"]?.int)
        try await member.etcdctl("compaction", "--physical", "\(revision - 1)")
        try await member.etcdctl("put", "after", "compaction")
        contents = try await Self.compare(member)
        #expect(Int128(contents.compactRevision) == revision - 1)
        #expect(contents.rows < 1400)

        // Compacted at a tombstone.
        try await member.etcdctl("del", "after")
        try await member.etcdctl("compaction", "--physical", "\(revision + 2)")
        try await member.etcdctl("put", "last", "1")
        contents = try await Self.compare(member)
        #expect(Int128(contents.compactRevision) == revision + 2)

        // Defragmented: pages written anew, by another writer.
        try await member.etcdctl("defrag")
        try await member.etcdctl("put", "last", "2")
        _ = try await Self.compare(member)
    }

    /// From the stream to the manifest and back, as one made by hand.
    @Test(arguments: EtcdVersion.enabled)
    func theStoreKeepsARealSnapshot(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        try await member.put((0..<300).map { (key: "key/\($0)", value: "\($0)") })
        let path = try await member.saveSnapshot()
        let store = DirectorySnapshotStore(
            path: "\(member.directory.path)/backups", disk: Self.disk, inspect: SnapshotInspector.inspect)
        let file = try Self.disk.open(path, .read)
        let writer = try await store.begin("orders-1")
        var offset: Int64 = 0
        while case let bytes = try file.read(at: offset, count: 32 << 10), !bytes.isEmpty {
            try await writer.write(bytes)
            offset += Int64(bytes.count)
        }
        let labels = SnapshotLabels(cluster: "orders", clusterID: "1", member: "m1", takenAt: Timestamp(seconds: 1_795_391_615))
        let manifest = try await writer.finish(labels)
        #expect(manifest.contents.keys == 300 && manifest.sizeBytes == offset)
        #expect(try await store.list() == SnapshotListing(snapshots: [manifest], damaged: [:]))
        try await store.verify(manifest)

        let byHand = try await SnapshotLocation.parse(path).verified(Self.disk, inspect: SnapshotInspector.inspect)
        #expect(byHand.contents == manifest.contents && byHand.sha256 == manifest.sha256)
        // The database it was taken of has the same keys, and no hash at its end.
        member.kill()
        let database = try SnapshotInspector.inspect("\(member.dataDirectory)/member/snap/db", Self.disk)
        #expect(database == manifest.contents)

        var steps: [SnapshotInspector.Progress] = []
        _ = try SnapshotInspector.verify(path, Self.disk) { steps.append($0) }
        #expect(steps.filter { $0.step == .hashing }.last?.done == offset)
        #expect(steps.last?.step == .walking && steps.last?.done == steps.last?.total)
        if let binary = try? EtcdBinary.find(.v35) {
            let tool = try await snapshotStatus(String(manifest.uri.dropFirst("file://".count)), binary)
            #expect(tool["revision"]?.int == Int128(manifest.contents.revision))
        }
    }

    /// Every byte of a small snapshot, a random bit: refused by its hash; and without the hash, read or refused with a place
    /// in the file, but never the end of the process.
    @Test(arguments: EtcdVersion.enabled)
    func everyByteMayBeWrong(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        try await member.put((0..<3).map { (key: "key/\($0)", value: "\($0)") })
        try await member.etcdctl("del", "key/1")
        let path = try await member.saveSnapshot()
        let file = try Self.disk.open(path, .read)
        let whole = try file.read(at: 0, count: Int(try file.size()))
        let disk = SimulatedDisk(seed: 1)
        try disk.open("s.db", .create).write(whole, at: 0)
        let contents = try SnapshotInspector.verify("s.db", disk).contents
        var rows: Set<Int64> = []
        try BoltFile(file, size: Int64(whole.count - 32)).check { (_, entry) throws(BoltError) in
            rows.formUnion(entry.offset..<(entry.offset + Int64(entry.key.count + entry.value.count)))
        }

        let seed = UInt64(whole.count)
        var random = SeededRandom(seed: seed)
        var (refused, same) = (0, 0)
        for offset in whole.indices {
            let mask = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            try disk.flip(mask, at: offset, of: "s.db")
            #expect(throws: BackupError.self, "byte \(offset) of seed \(seed)") { try SnapshotFile.verify("s.db", disk) }
            do {
                // Only a row's own bytes can be read as another row's; a change to anything around them shows.
                if try SnapshotInspector.inspect("s.db", disk) == contents {
                    same += 1
                } else {
                    #expect(rows.contains(Int64(offset)), "byte \(offset), mask \(mask)")
                }
            } catch {
                refused += 1
                #expect(error.code == .damaged)
                #expect(error.message.hasPrefix("s.db: at byte "), "byte \(offset), mask \(mask): \(error)")
            }
            try disk.flip(mask, at: offset, of: "s.db")
        }
        #expect(refused > 0 && same > 0)
        #expect(try SnapshotInspector.inspect("s.db", disk) == contents)
        // And cut anywhere.
        for length in stride(from: 0, to: whole.count, by: 97) {
            try disk.edit("s.db") { $0 = Array(whole.prefix(length)) }
            #expect(throws: BackupError.self, "cut at \(length)") { try SnapshotInspector.verify("s.db", disk) }
            _ = try? SnapshotInspector.inspect("s.db", disk)
        }
    }
}
