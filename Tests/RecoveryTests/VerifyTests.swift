import Platform
import Recovery
import TestSupport
import Testing

/// Directories and snapshots that etcd itself made, verified against what etcd says of them.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct VerifyTests {
    private static let disk = RealDisk()

    @Test(arguments: EtcdVersion.enabled, [1, 2])
    func aRandomLife(version: EtcdVersion, seed: UInt64) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version))
        var work = Workload(member, seed: seed)
        for round in 0..<4 {
            try await work.run(300)
            if round == 2 { try await member.etcdctl("defrag") }
            let path = try await member.saveSnapshot()
            let live = try await member.hashKV()
            let verdict = try Verify.run(path, disk: Self.disk)
            #expect(verdict.isSound, "seed \(seed): \(verdict.findings)")
            #expect(verdict.findings == [], "seed \(seed)")
            #expect(verdict.revision == live.revision, "seed \(seed)")
            #expect(verdict.hashKV.map { Int64($0) } == live.hash, "seed \(seed)")
            #expect(verdict.compactRevision == max(0, live.compactRevision), "seed \(seed)")
        }
        member.kill()
        let live = try Verify.run(member.dataDirectory, disk: Self.disk)
        #expect(live.isSound, "seed \(seed): \(live.findings)")
        #expect(live.findings.allSatisfy { $0.what.hasPrefix("torn tail, recoverable") })
    }
}
