internal import EtcdWire
internal import Member
internal import Platform
internal import Store

/// Clients that hold leases: they are granted them, hang two keys on each, keep them alive for a while, and revoke some.
///
/// What a lease promises is looked after by the true clock, which no member has: theirs go faster or slower by up to
/// ``drift``. A lease never ends before its time since the last renewal that was acknowledged was asked for, whoever led
/// meanwhile; it ends soon after once all is well; and its keys go with it, in one revision.
struct MemberLeases {
    /// By which part of it a member's clock may gain or lose.
    static let drift = 0.02

    private struct Lease {
        let id: Int64
        let ttl: Int64
        /// For so long its client renews it.
        let keptUntil: Duration
        /// It must not end before.
        var promised: Duration?
        /// Whether someone asked for its end; when that comes is then open.
        var isRevoked = false
        var hasKeys = false
    }

    /// What was asked, and when.
    private enum Question {
        case grant(Int64, Duration)
        case other
    }

    private var random: SeededRandom
    private var leases: [Lease] = []
    private var calls: [Int: Question] = [:]
    private var renewals: [StreamID: (lease: Int64, asked: Duration)] = [:]
    private var nextCall = 1 << 50
    private var nextStream: UInt64 = 1 << 50
    /// What each member held when it was last looked at, in which of its runs.
    private var held: [Int: (run: UInt64, leases: Set<Int64>)] = [:]

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    mutating func act(on cluster: inout SimulatedCluster) {
        let open = self.leases.count { !$0.isRevoked && ($0.promised ?? cluster.now) >= cluster.now }
        if open < 6, self.random.chance(0.02) { self.grant(cluster) }
        for index in self.leases.indices where self.leases[index].promised != nil {
            let lease = self.leases[index]
            if !lease.hasKeys, self.random.chance(0.05) {
                self.leases[index].hasKeys = true
                self.ask(cluster, .txn(TxnRequest(success: ["a", "b"].map { .put(Self.put($0, lease.id)) })), .other)
            }
            if lease.keptUntil > cluster.now, self.random.chance(0.02) { self.renew(lease.id, cluster) }
            if !lease.isRevoked, self.random.chance(0.0003) {
                self.leases[index].isRevoked = true
                self.ask(cluster, .leaseRevoke(LeaseRevokeRequest(id: lease.id)), .other)
            }
        }
    }

    private static func put(_ name: String, _ lease: Int64) -> PutRequest {
        PutRequest(key: Array("x\(lease)/\(name)".utf8), value: [1], lease: lease)
    }

    private mutating func grant(_ cluster: SimulatedCluster) {
        let id = Int64(self.leases.count + 1)
        let ttl = Int64.random(in: 1...4, using: &self.random)
        let kept = cluster.now + .milliseconds(Int.random(in: 0...8000, using: &self.random))
        self.leases.append(Lease(id: id, ttl: ttl, keptUntil: kept))
        self.ask(cluster, .leaseGrant(LeaseGrantRequest(ttl: ttl, id: id)), .grant(id, cluster.now))
    }

    private mutating func ask(_ cluster: SimulatedCluster, _ request: ClientRequest, _ question: Question) {
        let member = cluster.members[Int.random(in: 0..<cluster.members.count, using: &self.random)]
        guard member.isUp else { return }
        self.nextCall += 1
        self.calls[self.nextCall] = question
        member.events.append(.call(self.nextCall, request))
    }

    private mutating func renew(_ lease: Int64, _ cluster: SimulatedCluster) {
        let leaders = cluster.members.filter { member in member.withCore { $0.isLeader } == true }
        guard let member = leaders.randomElement(using: &self.random) else { return }
        self.nextStream += 1
        let stream = StreamID(raw: self.nextStream)
        self.renewals[stream] = (lease, cluster.now)
        member.events.append(.keepAlive(stream, LeaseKeepAliveRequest(id: lease)))
    }

    // MARK: What came of it

    mutating func take(from cluster: inout SimulatedCluster) {
        for (_, call, answer) in cluster.answers {
            guard case .grant(let id, let asked)? = self.calls.removeValue(forKey: call), case .success = answer else {
                continue
            }
            self.promise(id, asked)
        }
        for (_, stream, answer) in cluster.keepAlives {
            guard let (id, asked) = self.renewals.removeValue(forKey: stream), case .success(let response) = answer else {
                continue
            }
            if response.ttl > 0 { self.promise(id, asked) } else { self.noteEnd(of: id, &cluster, "a member says") }
        }
        for member in cluster.members {
            guard let ids = member.withCore({ Set($0.store.leaseLeases().leases.map(\.id)) }) else { continue }
            let before = self.held[member.number]
            self.held[member.number] = (member.starts, ids)
            guard let before, before.run == member.starts else { continue }
            for id in before.leases.subtracting(ids).sorted() {
                self.noteEnd(of: id, &cluster, "member \(member.number) has applied")
            }
        }
    }

    private mutating func promise(_ id: Int64, _ asked: Duration) {
        let index = Int(id) - 1
        let until = asked + .nanoseconds(Int64(Double(self.leases[index].ttl) * 1e9 * (1 - Self.drift)))
        self.leases[index].promised = max(self.leases[index].promised ?? .zero, until)
    }

    private func noteEnd(of id: Int64, _ cluster: inout SimulatedCluster, _ who: String) {
        let lease = self.leases[Int(id) - 1]
        guard !lease.isRevoked, let promised = lease.promised, cluster.now < promised else { return }
        cluster.violate("\(who) that lease \(id) of \(lease.ttl) s has ended, \(promised - cluster.now) before its time")
    }

    /// Once all is well nobody renews any more: every lease must end.
    mutating func settle(_ cluster: inout SimulatedCluster) {
        let end = cluster.now + .seconds(25)
        while cluster.now < end, cluster.violations.isEmpty {
            cluster.step()
            self.take(from: &cluster)
            let isOver = cluster.members.allSatisfy { member in
                member.withCore { $0.leader != 0 && $0.store.leaseLeases().leases.isEmpty } == true
            }
            if isOver { return }
        }
        if cluster.violations.isEmpty { cluster.violate("25 s after the last renewal there are leases still") }
    }

    /// Keys go with their lease, and all of them in one revision.
    func check(_ events: [WatchEvent], _ report: inout MemberSimulation.Report) {
        for lease in self.leases {
            let last = ["a", "b"].map { name in
                events.last { $0.kv.key == Self.put(name, lease.id).key }.map { ($0.type, $0.kv.modRevision) }
            }
            guard let one = last[0], let other = last[1] else {
                if last[0] != nil || last[1] != nil { report.violations.append("lease \(lease.id) has one key of two") }
                continue
            }
            if one.0 != .delete || other.0 != .delete || one.1 != other.1 {
                report.violations.append("lease \(lease.id) has ended, and its keys are \(one) and \(other)")
            }
        }
    }
}
