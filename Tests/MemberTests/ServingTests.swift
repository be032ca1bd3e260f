import Member
import TestSupport
import Testing

/// A member beside the tools and the data directories of real etcd.
@Suite("A member that serves", .enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct ServingTests {
    /// The same member as an `EtcdProcess` would be: its name, its URLs, its directory.
    private func start(as etcd: EtcdProcess) async throws -> MemberServer {
        var configuration = MemberConfiguration()
        configuration.name = etcd.name
        configuration.dataDirectory = etcd.dataDirectory
        configuration.listenClientURLs = [etcd.clientURL]
        configuration.advertiseClientURLs = [etcd.clientURL]
        configuration.listenPeerURLs = [etcd.peerURL]
        configuration.initialAdvertisePeerURLs = [etcd.peerURL]
        configuration.initialCluster = [.init(name: etcd.name, peerURLs: [etcd.peerURL])]
        configuration.snapshotCount = 20
        return try await MemberServer.start(configuration) { Issue.record("the member ended: \($0)") }
    }

    @Test("etcdctl finds an etcd", arguments: EtcdVersion.enabled)
    func tools(version: EtcdVersion) async throws {
        let etcd = try EtcdProcess(EtcdBinary.find(version), name: "m1", ports: Loopback.freePorts(2))
        let member = try await self.start(as: etcd)
        #expect(try await etcd.etcdctl("endpoint", "health").contains("is healthy"))
        for index in 1...30 { try await etcd.etcdctl("put", "k\(index % 10)", "v\(index)") }
        #expect(try await etcd.etcdctl("get", "k3", "--print-value-only") == "v23\n")
        #expect(try await etcd.etcdctl("del", "k1") == "1\n")
        let lease = try await etcd.etcdctl("lease", "grant", "100")
        let id = lease.split(separator: " ")[1]
        try await etcd.etcdctl("put", "leased", "x", "--lease=\(id)")
        #expect(try await etcd.etcdctl("lease", "timetolive", String(id), "--keys").contains("leased"))
        #expect(try await etcd.etcdctl("lease", "keep-alive", "--once", String(id)).contains("keepalived with TTL(100)"))
        try await etcd.etcdctl("lease", "revoke", String(id))
        #expect(try await etcd.etcdctl("get", "leased") == "")
        #expect(try await etcd.etcdctl("member", "list").contains("started, m1, \(etcd.peerURL), \(etcd.clientURL)"))
        #expect(try await etcd.etcdctl("endpoint", "status", "--write-out=fields").contains("\"Leader\""))
        #expect(try await etcd.etcdctl("endpoint", "hashkv").contains(etcd.clientURL))
        try await etcd.etcdctl("compact", "10")
        try await etcd.etcdctl("defrag")
        #expect(try await etcd.etcdctl("alarm", "list") == "")
        let file = "\(etcd.directory.path)/snapshot.db"
        try await etcd.etcdctl("snapshot", "save", file)
        #expect(try await etcd.etcdctl("snapshot", "status", file, "--write-out=fields").contains("\"Revision\" : 34"))
        await #expect(throws: (any Error).self) { try await etcd.etcdctl("get", "k1", "--rev=3") }
        #expect(Loopback.get("/health", port: etcd.clientPort) == 200)
        #expect(Loopback.get("/version", port: etcd.clientPort) == 200)
        try await member.stop()
    }

    @Test("A directory goes from etcd to us and back, and loses nothing", arguments: EtcdVersion.enabled)
    func directories(version: EtcdVersion) async throws {
        let etcd = try EtcdProcess(
            EtcdBinary.find(version), name: "m1", ports: Loopback.freePorts(2), extra: ["--snapshot-count=15"])
        try etcd.start()
        try await etcd.waitUntilHealthy()
        var hash = ""
        for round in 0..<2 {
            for index in 1...25 { try await etcd.etcdctl("put", "theirs\(index % 7)", "\(round).\(index)") }
            hash = try await etcd.etcdctl("endpoint", "hashkv")
            try await etcd.stop()

            let member = try await self.start(as: etcd)
            #expect(try await etcd.etcdctl("endpoint", "hashkv") == hash)
            #expect(try await etcd.etcdctl("get", "theirs4", "--print-value-only") == "\(round).25\n")
            for index in 1...25 { try await etcd.etcdctl("put", "ours\(index % 7)", "\(round).\(index)") }
            hash = try await etcd.etcdctl("endpoint", "hashkv")
            try await member.stop()

            try etcd.start()
            try await etcd.waitUntilHealthy()
            #expect(try await etcd.etcdctl("endpoint", "hashkv") == hash)
            #expect(try await etcd.etcdctl("get", "ours4", "--print-value-only") == "\(round).25\n")
        }
        try await etcd.stop()
    }
}
