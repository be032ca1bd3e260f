import EtcdWire
import Platform
import Simulation
import Testing

/// Short histories, right and wrong, where every order can be tried: the checker, with all it leaves out, says the same.
@Suite("Linearizability by brute force")
struct BruteForceTests {
    static let count = environmentNumber("QUORATE_HISTORIES", default: 1000)

    @Test("Registers")
    func registers() {
        Self.compare(RegisterModel(initialState: 0)) { random in
            func value() -> Int { Int.random(in: 0..<3, using: &random) }
            let input: RegisterModel.Input =
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1: .read
                case 2: .write(value())
                default: .compareAndSet(value(), to: value())
                }
            let output: RegisterModel.Output =
                switch input {
                case .read: .value(value())
                case .write: .written
                case .compareAndSet: .compared(succeeded: random.chance(0.5))
                }
            return (input, output)
        }
    }

    @Test("Keys and values")
    func keyValues() {
        Self.compare(KeyValueModel()) { random in
            func value() -> String { ["a", "b", ""].randomElement(using: &random) ?? "" }
            let key = random.chance(0.8) ? "k" : "l"
            return switch Int.random(in: 0..<4, using: &random) {
            case 0: (.put(key, value()), "")
            case 1: (.append(key, value()), "")
            default: (.get(key), value() + value())
            }
        }
    }

    @Test("etcd, with what was stored and without")
    func etcd() throws {
        var verdicts = (right: 0, wrong: 0)
        for seed in 0..<UInt64(Self.count) {
            var random = SeededRandom(seed: ~seed)
            let history = EtcdHistory(seed: seed, operations: 7)
            var operations = history.operations
            for _ in 0..<Int.random(in: 0...2, using: &random) { Self.disturb(&operations, &random) }
            let log = random.chance(0.5) ? try EventLog(history.store.events) : nil
            Self.compare(operations, EtcdModel(log: log), seed, &verdicts)
        }
        #expect(verdicts.right > Self.count / 10 && verdicts.wrong > Self.count / 10, "\(verdicts)")
    }

    /// Moves an operation in time, or gives it the answer of another, or none.
    private static func disturb(_ operations: inout [EtcdHistory.Operation], _ random: inout SeededRandom) {
        let (one, other) = (Int.random(in: 0..<7, using: &random), Int.random(in: 0..<7, using: &random))
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
            operations[one].outcome = .unknown
        case 1:
            guard let output = operations[other].output, let returned = operations[one].returned else { return }
            operations[one].outcome = .returned(output, at: returned)
        default:
            guard let output = operations[one].output else { return }
            operations[one].invoked = Int.random(in: 0..<40, using: &random)
            let returned = operations[one].invoked + Int.random(in: 1...10, using: &random)
            operations[one].outcome = .returned(output, at: returned)
        }
    }

    private static func compare<Model: SequentialModel>(
        _ model: Model, _ draw: (inout SeededRandom) -> (Model.Input, Model.Output)
    ) {
        var verdicts = (right: 0, wrong: 0)
        for seed in 0..<UInt64(Self.count) {
            var random = SeededRandom(seed: seed)
            let operations = (0..<Int.random(in: 2...7, using: &random)).map { client in
                let (input, output) = draw(&random)
                let invoked = Int.random(in: 0..<12, using: &random)
                let returned = invoked + Int.random(in: 0...8, using: &random)
                let isKnown = random.chance(0.7)
                return ClientOperation<Model.Input, Model.Output>(
                    client: client, input: input, invoked: invoked,
                    outcome: isKnown ? .returned(output, at: returned) : .unknown)
            }
            Self.compare(operations, model, seed, &verdicts)
        }
        #expect(verdicts.right > Self.count / 10 && verdicts.wrong > Self.count / 10, "\(verdicts)")
    }

    private static func compare<Model: SequentialModel>(
        _ operations: [ClientOperation<Model.Input, Model.Output>], _ model: Model, _ seed: UInt64,
        _ verdicts: inout (right: Int, wrong: Int)
    ) {
        let partitions = Set(operations.map { model.partition(of: $0.input) })
        let expected = partitions.allSatisfy { partition in
            let share = operations.filter { model.partition(of: $0.input) == partition }
            return Self.isLinearizable(share, model, model.initialState, Array(repeating: false, count: share.count))
        }
        if expected { verdicts.right += 1 } else { verdicts.wrong += 1 }
        switch LinearizabilityChecker(model).check(operations) {
        case .linearizable(let witnesses):
            #expect(expected, "seed \(seed): accepted \(operations)")
            #expect(Witness.problem(witnesses, operations, model) == nil, "seed \(seed)")
        case .notLinearizable(let counterexample):
            #expect(!expected, "seed \(seed): refused; \(counterexample)")
        case .undecided(let steps):
            Issue.record("seed \(seed): undecided after \(steps) steps")
        }
    }

    /// Tries everything.
    private static func isLinearizable<Model: SequentialModel>(
        _ operations: [ClientOperation<Model.Input, Model.Output>], _ model: Model, _ state: Model.State, _ placed: [Bool]
    ) -> Bool {
        let open = operations.indices.filter { !placed[$0] }
        if open.allSatisfy({ operations[$0].returned == nil }) { return true }
        return open.contains { next in
            let isNext = open.allSatisfy { (operations[$0].returned ?? .max) >= operations[next].invoked }
            guard isNext, let state = model.step(state, operations[next].input, operations[next].output) else { return false }
            var placed = placed
            placed[next] = true
            return Self.isLinearizable(operations, model, state, placed)
        }
    }
}
