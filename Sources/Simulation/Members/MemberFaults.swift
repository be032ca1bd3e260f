internal import EtcdWire
internal import Member
internal import Platform

/// What goes wrong, by chance.
struct MemberFaults {
    private var random: SeededRandom
    private let crashRate: Double
    private let cutRate: Double
    private let pauseRate: Double
    private let diskRate: Double
    private let adminRate: Double
    /// Of requests whose answers nobody looks at; clients' own are lower.
    private var nextCall = 1 << 40

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
        // Some runs are calm in one respect and wild in another.
        self.crashRate = [0, 0.0005, 0.002].randomElement(using: &self.random) ?? 0
        self.cutRate = [0, 0.001, 0.004].randomElement(using: &self.random) ?? 0
        self.pauseRate = [0, 0.001].randomElement(using: &self.random) ?? 0
        self.diskRate = [0, 0, 0.0005].randomElement(using: &self.random) ?? 0
        self.adminRate = [0, 0.0005].randomElement(using: &self.random) ?? 0
    }

    mutating func act(on cluster: inout SimulatedCluster) {
        for member in cluster.members where member.isUp {
            if self.random.chance(self.crashRate) {
                let restart = cluster.now + .milliseconds(Int.random(in: 50...3000, using: &self.random))
                if self.random.chance(0.5) {
                    cluster.crash(member, until: restart)
                } else {
                    // In the midst of what it writes next.
                    member.disk.stop(after: member.disk.operationCount + Int.random(in: 0...12, using: &self.random))
                }
            }
            if self.random.chance(self.pauseRate) {
                member.pausedUntil = cluster.now + .milliseconds(Int.random(in: 50...2000, using: &self.random))
            }
        }
        for member in cluster.members where member.isUp {
            if self.random.chance(self.diskRate), !member.diskFails {
                if self.random.chance(0.5) {
                    member.failSyncs()
                } else {
                    member.fillDisk(but: Int64.random(in: 0...20_000, using: &self.random))
                }
            }
            if self.random.chance(self.adminRate) { self.administer(member, cluster) }
        }
        if cluster.members.count > 1, self.random.chance(self.cutRate) { self.cut(&cluster) }
    }

    /// Has a member hand over its leadership, or rewrite its database.
    private mutating func administer(_ member: SimulatedMember, _ cluster: SimulatedCluster) {
        let other = cluster.members[Int.random(in: 0..<cluster.members.count, using: &self.random)]
        let handsOver = self.random.chance(0.7)
        self.nextCall += 1
        let request: ClientRequest = handsOver ? .moveLeader(MoveLeaderRequest(targetID: other.id)) : .defragment
        member.events.append(.call(self.nextCall, request))
    }

    /// One member from the others, one link, or the members in two halves; both ways or one.
    private mutating func cut(_ cluster: inout SimulatedCluster) {
        let end = cluster.now + .milliseconds(Int.random(in: 100...3000, using: &self.random))
        let count = cluster.members.count
        let inside = Set((0..<count).filter { _ in self.random.chance(0.5) })
        let isOneWay = self.random.chance(0.3)
        for from in 0..<count {
            for to in 0..<count where inside.contains(from) && !inside.contains(to) {
                cluster.network.cut(from, to, until: end)
                if !isOneWay { cluster.network.cut(to, from, until: end) }
            }
        }
    }
}
