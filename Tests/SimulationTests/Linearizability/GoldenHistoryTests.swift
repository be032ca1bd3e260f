import Simulation
import Testing

/// Histories of real stores whose verdicts are published.
@Suite("Recorded histories")
struct GoldenHistoryTests {
    @Test("Each verdict is the published one")
    func verdicts() throws {
        let verdicts = try Histories.verdicts()
        #expect(verdicts.count == 108)
        for (name, isLinearizable) in verdicts {
            let lines = try Histories.lines(name)
            if name.hasPrefix("jepsen/") {
                try Self.check(JepsenLog.parse(lines), RegisterModel(), name, isLinearizable)
            } else {
                try Self.check(KeyValueLog.parse(lines), KeyValueModel(), name, isLinearizable)
            }
        }
    }

    private static func check<Model: SequentialModel>(
        _ operations: [ClientOperation<Model.Input, Model.Output>], _ model: Model, _ name: String, _ isLinearizable: Bool
    ) throws {
        #expect(operations.count > 20, "\(name)")
        let verdict = LinearizabilityChecker(model).check(operations)
        switch verdict {
        case .linearizable(let witnesses):
            #expect(isLinearizable, "\(name) is not linearizable")
            #expect(Witness.problem(witnesses, operations, model) == nil, "\(name)")
        case .notLinearizable(let counterexample):
            #expect(!isLinearizable, "\(name) is linearizable; \(counterexample)")
            // The beginning that it names is by itself not linearizable.
            let window = Witness.beginning(of: operations, until: counterexample.deadline)
            #expect(LinearizabilityChecker(model).check(window).counterexample != nil, "\(name)")
            #expect(!counterexample.unplaced.isEmpty, "\(name)")
        case .undecided(let steps):
            Issue.record("\(name): undecided after \(steps) steps")
        }
    }
}

/// Looks at what the checker says without its help.
enum Witness {
    /// What is wrong with orders that are said to explain a history.
    static func problem<Model: SequentialModel>(
        _ witnesses: [[Int]], _ operations: [ClientOperation<Model.Input, Model.Output>], _ model: Model
    ) -> String? {
        var placed: Set<Int> = []
        for witness in witnesses {
            var state = model.initialState
            var latestInvocation = Int.min
            for index in witness {
                let operation = operations[index]
                guard placed.insert(index).inserted else { return "placed twice: \(operation)" }
                guard let next = model.step(state, operation.input, operation.output) else {
                    return "does not fit state \(state): \(operation)"
                }
                state = next
                latestInvocation = max(latestInvocation, operation.invoked)
                if let returned = operation.returned, returned < latestInvocation { return "placed too late: \(operation)" }
            }
        }
        let missing = operations.indices.first { operations[$0].returned != nil && !placed.contains($0) }
        return missing.map { "not placed: \(operations[$0])" }
    }

    /// What was known of a history at a time.
    static func beginning<Input, Output>(
        of operations: [ClientOperation<Input, Output>], until time: Int
    ) -> [ClientOperation<Input, Output>] {
        operations.filter { $0.invoked <= time }.map { operation in
            var operation = operation
            if let returned = operation.returned, returned > time { operation.outcome = .unknown }
            return operation
        }
    }
}
