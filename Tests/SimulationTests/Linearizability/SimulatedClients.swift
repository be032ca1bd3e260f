import Platform
import Simulation

/// Clients that call a store at the same time. The store does one operation at a time, at some moment between an
/// operation's invocation and its return: what they see is linearizable.
struct SimulatedClients<Input: Sendable, Output: Sendable> {
    var operations: [ClientOperation<Input, Output>] = []
    /// The operations that took effect, in the order in which they did.
    var order: [Int] = []

    private enum Client {
        case idle
        case waiting(Int)
        case done(Int, Output)
    }

    /// - Parameters:
    ///   - loss: How likely an operation's client never hears of it.
    ///   - apply: The store.
    init(
        _ count: Int, operations: Int, loss: Double, _ random: inout SeededRandom, input: (inout SeededRandom) -> Input,
        apply: (Input) -> Output
    ) {
        var clients: [Client] = Array(repeating: .idle, count: count)
        var names = Array(0..<count)
        /// Operations whose clients have given up, and that may yet take effect.
        var adrift: [Int] = []
        var now = 0
        while true {
            let isOver = self.operations.count >= operations
            if isOver && clients.allSatisfy({ if case .idle = $0 { true } else { false } }) { break }
            now += 1
            if let lost = adrift.last, random.chance(0.1) {
                adrift.removeLast()
                if random.chance(0.5) {
                    _ = apply(self.operations[lost].input)
                    self.order.append(lost)
                }
            }
            let client = Int.random(in: 0..<count, using: &random)
            switch clients[client] {
            case .idle:
                guard !isOver else { continue }
                self.operations.append(ClientOperation(client: names[client], input: input(&random), invoked: now))
                clients[client] = .waiting(self.operations.count - 1)
            case .waiting(let operation) where random.chance(loss):
                adrift.append(operation)
                (clients[client], names[client]) = (.idle, names[client] + count)
            case .waiting(let operation):
                clients[client] = .done(operation, apply(self.operations[operation].input))
                self.order.append(operation)
            case .done where random.chance(loss):
                (clients[client], names[client]) = (.idle, names[client] + count)
            case .done(let operation, let output):
                self.operations[operation].outcome = .returned(output, at: now)
                clients[client] = .idle
            }
        }
    }
}

/// Two operations of which one was over before the other began, both answered.
func isBefore<Input, Output>(_ left: ClientOperation<Input, Output>, _ right: ClientOperation<Input, Output>) -> Bool {
    guard let returned = left.returned, right.returned != nil else { return false }
    return returned < right.invoked
}
