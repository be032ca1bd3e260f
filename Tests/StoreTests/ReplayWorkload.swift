import EtcdClient
import EtcdWire
import Platform
import TestSupport

@testable import Store

/// What a real etcd is asked to do: all that ends in its log.
struct Workload {
    /// A hash that it gave, and when.
    struct Sample {
        /// Its revisions then.
        var revision: Int64
        var compacted: Int64
        /// The revision that was hashed.
        var request: Int64
        var hash: UInt32

        func isReached(by store: borrowing Store) -> Bool {
            store.revision == self.revision && store.compactRevision == self.compacted
        }
    }

    /// What it answered in the end.
    struct End {
        var revision: Int64 = 0
        var leases: [Int64: LeaseTimeToLiveResponse] = [:]
        var users: [(name: String, text: String)] = []
        var roles: [String] = []
        var alarms: [AlarmMember] = []
        var members: [Member] = []
        var removed: [UInt64] = []
    }

    private let etcd: EtcdProcess
    private let connector: GRPCConnector
    private let connection: any EtcdConnection
    private var operations: Operations
    private var revision: Int64 = 1
    var samples: [Sample] = []
    var end = End()

    init(_ etcd: EtcdProcess, _ connector: GRPCConnector, seed: UInt64) {
        (self.etcd, self.connector) = (etcd, connector)
        self.connection = connector.connect(to: [etcd.clientURL], timeout: .seconds(20))
        self.operations = Operations(seed: seed)
    }

    mutating func run(_ count: Int) async throws {
        try await self.draw(count / 2)
        try await self.changeUsers()
        self.connector.forget(self.etcd.clientURL)
        try await self.changeMembers()
        try await self.raiseAlarm()
        try await self.draw(count / 2)
        try await self.ask()
    }

    private mutating func draw(_ count: Int) async throws {
        for index in 0..<count {
            // The client takes many pings with answers for an attack, and etcd sends them.
            if index % 100 == 0 { self.connector.forget(self.etcd.clientURL) }
            self.operations.revision = self.revision
            let operation = DifferentialTests.certain(self.operations.next())
            _ = await DifferentialTests.answer(of: self.connection, to: operation)
            if index % 20 == 0 { try await self.sample() }
        }
    }

    private mutating func sample() async throws {
        let now = try await self.connection.hashKV(HashKVRequest())
        self.revision = now.header.revision
        // These versions hash the compacted revision itself no more.
        let oldest = min(self.revision, max(1, now.compactRevision + 1))
        let past = Int64.random(in: oldest...self.revision, using: &self.operations.random)
        for request in [self.revision, past] where request > now.compactRevision {
            let hash = try await self.connection.hashKV(HashKVRequest(revision: request))
            let sample = Sample(
                revision: self.revision, compacted: hash.compactRevision, request: request, hash: hash.hash)
            self.samples.append(sample)
        }
    }

    /// Users and roles, made, changed and removed; writes that they may make, and writes that they may not.
    private mutating func changeUsers() async throws {
        let root = "--user=root:secret"
        for arguments in [
            ["user", "add", "root:secret"], ["user", "grant-role", "root", "root"], ["user", "add", "anna:one"],
            ["user", "add", "bert:two"], ["user", "add", "gone:three"], ["role", "add", "reader"], ["role", "add", "writer"],
            ["role", "add", "gone"], ["role", "grant-permission", "reader", "read", "a", "c"],
            ["role", "grant-permission", "writer", "readwrite", "--prefix", "/registry/"],
            ["role", "grant-permission", "writer", "write", "b"],
            ["role", "grant-permission", "writer", "read", "b"],
            ["role", "grant-permission", "writer", "readwrite", "--from-key", "x"],
            ["role", "grant-permission", "gone", "readwrite", "z"],
            ["user", "grant-role", "anna", "writer"], ["user", "grant-role", "anna", "reader"],
            ["user", "grant-role", "anna", "gone"], ["user", "grant-role", "bert", "reader"],
            ["role", "delete", "gone"], ["user", "delete", "gone"], ["role", "revoke-permission", "writer", "x", "\0"],
            ["auth", "enable"],
        ] { await self.etcdctl(arguments) }
        for arguments in [
            [root, "put", "a", "by root"], ["--user=anna:one", "put", "/registry/anna", "1"],
            ["--user=anna:one", "put", "/elsewhere", "1"], ["--user=anna:one", "put", "b", "1"],
            ["--user=bert:two", "put", "b", "1"], ["--user=bert:two", "del", "--prefix", "/registry/"],
            ["--user=anna:one", "del", "--prefix", "/registry/pods/"], ["--user=anna:one", "put", "--prev-kv", "b", "2"],
            ["--user=anna:one", "user", "add", "dora:four"], [root, "user", "revoke-role", "anna", "writer"],
            ["--user=anna:one", "put", "/registry/anna", "2"], [root, "user", "delete", "root"],
            [root, "role", "grant-permission", "reader", "write", "a", "c"], ["--user=bert:two", "put", "b", "3"],
            [root, "lease", "grant", "900"], [root, "auth", "disable"],
        ] { await self.etcdctl(arguments) }
        try await self.sample()
    }

