import EtcdWire
import Platform
import TestSupport
import Testing
import YAML

/// A life of a real member by the ten thousand operations, many at once: all that etcd writes into its log.
///
/// Operations go in rounds, each over a connection of its own; between two rounds nothing is under way, and HashKV then is that
/// of one moment. In what order those of a round are applied only the log tells.
struct OracleWorkload {
    /// HashKV between two rounds.
    struct Sample {
        var revision: Int64
        /// -1 where nothing was compacted.
        var compacted: Int64
        var hash: UInt32
    }

    let member: EtcdProcess
    let seed: UInt64
    var random: SeededRandom
    private let lanes: [Gateway]
    private let hashes: HashCaller
    /// Over connections of the first lane's.
    var gateway: Gateway { self.lanes[0] }
    private(set) var operations = 0
    private(set) var refusals = 0
    private(set) var samples: [Sample] = []
    private(set) var compacted: Int64 = -1
    private(set) var revision: Int64 = 1
    private var leases: [Int64] = []
    private var nextLease: Int64 = 1000
    private var shortLeases: Set<Int64> = []
    /// Whether users and roles are changed too.
    private var changesUsers = false
    /// Who each lane is, where auth is on.
    private var users: [String] = []

    static let shortTTL: Int64 = 1
    private static let names = (1...4).map(String.init)

    init(_ member: EtcdProcess, seed: UInt64, lanes: Int = 16) throws {
        (self.member, self.seed) = (member, seed)
        self.random = SeededRandom(seed: seed)
        self.lanes = (0..<lanes).map { _ in Gateway(member) }
        self.hashes = try HashCaller(member)
    }

    mutating func draw(_ count: Int) throws {
        let end = self.operations + count
        while self.operations < end {
            try self.round(min(end - self.operations, Int.random(in: 1...self.lanes.count, using: &self.random)))
            if self.random.chance(0.04) { try self.compact(keeping: 60) }
            if self.random.chance(0.65) { try self.sample() }
        }
    }

    private mutating func round(_ count: Int) throws {
        for lane in self.lanes.prefix(count) {
            let (path, body) = self.operation()
            try lane.begin(path, Node.mapping(body).json())
        }
        var isRefused = false
        for lane in self.lanes.prefix(count) {
            let (status, body) = try lane.answer()
            if status != 200 {
                self.refusals += 1
                isRefused = isRefused || body["error"]?.string?.contains("invalid auth token") == true
            }
        }
        self.operations += count
        if isRefused { try self.logIn() }
    }

    /// Done alone, so that it is known between which samples it stands.
    mutating func compact(keeping count: Int64) throws {
        let revision = try self.latest()
        let target = revision - Int64.random(in: 0...count, using: &self.random)
        guard target > max(self.compacted, 0) else { return }
        self.operations += 1
        try self.gateway.compact(target)
        self.compacted = target
        // What is restored to this revision is what it was after the compaction.
        self.samples.removeAll { $0.revision == revision }
        try self.sample()
    }

    mutating func sample() throws {
        let answer = try self.hashes.hash()
        let sample = Sample(
            revision: answer.header.revision, compacted: answer.compactRevision, hash: answer.hash)
        self.operations += 1
        self.revision = sample.revision
        self.samples.append(sample)
    }

    /// Waits until all leases have expired that will soon.
    mutating func settle() async throws {
        let (gateway, short) = (self.gateway, self.shortLeases)
        try await poll(within: .seconds(60), every: .milliseconds(100), "leases expire") {
            let leases = try gateway.call("lease/leases", [:])["leases"]?.sequence ?? []
            return leases.contains { short.contains(Gateway.number($0["ID"]) ?? 0) } ? nil : ()
        }
        try self.sample()
    }

    private func latest() throws -> Int64 {
        try self.hashes.hash().header.revision
    }

    // MARK: What is asked for

