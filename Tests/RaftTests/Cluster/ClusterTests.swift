import Glibc
import Testing

/// Clusters left to chance. A failure names its seed, which makes the same run again.
///
/// `QUORATE_RAFT_SEEDS` sets how many seeds there are, `QUORATE_RAFT_SEED` runs one.
@Suite struct ClusterTests {
    static func number(_ name: String) -> UInt64? {
        guard let text = unsafe getenv(name) else { return nil }
        return UInt64(unsafe String(cString: text))
    }

    static var seeds: Range<UInt64> {
        if let seed = Self.number("QUORATE_RAFT_SEED") { return seed..<(seed + 1) }
        return 1..<((Self.number("QUORATE_RAFT_SEEDS") ?? 60) + 1)
    }

    static func run(seed: UInt64, steps: Int, bug: PlantedBug? = nil) throws -> Checker.Counts {
        let cluster = try SimulatedCluster(seed: seed, bug: bug)
        for step in 0..<steps {
            do {
                try cluster.step()
            } catch {
                throw Violation("step \(step): \(error)")
            }
        }
        if bug == nil { try cluster.heal() }
        return cluster.checker.counts
    }

    /// Nothing that must not be, whatever happens; and agreement once nothing happens any more.
    @Test func safeAndAlive() throws {
        var counts = Checker.Counts()
        for seed in Self.seeds {
            do {
                counts = counts + (try Self.run(seed: seed, steps: 4000))
            } catch {
                Issue.record("QUORATE_RAFT_SEED=\(seed): \(error)")
            }
        }
        guard Self.seeds.count > 1 else { return }
        // The runs are worth nothing if nothing happens in them.
        let seen = [
            counts.elections, counts.applied, counts.reads, counts.snapshots, counts.changes, counts.transfers, counts.crashes,
            counts.dropped,
        ]
        #expect(seen.allSatisfy { $0 > Self.seeds.count }, "\(counts)")
    }

    /// A checker that finds nothing may look at nothing: it finds each mistake that is made on purpose.
    @Test(arguments: PlantedBug.allCases) func finds(_ bug: PlantedBug) {
        for seed in UInt64(1)...3000 {
            do {
                _ = try Self.run(seed: seed, steps: 2000, bug: bug)
            } catch {
                return
            }
        }
        Issue.record("\(bug) was not found")
    }
}