    /// A learner that never starts: added, moved, removed, and not taken back.
    private mutating func changeMembers() async throws {
        let added = try await self.connection.memberAdd(
            MemberAddRequest(peerURLs: ["http://127.0.0.1:1"], isLearner: true))
        let id = added.member?.id ?? 0
        _ = try await self.connection.memberUpdate(MemberUpdateRequest(id: id, peerURLs: ["http://127.0.0.1:2"]))
        _ = try? await self.connection.memberPromote(MemberPromoteRequest(id: id))
        _ = try await self.connection.memberRemove(MemberRemoveRequest(id: id))
        self.end.removed.append(id)
        _ = try await self.connection.memberAdd(MemberAddRequest(peerURLs: ["http://127.0.0.1:3"], isLearner: true))
    }

    /// A full store refuses what makes it grow, until the alarm is taken back.
    private mutating func raiseAlarm() async throws {
        let member = try await self.connection.status().header.memberID
        var alarm = AlarmRequest(action: .activate, memberID: member, alarm: .noSpace)
        _ = try await self.connection.alarm(alarm)
        for _ in 0..<10 {
            let operation = DifferentialTests.certain(self.operations.next())
            _ = await DifferentialTests.answer(of: self.connection, to: operation)
        }
        alarm.action = .deactivate
        _ = try await self.connection.alarm(alarm)
        alarm = AlarmRequest(action: .activate, memberID: 7, alarm: .noSpace)
        _ = try await self.connection.alarm(alarm)
        alarm.action = .deactivate
        _ = try await self.connection.alarm(alarm)
    }

    private mutating func ask() async throws {
        // A compaction that is over when it is answered, so that the rows can be compared.
        try await self.sample()
        let compacted = self.samples.last?.compacted ?? 0
        var compaction = CompactionRequest(revision: max(compacted + 1, self.revision - 10))
        compaction.physical = true
        _ = try await self.connection.compact(compaction)
        try await self.sample()
        self.end.revision = self.revision
        for id in Operations.leases {
            let lease = try await self.connection.leaseTimeToLive(LeaseTimeToLiveRequest(id: id, keys: true))
            if lease.ttl >= 0 { self.end.leases[id] = lease }
        }
        for line in try await self.etcd.etcdctl("lease", "list").split(separator: "\n").dropFirst() {
            guard let id = Int64(line, radix: 16), self.end.leases[id] == nil else { continue }
            let lease = try await self.connection.leaseTimeToLive(LeaseTimeToLiveRequest(id: id, keys: true))
            self.end.leases[id] = lease
        }
        for name in try await self.etcd.etcdctl("user", "list").split(separator: "\n").map(String.init) {
            self.end.users.append((name, try await self.etcd.etcdctl("user", "get", name)))
        }
        self.end.roles = try await self.etcd.etcdctl("role", "list").split(separator: "\n").map(String.init)
        self.end.alarms = try await self.connection.alarm(AlarmRequest()).alarms
        self.end.members = try await self.connection.memberList(MemberListRequest()).members
    }

    /// Runs etcdctl; that etcd refuses what it asks for is part of the workload.
    private func etcdctl(_ arguments: [String]) async {
        _ = try? await Command.run(self.etcd.binary.etcdctl, ["--endpoints=\(self.etcd.clientURL)"] + arguments)
    }
}
