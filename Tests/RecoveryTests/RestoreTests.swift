import Platform
import Recovery
import TestSupport
import Testing
import YAML

/// A member of a release over a directory that was restored for it.
enum Reborn {
    /// - Returns: The member, which runs, and the report.
    static func start(
        _ version: EtcdVersion, _ change: (inout RestoreRequest) -> Void = { _ in }, from sources: [String]
    ) async throws -> (member: EtcdProcess, report: RestoreReport) {
        for attempt in 1... {
            let member = try EtcdProcess(EtcdBinary.find(version), name: "reborn", ports: Loopback.freePorts(2))
            var request = RestoreRequest(
                from: sources, to: member.dataDirectory,
                cluster: NewCluster(name: "reborn", members: [.init(name: "reborn", peerURLs: [member.peerURL])]))
            change(&request)
            let report = try Restore.run(request, disk: RealDisk())
            try member.start()
            do {
                try await member.waitUntilHealthy()
                return (member, report)
            } catch {
                guard member.log.contains("address already in use"), attempt < 5 else { throw error }
            }
        }
        preconditionFailure("the loop returns or throws")
    }
}

/// Restores from what real etcd left, booted by real etcd.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct RestoreTests {
    @Test(arguments: EtcdVersion.enabled, EtcdVersion.enabled)
    func aSnapshotBootsAndCarriesOn(source: EtcdVersion, target: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(source))
        var work = Workload(member, seed: 7)
        try await work.run(400)
        let path = try await member.saveSnapshot()
        let live = try await member.hashKV()
        let keys = try work.gateway.all()
        let leases = try await member.etcdctl("lease", "list")
        let users = try await member.etcdctl("user", "list")
        member.kill()

        let (same, report) = try await Reborn.start(
            target,
            {
                $0.bump = .by(0); $0.marksCompacted = false
            }, from: [path])
        #expect(report.revision == live.revision && report.bump == 0)
        #expect(report.hashKV.map { Int64($0) } == live.hash)
        #expect(try await same.hashKV().hash == live.hash)
        #expect(try Gateway(same).all() == keys)
        #expect(try await same.etcdctl("lease", "list") == leases)
        #expect(try await same.etcdctl("user", "list") == users)
        #expect(try Gateway(same).put("after", "restore") == live.revision + 1)
        let members = try await same.json("member", "list")
        #expect(members["members"]?.sequence?.count == 1)
        #expect(members["members"]?[0]?["name"]?.string == "reborn")
        #expect(members["header"]?["cluster_id"]?.int.map { String($0, radix: 16) } == report.clusterID)
        same.kill()
        let verdict = try Verify.run(same.dataDirectory, disk: RealDisk())
        #expect(verdict.isSound, "\(verdict.findings)")

        let (bumped, far) = try await Reborn.start(target, from: [path])
        #expect(far.startRevision == live.revision + 1_000_000_000 && far.isMarkedCompacted)
        #expect(try Gateway(bumped).all() == keys)
        #expect(try Gateway(bumped).put("after", "restore") == far.startRevision + 1)
        let watch = try await Command.run(
            bumped.binary.etcdctl, ["--endpoints=\(bumped.clientURL)", "watch", "plain", "--rev=\(live.revision)"])
        #expect(watch.text.contains("compacted"), "\(watch.text)")
    }
}
