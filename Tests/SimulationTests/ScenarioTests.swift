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

    @Test("Each effect of each scenario meets each fault, and the end is the same", arguments: Scenario.all)
    func everyFault(scenario: Scenario) async {
        let reference = await scenario.run()
        for effect in 1...reference.effects {
            for fault in Fault.allCases {
                let result = await scenario.run(FaultPlan([effect: fault]))
                let what = "\(scenario.name): effect \(effect) (\(reference.trace[effect - 1])) \(fault)"
                #expect(result.violations.isEmpty, "\(what)")
                #expect(result.end == reference.end, "\(what)")
                #expect(result.steadyWrites == 0, "\(what)")
            }
        }
    }
}
