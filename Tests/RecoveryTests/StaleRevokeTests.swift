import Bolt
import EtcdWire
import Platform
import Recovery
import Store
import TestSupport
import Testing
import WriteAheadLog
import YAML

/// A lease is revoked for root just after users were changed: etcd before 3.4.27 and 3.5.10 refuses that, later releases do
/// not, and only what came afterwards tells which it was.
@Suite struct StaleRevokeTests {
    private static let lease: Int64 = 7
    private static let old: [InternalRaftRequest.Operation] = [
        .authUserAdd(AuthUserAddRequest(name: "root", options: UserAddOptions(noPassword: true))),
        .authUserGrantRole(AuthUserGrantRoleRequest(user: "root", role: "root")),
        .leaseGrant(LeaseGrantRequest(ttl: 60, id: lease)), .put(PutRequest(key: [97], value: [1], lease: lease)),
        .authEnable(AuthEnableRequest()),
        .authUserAdd(AuthUserAddRequest(name: "anna", options: UserAddOptions(noPassword: true))),
    ]

    /// A log, of which all is proposed by root.
    private struct History {
        var entries: [RaftEntry] = []

        /// - Parameter authRevision: Of users and roles, as root knew it.
        mutating func add(_ operation: InternalRaftRequest.Operation, authRevision: UInt64) {
            let header = RequestHeader(id: UInt64(self.entries.count + 1), username: "root", authRevision: authRevision)
            let request = InternalRaftRequest(operation: operation, header: header)
            self.entries.append(RaftEntry(term: 2, index: UInt64(self.entries.count + 1), data: request.encoded()))
        }
    }

    /// - Returns: The entries so far, and the revision of users and roles after them.
    private static func begin() throws -> (history: History, fresh: UInt64) {
        let member = #"{"id":7,"peerURLs":["http://127.0.0.1:2380"],"name":"m"}"#
        let change = ConfChange(kind: .addNode, nodeID: 7, context: Array(member.utf8))
        var history = History(entries: [
            RaftEntry(kind: .confChange, term: 1, index: 1, data: change.encoded()), RaftEntry(term: 2, index: 2, data: []),
        ])
        for operation in Self.old { history.add(operation, authRevision: 1) }
        var store = try Store(backend: MemoryBackend())
        for entry in history.entries { _ = store.apply(entry, uptime: .zero) }
        return (history, store.authRevision)
    }

    /// Restores from the log, and a database that has all of it, where one is asked for.
    private static func restore(_ entries: [RaftEntry], database: Bool, to revision: Int64) throws -> RestoreReport {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/m")
        let log = try WriteAheadLog.create(
            "/m/wal", metadata: WALMetadata(nodeID: 7, clusterID: 9).encoded(), disk: disk, configuration: WALConfiguration())
        try log.append(entries, HardState(term: 2, vote: 7, commit: UInt64(entries.count)))
        try log.close()
        var sources = ["/m/wal"]
        if database {
            sources.append("/m/db")
            let backend = try BoltBackend(BoltDatabase.open("/m/db", disk: disk))
            var store = try Store(backend: backend)
            for entry in entries {
                let content = try EntryContent(entry)
                var isRefused = false
                if case .request(let request) = content { isRefused = store.isRefusedByOlderReleases(request) }
                _ = store.apply(entry, isRefused ? .nothing : content, uptime: .zero)
            }
            try store.prepareCommit()
            try backend.commit()
            try backend.close()
        }
        let request = RestoreRequest(from: sources, to: "/new", target: .revision(revision), bump: .by(0))
        return try Restore.run(request, disk: disk)
    }

    @Test func withNothingAfterwardsItWasCarriedOut() throws {
        var (history, fresh) = try Self.begin()
        history.add(.leaseRevoke(LeaseRevokeRequest(id: Self.lease)), authRevision: fresh - 1)
        let report = try Self.restore(history.entries, database: false, to: 3)
        #expect(report.revision == 3)
        #expect(report.notes.contains { $0.hasPrefix("entry 9 revokes lease 7") && $0.contains("carried out") })
    }

