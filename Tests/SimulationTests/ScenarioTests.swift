import Simulation
import Testing

/// The controller, whole, in a world where every effect meets every fault.
@Suite("scenarios under faults")
struct ScenarioTests {
    @Test("Each scenario ends well undisturbed, the same way twice, and then costs nothing", arguments: Scenario.all)
    func undisturbed(scenario: Scenario) async {
        let result = await scenario.run(steadyTurns: 20)
        #expect(result.violations.isEmpty)
        #expect(result.steadyWrites == 0, "writes in steady state")
        #expect(result.steadyProbes <= 20, "probes of a member in 20 turns")
        let again = await scenario.run(steadyTurns: 20)
        #expect(again == result, "the same run came out differently")
    }

    /// Which fault an effect meets is by its place; `quorate simulate --controller` has each meet all of them.
    @Test("Each effect of each scenario meets a fault, and the end is the same", arguments: Scenario.all)
    func faults(scenario: Scenario) async {
        let first = environmentNumber("QUORATE_SEED", default: 1)
        let outcome = await FaultSweep(scenario).run { effect in
            [Fault.allCases[(first + effect) % Fault.allCases.count]]
        }
        #expect(outcome.failures.isEmpty)
        #expect(outcome.runs > 0)
    }
}
