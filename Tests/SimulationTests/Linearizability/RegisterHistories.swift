import Platform
import Simulation

/// Histories of a register in which no value is written twice, whole or with one violation in them.
struct RegisterHistory {
    typealias Operation = ClientOperation<RegisterModel.Input, RegisterModel.Output>

    var operations: [Operation]
    private var fresh: Int
    private var random: SeededRandom

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var register: Int?
        var last = 0
        let run = SimulatedClients<RegisterModel.Input, RegisterModel.Output>(
            Int.random(in: 2...6, using: &random), operations: 40, loss: Double.random(in: 0...0.15, using: &random), &random
        ) { random in
            last += 1
            switch Int.random(in: 0..<5, using: &random) {
            case 0: return .write(last)
            case 1, 2: return .compareAndSet(register ?? 0, to: last)
            default: return .read
            }
        } apply: { input in
            switch input {
            case .read:
                return .value(register)
            case .write(let value):
                register = value
                return .written
            case .compareAndSet(let old, let new):
                guard register == old else { return .compared(succeeded: false) }
                register = new
                return .compared(succeeded: true)
            }
        }
        self.operations = run.operations
        self.fresh = last
        self.random = random
    }

    /// What can be broken so that the history is surely wrong.
    enum Violation: CaseIterable {
        case staleRead, lostUpdate, neverWritten, readsGoBack
    }

    /// Breaks it; false when it holds nothing to break so.
    mutating func plant(_ violation: Violation) -> Bool {
        switch violation {
        case .staleRead: self.plantStaleRead()
        case .lostUpdate: self.plantLostUpdate()
        case .neverWritten: self.plantNeverWritten()
        case .readsGoBack: self.plantReadsGoBack()
        }
    }

    /// The value that an operation surely set.
    private static func value(setBy operation: Operation) -> Int? {
        switch (operation.input, operation.output) {
        case (.write(let value), .written?): value
        case (.compareAndSet(_, let value), .compared(succeeded: true)?): value
        default: nil
        }
    }

    private var reads: [Int] {
        self.operations.indices.filter { self.operations[$0].input == .read && self.operations[$0].output != nil }
    }

    private var writes: [(operation: Operation, value: Int)] {
        self.operations.compactMap { operation in Self.value(setBy: operation).map { (operation, $0) } }
    }

    /// A read that finds what was overwritten before it began.
    private mutating func plantStaleRead() -> Bool {
        var choices: [(read: Int, value: Int)] = []
        let writes = self.writes
        for read in self.reads {
            for old in writes {
                let isOver = writes.contains {
                    isBefore(old.operation, $0.operation) && isBefore($0.operation, self.operations[read])
                }
                if isOver { choices.append((read, old.value)) }
            }
        }
        guard let choice = choices.randomElement(using: &self.random) else { return false }
        self.answer(choice.read, .value(choice.value))
        return true
    }

    /// Two clients that both change the same value, which was written once.
    private mutating func plantLostUpdate() -> Bool {
        let updates = self.operations.filter { $0.output == .compared(succeeded: true) }
        guard let update = updates.randomElement(using: &self.random), let returned = update.returned,
            case .compareAndSet(let old, _) = update.input
        else { return false }
        self.fresh += 1
        self.operations.append(
            Operation(
                client: -1, input: .compareAndSet(old, to: self.fresh), invoked: update.invoked,
                outcome: .returned(.compared(succeeded: true), at: returned)))
        return true
    }

    private mutating func plantNeverWritten() -> Bool {
        guard let read = self.reads.randomElement(using: &self.random) else { return false }
        self.answer(read, .value(self.fresh + 1))
        return true
    }

    /// Two reads, one after the other, that find two values in the wrong order.
    private mutating func plantReadsGoBack() -> Bool {
        let writes = self.writes
        var choices: [(Int, Int)] = []
        for first in self.reads {
            for second in self.reads where isBefore(self.operations[first], self.operations[second]) {
                let values = [first, second].map { self.operations[$0].output }
                let setters = values.map { value in writes.first { value == .value($0.value) } }
                if let old = setters[0], let new = setters[1], isBefore(old.operation, new.operation) {
                    choices.append((first, second))
                }
            }
        }
        guard let (first, second) = choices.randomElement(using: &self.random),
            let old = self.operations[first].output, let new = self.operations[second].output
        else { return false }
        self.answer(first, new)
        self.answer(second, old)
        return true
    }

    private mutating func answer(_ index: Int, _ output: RegisterModel.Output) {
        guard let returned = self.operations[index].returned else { return }
        self.operations[index].outcome = .returned(output, at: returned)
    }
}