    @Test func whatIsRevokedAgainWasRefused() throws {
        var (history, fresh) = try Self.begin()
        history.add(.leaseRevoke(LeaseRevokeRequest(id: Self.lease)), authRevision: fresh - 1)
        history.add(.put(PutRequest(key: [98], value: [2])), authRevision: fresh)
        history.add(.leaseRevoke(LeaseRevokeRequest(id: Self.lease)), authRevision: fresh)
        // The put, before which the key of the lease was not deleted.
        let report = try Self.restore(history.entries, database: false, to: 3)
        #expect(report.revision == 3 && report.index == 10)
        #expect(report.notes.contains { $0.contains("refused: entry 11 revokes it again") })
        #expect(try Self.restore(history.entries, database: false, to: 4).index == 11)
    }

    @Test func whatADatabaseStillHasWasRefused() throws {
        var (history, fresh) = try Self.begin()
        history.add(.leaseRevoke(LeaseRevokeRequest(id: Self.lease)), authRevision: fresh - 1)
        history.add(.put(PutRequest(key: [98], value: [2])), authRevision: fresh)
        history.add(.put(PutRequest(key: [98], value: [3])), authRevision: fresh)
        let report = try Self.restore(history.entries, database: true, to: 3)
        #expect(report.revision == 3 && report.index == 10)
        #expect(report.notes.contains { $0.contains("refused: /m/db has the lease") })
    }

    /// Nothing is in doubt where root knew of all, the lease had no key, or another than root asked.
    @Test func whatNoReleaseRefuses() throws {
        let (history, fresh) = try Self.begin()
        var store = try Store(backend: MemoryBackend())
        for entry in history.entries { _ = store.apply(entry, uptime: .zero) }
        func isDoubtful(_ lease: Int64, _ user: String, _ revision: UInt64) -> Bool {
            let header = RequestHeader(username: user, authRevision: revision)
            return store.isRefusedByOlderReleases(
                InternalRaftRequest(operation: .leaseRevoke(LeaseRevokeRequest(id: lease)), header: header))
        }
        #expect(isDoubtful(Self.lease, "root", fresh - 1))
        #expect(!isDoubtful(Self.lease, "root", fresh))
        #expect(!isDoubtful(Self.lease, "anna", fresh - 1))
        #expect(!isDoubtful(8, "root", fresh - 1))
    }

    /// On etcd itself: leases are revoked while users are changed, and what it refused is found out again.
    @Test(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"), arguments: EtcdVersion.enabled)
    func asEtcdDid(version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(EtcdBinary.find(version), extra: ["--bcrypt-cost=4"])
        let lanes = (0..<12).map { _ in Gateway(member) }
        let root: Mapping = ["name": "root", "password": "secret"]
        try lanes[0].call("auth/user/add", root)
        try lanes[0].call("auth/user/grant", ["user": "root", "role": "root"])
        for lease in 1...600 {
            try lanes[0].call("lease/grant", ["ID": .string(String(lease)), "TTL": "5000"])
            try lanes[0].put("key/\(lease)", "value", lease: Int64(lease))
        }
        try lanes[0].call("auth/enable", [:])
        let token = try lanes[0].call("auth/authenticate", root)["token"]?.string
        for lane in lanes { lane.token = token }
        // Until enough were refused: in which order requests are applied is up to etcd.
        var (refused, lease) = (0, 0)
        while refused < 5, lease + lanes.count <= 600 {
            try lanes[0].begin("auth/role/add", Array(#"{"name":"r\#(lease)"}"#.utf8))
            for lane in lanes.dropFirst() {
                lease += 1
                try lane.begin("lease/revoke", Array(#"{"ID":"\#(lease)"}"#.utf8))
            }
            try #require(try lanes[0].answer().status == 200)
            // All leases are there, and root may: no other cause is left.
            for lane in lanes.dropFirst() where try lane.answer().status != 200 { refused += 1 }
        }
        try #require(refused > 0, "none of \(lease) was refused")
        try lanes[0].call("auth/disable", [:])
        for lane in lanes { lane.token = nil }
        let live = try await member.hashKV()
        try lanes[0].put("later", "value")
        let snapshot = try await member.saveSnapshot()
        try await member.stop()
        let request = RestoreRequest(
            from: ["\(member.dataDirectory)/member/wal", snapshot], to: "\(member.directory.path)/out",
            target: .revision(live.revision), bump: .by(0))
        let report = try Restore.run(request, disk: RealDisk())
        #expect(report.revision == live.revision && report.hashKV.map { Int64($0) } == live.hash)
        #expect(report.notes.count { $0.contains("refused: \(snapshot) has the lease") } == refused)
    }
}