    private mutating func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self.random) }

    private mutating func key() -> Node {
        let place = self.roll(150)
        return Gateway.base64(["/registry/pods/\(place)", "/registry/leases/\(place)", "plain\(place)"][place % 3])
    }

    private mutating func value() -> Node {
        Gateway.base64("\(self.random.next() % 1_000_000)" + String(repeating: "v", count: self.roll(80)))
    }

    private mutating func put() -> Mapping {
        var put: Mapping = ["key": self.key(), "value": self.value()]
        if self.random.chance(0.2), let lease = self.leases.randomElement(using: &self.random) {
            put["lease"] = .string(String(lease))
        }
        if self.random.chance(0.1) { put["prev_kv"] = true }
        return put
    }

    private mutating func range() -> Mapping {
        var range: Mapping = ["key": self.key(), "limit": 3]
        if self.random.chance(0.5) { range["range_end"] = Gateway.base64("q") }
        if self.random.chance(0.3) { range["serializable"] = true }
        if self.random.chance(0.3) { range["revision"] = .string(String(max(1, self.revision - Int64(self.roll(50))))) }
        return range
    }

    private mutating func delete() -> Mapping {
        guard self.random.chance(0.1) else { return ["key": self.key()] }
        let place = self.roll(15)
        return ["key": Gateway.base64("/registry/pods/\(place)"), "range_end": Gateway.base64("/registry/pods/\(place + 1)")]
    }

    private mutating func txn(depth: Int = 0) -> Mapping {
        var compares: [Node] = []
        for _ in 0..<self.roll(3) {
            let target: (String, Node) =
                [
                    ("version", .string("0")), ("mod_revision", .string(String(self.revision))),
                    ("create_revision", .string("0")),
                    ("lease", .string("0")),
                ][self.roll(4)]
            let kind = ["version": "VERSION", "mod_revision": "MOD", "create_revision": "CREATE", "lease": "LEASE"][target.0]
            compares.append(
                .mapping([
                    "key": self.key(), "target": .string(kind ?? ""), target.0: target.1,
                    "result": .string(["EQUAL", "GREATER", "LESS", "NOT_EQUAL"][self.roll(4)]),
                ]))
        }
        return [
            "compare": .sequence(compares), "success": .sequence(self.branch(depth)), "failure": .sequence(self.branch(depth)),
        ]
    }

    private mutating func branch(_ depth: Int) -> [Node] {
        (0..<self.roll(4)).map { _ in
            switch self.roll(10) {
            case 0..<5: .mapping(["request_put": .mapping(self.put())])
            case 5..<7: .mapping(["request_delete_range": .mapping(self.delete())])
            case 7..<8: .mapping(["request_range": .mapping(self.range())])
            default:
                depth < 2
                    ? .mapping(["request_txn": .mapping(self.txn(depth: depth + 1))])
                    : .mapping(["request_put": .mapping(self.put())])
            }
        }
    }

    private mutating func operation() -> (path: String, body: Mapping) {
        if self.changesUsers, self.random.chance(0.08) { return self.userChange() }
        switch self.roll(100) {
        case 0..<46: return ("kv/put", self.put())
        case 46..<60: return ("kv/deleterange", self.delete())
        case 60..<72: return ("kv/range", self.range())
        case 72..<88: return ("kv/txn", self.txn())
        case 88..<92:
            self.nextLease += 1
            let isShort = self.random.chance(0.3)
            self.leases.append(self.nextLease)
            if isShort { self.shortLeases.insert(self.nextLease) }
            let ttl = isShort ? Self.shortTTL : 9000 + self.nextLease
            return ("lease/grant", ["ID": .string(String(self.nextLease)), "TTL": .string(String(ttl))])
        case 92..<95: return ("lease/keepalive", ["ID": .string(String(self.lease()))])
        case 95..<97: return ("lease/timetolive", ["ID": .string(String(self.lease())), "keys": true])
        default:
            let lease = self.lease()
            self.leases.removeAll { $0 == lease }
            return ("lease/revoke", ["ID": .string(String(lease))])
        }
    }

    /// Mostly one that is there; those that ended are asked for as well.
    private mutating func lease() -> Int64 {
        self.leases.randomElement(using: &self.random).flatMap { self.random.chance(0.9) ? $0 : nil } ?? 1
    }
}

// MARK: Users

extension OracleWorkload {
    private mutating func userChange() -> (path: String, body: Mapping) {
        let user = Node.string("u" + Self.names[self.roll(4)])
        let role = Node.string("r" + Self.names[self.roll(4)])
        switch self.roll(8) {
        case 0: return ("auth/user/add", ["name": user, "password": "secret"])
        case 1: return ("auth/user/delete", ["name": user])
        case 2: return ("auth/user/grant", ["user": user, "role": role])
        case 3: return ("auth/user/revoke", ["name": user, "role": role])
        case 4: return ("auth/role/add", ["name": role])
        case 5: return ("auth/role/delete", ["role": role])
        case 6:
            let kind = Node.string(["READ", "WRITE", "READWRITE"][self.roll(3)])
            let (key, end) = self.bounds()
            return ("auth/role/grant", ["name": role, "perm": .mapping(["permType": kind, "key": key, "range_end": end])])
        default:
            let (key, end) = self.bounds()
            return ("auth/role/revoke", ["role": role, "key": key, "range_end": end])
        }
    }

