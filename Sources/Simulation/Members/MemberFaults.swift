internal import Member
internal import Platform

/// What goes wrong, by chance.
struct MemberFaults {
    private var random: SeededRandom
    private let crashRate: Double
    private let cutRate: Double
    private let pauseRate: Double

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
        // Some runs are calm in one respect and wild in another.
        self.crashRate = [0, 0.0005, 0.002].randomElement(using: &self.random) ?? 0
        self.cutRate = [0, 0.001, 0.004].randomElement(using: &self.random) ?? 0
        self.pauseRate = [0, 0.001].randomElement(using: &self.random) ?? 0
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
        if cluster.members.count > 1, self.random.chance(self.cutRate) { self.cut(&cluster) }
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
