/// The effects of a scenario under faults: whatever one of them meets, the run ends as it does undisturbed, and keeps what
/// must always hold.
public struct FaultSweep: Sendable {
    /// What came of it.
    public struct Outcome: Sendable {
        public var runs = 0
        /// What did not hold: in which scenario, at which effect, under which fault.
        public var failures: [String] = []
    }

    private let scenario: Scenario

    public init(_ scenario: Scenario) {
        self.scenario = scenario
    }

    /// A run for each effect and fault.
    /// - Parameter faults: Those that an effect meets; effects count from 1.
    public func run(_ faults: (Int) -> [Fault] = { _ in Fault.allCases }) async -> Outcome {
        var outcome = Outcome()
        let reference = await self.scenario.run()
        for effect in 1...max(1, reference.effects) {
            for fault in faults(effect) {
                let result = await self.scenario.run(FaultPlan([effect: fault]))
                outcome.runs += 1
                let what = "\(self.scenario.name): effect \(effect) (\(reference.trace[effect - 1])) \(fault)"
                outcome.failures += result.violations.map { "\(what): \($0)" }
                if result.end != reference.end { outcome.failures.append("\(what): it ends as \(result.end)") }
                if result.steadyWrites > 0 { outcome.failures.append("\(what): writes in steady state") }
            }
        }
        return outcome
    }

    /// Every effect of every scenario under every fault, scenarios beside each other.
    public static func everything() async -> Outcome {
        await withTaskGroup(of: Outcome.self) { group in
            for scenario in Scenario.all { group.addTask { await FaultSweep(scenario).run() } }
            return await group.reduce(into: Outcome()) { sum, outcome in
                sum.runs += outcome.runs
                sum.failures += outcome.failures
            }
        }
    }
}
