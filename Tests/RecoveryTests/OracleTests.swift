import Backups
import Bolt
import EtcdWire
import Platform
import Recovery
import Store
import TestSupport
import Testing
import WriteAheadLog
import YAML

/// Real etcd as the oracle: twenty thousand operations on it, and then what its files say, and what is made of them.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed")) struct OracleTests {
    private static let disk = RealDisk()
    private static let operations = Environment.number("QUORATE_ORACLE_OPERATIONS") ?? 20_000
    private static let points = Environment.number("QUORATE_POINTS") ?? 120
    private static let extra = ["--snapshot-count=1000", "--max-wals=0", "--max-snapshots=0", "--bcrypt-cost=4"]

    @Test(arguments: EtcdVersion.enabled)
    func twentyThousandOperations(version: EtcdVersion) async throws {
        let seed = Environment.number("QUORATE_SEED").map { UInt64($0) } ?? (version == .v34 ? 34 : 35)
        let member = try await EtcdProcess.start(EtcdBinary.find(version), extra: Self.extra)
        var work = try OracleWorkload(member, seed: seed)
        var points = try PointRestores(member)
        let part = Self.operations / 8
        for _ in 0..<3 {
            try work.draw(part)
            try await points.keep(&work)
        }
        try work.gateway.call("maintenance/defragment", [:])
        try work.drawWithAuth(part)
        try await points.keep(&work)
        try await work.drawWithMembers(part, extra: Self.extra)
        for _ in 0..<3 {
            try await points.keep(&work)
            try work.draw(part)
        }
        #expect(work.operations >= Self.operations && work.refusals > 50, "seed \(seed)")
        try await points.run(work, count: Self.points)

        try OracleCheck.fillSegment(work.gateway)
        try work.compact(keeping: 0)
        try work.draw(50)
        try await work.settle()
        let end = try OracleEnd(member)
        try await member.stop()
        #expect(try LogReader.segments("\(member.dataDirectory)/member/wal", disk: Self.disk).count > 1)
        try OracleCheck(member: member, work: work, end: end).run()

        for target in EtcdVersion.enabled { try await Self.carriesOn(member, end, target) }
    }

    /// What is restored from it boots, has the same, and grows to three members.
    private static func carriesOn(_ source: EtcdProcess, _ end: OracleEnd, _ target: EtcdVersion) async throws {
        let (first, report) = try await Reborn.start(target, { $0.bump = .by(0) }, from: [source.dataDirectory])
        #expect(report.hashKV == end.hash && report.revision == end.revision)
        #expect(try await first.hashKV().hash == Int64(end.hash))
        let snapshot = try await first.saveSnapshot()
        if let binary = try? EtcdBinary.find(.v35) {
            let status = try await snapshotStatus(snapshot, binary)
            #expect(status["revision"]?.int == Int128(end.revision))
        }
        #expect(try SnapshotInspector.verify(snapshot, Self.disk).contents.revision == end.revision)
        let gateway = Gateway(first)
        let rest = try OracleEnd(first)
        #expect(rest.leases == end.leases && rest.users == end.users && rest.roles == end.roles)
        var members = [first]
        for name in ["r2", "r3"] {
            let cluster = members.map { "\($0.name)=\($0.peerURL)" }
            let next = try EtcdProcess(
                first.binary, name: name, ports: Loopback.freePorts(2), cluster: cluster, isJoining: true)
            // Members that joined just now must have served for some seconds.
            try await poll(within: .seconds(30), every: .milliseconds(200), "\(name) can be added") {
                let body: Mapping = ["peerURLs": [.string(next.peerURL)]]
                return try gateway.post("cluster/member/add", body).status == 200 ? () : nil
            }
            try next.start()
            try await next.waitUntilHealthy()
            members.append(next)
        }
        for (number, member) in members.enumerated() {
            for index in 0..<10 { try Gateway(member).put("after/\(number)/\(index)", "restore") }
        }
        let hash = try await first.hashKV()
        #expect(hash.revision == end.revision + 30)
        for member in members {
            try await poll(within: .seconds(10), "\(member.name) has all") {
                try await member.hashKV().revision == hash.revision ? () : nil
            }
            #expect(try await member.hashKV().hash == hash.hash, "\(member.name)")
        }
        // A read of all keys, in pages, as tools make them.
        let all = try gateway.all()
        var (key, count) = ("\0", 0)
        while true {
            let page = try gateway.call(
                "kv/range", ["key": Gateway.base64(key), "range_end": Gateway.base64("\0"), "limit": 50])
            count += page["kvs"]?.sequence?.count ?? 0
            guard page["more"]?.bool == true, let last = page["kvs"]?.sequence?.last?["key"]?.string else { break }
            key = Gateway.text(last) + "\0"
        }
        #expect(count == all.count && count > 30)
    }
}

/// What a member answers at the end, beside its keys.
struct OracleEnd {
    struct Lease: Hashable {
        var granted: Int64
        var keys: Set<String>
    }

    var revision: Int64
    var hash: UInt32
    var leases: [Int64: Lease] = [:]
    /// With their roles.
    var users: [String: [String]] = [:]
    /// With their permissions: kind, first key, end.
    var roles: [String: Set<[String]>] = [:]
    var members: [UInt64: [String]] = [:]
    var learners: Set<UInt64> = []
    var alarms: Int

    init(_ member: EtcdProcess) throws {
        let hash = try HashCaller(member).hash()
        (self.revision, self.hash) = (hash.header.revision, hash.hash)
        let gateway = Gateway(member)
        for lease in try gateway.call("lease/leases", [:])["leases"]?.sequence ?? [] {
            let id = Gateway.number(lease["ID"]) ?? 0
            let answer = try gateway.call("lease/timetolive", ["ID": .string(String(id)), "keys": true])
            let keys = Set((answer["keys"]?.sequence ?? []).compactMap(\.string))
            self.leases[id] = Lease(granted: Gateway.number(answer["grantedTTL"]) ?? 0, keys: keys)
        }
        for user in try gateway.call("auth/user/list", [:])["users"]?.sequence ?? [] {
            let roles = try gateway.call("auth/user/get", ["name": user])["roles"]?.sequence ?? []
            self.users[user.string ?? ""] = roles.compactMap(\.string)
        }
        for role in try gateway.call("auth/role/list", [:])["roles"]?.sequence ?? [] {
            let permissions = try gateway.call("auth/role/get", ["role": role])["perm"]?.sequence ?? []
            self.roles[role.string ?? ""] = Set(
                permissions.map { [$0["permType"]?.string ?? "READ", $0["key"]?.string ?? "", $0["range_end"]?.string ?? ""] })
        }
        for member in try gateway.call("cluster/member/list", [:])["members"]?.sequence ?? [] {
            guard let id = member["ID"]?.string.flatMap({ UInt64($0) }) else { continue }
            self.members[id] = [member["name"]?.string ?? ""] + (member["peerURLs"]?.sequence ?? []).compactMap(\.string)
            if member["isLearner"]?.bool == true { self.learners.insert(id) }
        }
        self.alarms = try gateway.call("maintenance/alarm", [:])["alarms"]?.sequence?.count ?? 0
    }
}
