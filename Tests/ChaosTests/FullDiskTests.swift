import Platform
import TestSupport
import Testing

/// Members that cannot write any more: nothing that was acknowledged is lost, and with room again they go on.
///
/// The process's own limit of file sizes stands in for a full disk: it needs no privilege, refuses the same calls in the same
/// places, and lets a part of a write through.
@Suite("Full disks")
struct FullDiskTests {
    @Test("One of three has no room, whoever leads", .timeLimit(.minutes(3)))
    func fullDisk() async throws {
        let seed = Environment.seed
        var random = SeededRandom(seed: seed)
        let cluster = try await ChaosCluster([.ours, .ours, .ours])
        let clients = ChaosClients(4, of: cluster.members, seed: seed, padding: 2000)
        do { try await Self.fill(cluster, clients, &random) } catch {
            Issue.record("\(error)\n\(cluster.story)\nseed \(seed)")
        }
        try await cluster.check(await clients.stop(), seed)
        await cluster.stop()
    }

    private static func fill(_ cluster: ChaosCluster, _ clients: ChaosClients, _ random: inout SeededRandom) async throws {
        for isLeader in [true, false] {
            try await clients.waitForProgress(of: 40)
            let leader = try await cluster.leader()
            let place = isLeader ? leader : (leader + Int.random(in: 1...2, using: &random)) % 3
            let member = cluster.members[place]
            // A file system has room by the block; the first is for what the member says of it.
            try await member.limitFiles(4096 * Int.random(in: 1...50, using: &random))
            try await clients.waitForProgress(of: 40)
            try await poll(within: .seconds(20), "\(member.name) has no room and ends; its log:\n\(member.log)") {
                member.hasEnded ? () : nil
            }
            #expect(member.log.contains(member.dataDirectory), "it says which file; \(cluster.story)")
            try await clients.waitForProgress(of: 40)
            try member.start()
        }
        try await clients.waitForProgress(of: 40)
    }
}