    private mutating func bounds() -> (Node, Node) {
        let bounds = [("/registry/", "/registry0"), ("plain1", "plain2"), ("plain1", ""), ("p", "\0")][self.roll(4)]
        return (Gateway.base64(bounds.0), Gateway.base64(bounds.1))
    }

    /// Operations by root, and by others who may do some of it.
    mutating func drawWithAuth(_ count: Int) throws {
        for (path, body) in [
            ("auth/user/add", ["name": "root", "password": "secret"]), ("auth/user/grant", ["user": "root", "role": "root"]),
            ("auth/user/add", ["name": "anna", "password": "secret"]), ("auth/role/add", ["name": "r1"]),
            ("auth/role/add", ["name": "r2"]), ("auth/user/grant", ["user": "anna", "role": "r1"]),
            ("auth/user/grant", ["user": "anna", "role": "r2"]), ("auth/user/add", ["name": "u1", "password": "secret"]),
            (
                "auth/role/grant",
                [
                    "name": "r1",
                    "perm": .mapping([
                        "permType": "READWRITE", "key": Gateway.base64("/registry/"), "range_end": Gateway.base64("/registry0"),
                    ]),
                ]
            ),
            ("auth/enable", [:]),
        ] as [(String, Mapping)] {
            self.operations += 1
            try self.gateway.call(path, body)
        }
        (self.users, self.changesUsers) = (["root", "root", "anna"], true)
        try self.logIn()
        try self.draw(count)
        (self.users, self.changesUsers) = ([], false)
        try self.gateway.call("auth/disable", [:])
        for lane in self.lanes { lane.token = nil }
        self.hashes.token = nil
        self.operations += 2
    }

    private mutating func logIn() throws {
        guard !self.users.isEmpty else { return }
        for (index, lane) in self.lanes.enumerated() { lane.token = nil; lane.user = self.users[index % self.users.count] }
        for user in Set(self.users).sorted() {
            let answer = try Gateway(self.member).call("auth/authenticate", ["name": .string(user), "password": "secret"])
            for lane in self.lanes where lane.user == user { lane.token = answer["token"]?.string }
            if user == "root" { self.hashes.token = answer["token"]?.string }
        }
    }
}

// MARK: Members

extension OracleWorkload {
    /// A learner that joins, is promoted, serves, and is removed; and one that never starts.
    mutating func drawWithMembers(_ count: Int, extra: [String]) async throws {
        let ghost = try await self.add("http://127.0.0.1:1")
        try await self.changeMember("update", ["ID": .string(ghost), "peerURLs": ["http://127.0.0.1:2"]])
        try await self.changeMember("remove", ["ID": .string(ghost)])
        let second = try EtcdProcess(
            self.member.binary, name: "m2", ports: Loopback.freePorts(2), cluster: ["m1=\(self.member.peerURL)"],
            isJoining: true, extra: extra)
        let id = try await self.add(second.peerURL)
        try second.start()
        let gateway = self.gateway
        try await poll(within: .seconds(30), every: .milliseconds(50), "the learner has caught up; \(second.log)") {
            try gateway.post("cluster/member/promote", ["ID": .string(id)]).status == 200 ? () : nil
        }
        try await second.waitUntilHealthy()
        try self.draw(count)
        try Gateway(second).call("maintenance/defragment", [:])
        try await self.changeMember("remove", ["ID": .string(id)])
        second.kill()
        self.operations += 7
        // It stays, and never starts.
        _ = try await self.add("http://127.0.0.1:3")
    }

    private func add(_ url: String) async throws -> String {
        let answer = try await self.changeMember("add", ["peerURLs": [.string(url)], "isLearner": true])
        return try #require(answer["member"]?["ID"]?.string)
    }
    /// Raft drops a change that comes before the one before it is applied, and etcd then waits for it for ever.
    @discardableResult
    private func changeMember(_ change: String, _ body: Mapping) async throws -> Node {
        let gateway = self.gateway
        // It refuses while a member has not served for some seconds.
        return try await poll(within: .seconds(30), every: .milliseconds(200), "member \(change)") {
            for _ in 0..<3 { try gateway.put("between", change) }
            let (status, answer) = try gateway.post("cluster/member/\(change)", body)
            return status == 200 ? answer : nil
        }
    }
}
