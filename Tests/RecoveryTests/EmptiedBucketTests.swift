import Bolt
import Platform
import TestSupport
import Testing

/// Buckets that had pages of their own, and then nothing.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct EmptiedBucketTests {
    /// etcd's file is sound after its last lease has gone, however far apart in time: no leaf is left that counts nothing.
    @Test(arguments: EtcdVersion.enabled) func etcdLeavesNoEmptyLeaf(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version), extra: ["--backend-batch-interval=20ms"])
        let gateway = Gateway(member)
        var leases: [Int64] = []
        for _ in 0..<400 { leases.append(try gateway.grant(ttl: 5000)) }
        for lease in leases.dropLast(150) { try gateway.revoke(lease) }
        let some = try await member.saveSnapshot()
        for lease in leases.suffix(150) { try gateway.revoke(lease) }
        try await member.stop()
        #expect(try Self.leases(some) == 150)
        #expect(try Self.leases("\(member.dataDirectory)/member/snap/db") == 0)
    }

    /// Leases of a file that is sound.
    private static func leases(_ path: String) throws -> Int {
        var count = 0
        let file = try RealDisk().open(path, .read)
        defer { try? file.close() }
        let size = try file.size() / 4096 * 4096
        try BoltFile(file, size: size).check { (buckets, _) throws(BoltError) in
            if buckets == [Array("lease".utf8)[...]] { count += 1 }
        }
        return count
    }
}
