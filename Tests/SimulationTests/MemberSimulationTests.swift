import Simulation
import Testing

@Suite("A cluster of members, simulated")
struct MemberSimulationTests {
    /// Fresh ones by `QUORATE_SEED`.
    private static let first = UInt64(environmentNumber("QUORATE_SEED", default: 1))

    @Test("Whatever happens, what was promised holds")
    func chaos() {
        for seed in Self.first..<Self.first + UInt64(environmentNumber("QUORATE_SEEDS", default: 20)) {
            let report = MemberSimulation.run(.init(seed: seed))
            #expect(report.violations.isEmpty, "\(report)")
            #expect(report.acknowledged > 0, "\(report)")
            if environmentNumber("QUORATE_VERBOSE", default: 0) > 0 { print(report) }
        }
    }

    @Test("The same seed, the same run")
    func determinism() {
        for seed in Self.first..<Self.first + 2 {
            let (one, other) = (MemberSimulation.run(.init(seed: seed)), MemberSimulation.run(.init(seed: seed)))
            #expect(one == other)
        }
    }

    @Test("Logs that are not synced are found out")
    func withoutSync() {
        let found = (Self.first..<Self.first + 20).contains { seed in
            var options = MemberSimulation.Options(seed: seed)
            options.syncs = false
            return !MemberSimulation.run(options).violations.isEmpty
        }
        #expect(found)
    }
}
