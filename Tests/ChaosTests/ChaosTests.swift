import Glibc
import Platform
import TestSupport
import Testing

/// What may happen to a member while clients go on.
enum ChaosFault: String, CaseIterable, Sendable {
    case kill, pause, cut, stall, delay, killAll, replace
}

/// Members in processes of their own, under clients, while they are killed, held still, cut off and replaced: what clients saw
/// must be what one store answers, and nothing acknowledged may be gone.
@Suite("Real processes under faults")
struct ChaosTests {
    static let kinds: [[ChaosMember.Kind]] =
        [[.ours, .ours, .ours]]
        + (EtcdVersion.v35.isEnabled
            ? [[.ours, .ours, .etcd(.v35)], [.etcd(.v35), .etcd(.v35), .ours]] : [])

    @Test("Faults of every kind", .timeLimit(.minutes(10)), arguments: Self.kinds)
    func faults(_ kinds: [ChaosMember.Kind]) async throws {
        let rounds = Environment.number("QUORATE_CHAOS_ROUNDS") ?? 1
        let seed = Environment.seed
        var random = SeededRandom(seed: seed)
        let cluster = try await ChaosCluster(kinds)
        let clients = ChaosClients(4, of: cluster.members, seed: seed)
        for _ in 0..<rounds {
            for fault in ChaosFault.allCases.shuffled(using: &random) {
                try await clients.waitForProgress(of: 40)
                do { try await Self.carryOut(fault, on: cluster, clients, &random) } catch {
                    Issue.record("\(fault): \(error)\n\(cluster.story)\nseed \(seed)")
                }
            }
        }
        try await clients.waitForProgress(of: 40)
        try await cluster.check(await clients.stop(), seed)
        await cluster.stop()
    }

    private static func carryOut(
        _ fault: ChaosFault, on cluster: ChaosCluster, _ clients: ChaosClients, _ random: inout SeededRandom
    ) async throws {
        // The leader as often as not.
        let any = Int.random(in: 0..<cluster.members.count, using: &random)
        let place = random.chance(0.5) ? try await cluster.leader() : any
        let member = cluster.members[place]
        switch fault {
        case .kill:
            member.kill()
            try await clients.waitForProgress(of: 40)
            try member.start()
        case .pause:
            member.pause()
            try await clients.waitForProgress(of: 40)
            member.resume()
        case .cut: try await Self.isolate(place, .cut, cluster, clients)
        case .stall: try await Self.isolate(place, .stalled, cluster, clients)
        case .delay:
            let milliseconds = UInt32.random(in: 20...150, using: &random)
            try await Self.isolate(place, .delayed(milliseconds: milliseconds), cluster, clients)
        case .killAll:
            for member in cluster.members { member.kill() }
            for member in cluster.members { try member.start() }
        case .replace:
            clients.ask(cluster.members.filter { $0 !== member })
            try await cluster.replace(place)
            clients.ask(cluster.members)
        }
    }

    private static func isolate(
        _ place: Int, _ rule: PeerProxy.Rule, _ cluster: ChaosCluster, _ clients: ChaosClients
    ) async throws {
        try await cluster.isolate(place, rule)
        try await clients.waitForProgress(of: 40)
        try await cluster.isolate(place, nil)
    }
}

enum Environment {
    static func number(_ name: String) -> Int? {
        unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) }
    }

    static var isCI: Bool { unsafe getenv("CI") != nil }

    /// What `QUORATE_SEED` says, or a fresh one.
    static var seed: UInt64 {
        Self.number("QUORATE_SEED").map { UInt64(truncatingIfNeeded: $0) } ?? UInt64.random(in: 0 ... .max) >> 1
    }
}
