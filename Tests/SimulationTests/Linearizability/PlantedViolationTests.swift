import Platform
import Simulation
import Testing

/// Histories of a right store are accepted; each with one violation in it is not.
@Suite("Planted violations")
struct PlantedViolationTests {
    /// 2 models, so that 1,000 are right and 1,000 are wrong by default.
    static let count = environmentNumber("QUORATE_HISTORIES", default: 1000) / 2

    @Test("Registers: all right ones accepted")
    func registers() {
        for seed in 0..<UInt64(Self.count) {
            let history = RegisterHistory(seed: seed)
            Self.accept(history.operations, RegisterModel(), seed)
        }
    }

    @Test("Registers: all wrong ones found")
    func brokenRegisters() {
        var seed: UInt64 = 0
        for index in 0..<Self.count {
            let violation = RegisterHistory.Violation.allCases[index % RegisterHistory.Violation.allCases.count]
            let history = Self.planted(&seed) {
                RegisterHistory(seed: $0)
            } plant: {
                $0.plant(violation)
            }
            Self.refuse(history.operations, RegisterModel(), "seed \(seed): \(violation)")
        }
    }

    @Test("etcd: all right ones accepted, with what was stored and without")
    func etcd() throws {
        for seed in 0..<UInt64(Self.count) {
            let history = EtcdHistory(seed: seed)
            let log = seed % 2 == 0 ? try EventLog(history.store.events) : nil
            Self.accept(history.operations, EtcdModel(log: log), seed)
            #expect(RevisionChecker.violations(in: history.operations).isEmpty, "seed \(seed)")
        }
    }

    @Test("etcd: all wrong ones found, with what was stored and without")
    func brokenEtcd() throws {
        var seed: UInt64 = 0
        for index in 0..<Self.count {
            let violation = EtcdHistory.Violation.allCases[index % EtcdHistory.Violation.allCases.count]
            let history = Self.planted(&seed) {
                EtcdHistory(seed: $0)
            } plant: {
                $0.plant(violation)
            }
            let log = seed % 2 == 0 ? try EventLog(history.store.events) : nil
            Self.refuse(history.operations, EtcdModel(log: log), "seed \(seed): \(violation)")
            switch violation {
            case .staleRead, .lostUpdate, .swappedRevisions:
                #expect(!RevisionChecker.violations(in: history.operations).isEmpty, "seed \(seed): \(violation)")
            case .staleContents, .neverWritten: break
            }
        }
    }

    @Test("etcd: a long history takes about a step an operation")
    func long() throws {
        let seed: UInt64 = 7
        let history = EtcdHistory(seed: seed, operations: 2000)
        let log = try EventLog(history.store.events)
        let checker = LinearizabilityChecker(EtcdModel(log: log), budget: 20 * history.operations.count)
        let verdict = checker.check(history.operations)
        #expect(verdict.isLinearizable, "seed \(seed): \(verdict)")
    }

    /// The next history that the violation can be planted in.
    private static func planted<History>(
        _ seed: inout UInt64, _ make: (UInt64) -> History, plant: (inout History) -> Bool
    ) -> History {
        while true {
            seed += 1
            var history = make(seed)
            if plant(&history) { return history }
        }
    }

    private static func accept<Model: SequentialModel>(
        _ operations: [ClientOperation<Model.Input, Model.Output>], _ model: Model, _ seed: UInt64
    ) {
        switch LinearizabilityChecker(model).check(operations) {
        case .linearizable(let witnesses): #expect(Witness.problem(witnesses, operations, model) == nil, "seed \(seed)")
        case .notLinearizable(let counterexample): Issue.record("seed \(seed): \(counterexample)")
        case .undecided(let steps): Issue.record("seed \(seed): undecided after \(steps) steps")
        }
    }

    private static func refuse<Model: SequentialModel>(
        _ operations: [ClientOperation<Model.Input, Model.Output>], _ model: Model, _ what: String
    ) {
        let verdict = LinearizabilityChecker(model).check(operations)
        #expect(verdict.counterexample != nil, "\(what): \(verdict)")
    }
}
