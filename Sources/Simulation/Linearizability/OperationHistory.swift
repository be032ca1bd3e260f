/// One operation of a client, as the client saw it.
public struct ClientOperation<Input: Sendable, Output: Sendable>: Sendable {
    public var client: Int
    public var input: Input
    /// When it was invoked: any number that rises with time. Operations that touch in one point overlap.
    public var invoked: Int
    public var outcome: Outcome

    public init(client: Int, input: Input, invoked: Int, outcome: Outcome = .unknown) {
        self.client = client
        self.input = input
        self.invoked = invoked
        self.outcome = outcome
    }

    /// What came back.
    public enum Outcome: Sendable {
        case returned(Output, at: Int)
        /// Nothing: it took effect at some time after it was invoked, or it never will.
        case unknown
    }

    public var output: Output? {
        if case .returned(let output, _) = self.outcome { output } else { nil }
    }

    public var returned: Int? {
        if case .returned(_, let time) = self.outcome { time } else { nil }
    }
}

extension ClientOperation: CustomStringConvertible {
    public var description: String {
        switch self.outcome {
        case .returned(let output, let time): "[\(self.invoked), \(time)] client \(self.client): \(self.input) -> \(output)"
        case .unknown: "[\(self.invoked), ?] client \(self.client): \(self.input) -> unknown"
        }
    }
}

/// Records operations in the order in which they are invoked and answered.
public struct OperationHistory<Input: Sendable, Output: Sendable>: Sendable {
    private var all: [ClientOperation<Input, Output>?] = []
    private var now = 0

    public init() {}

    /// All that may have taken effect, in the order of their invocation.
    public var operations: [ClientOperation<Input, Output>] { self.all.compactMap { $0 } }

    /// Returns the number by which the operation is answered.
    public mutating func invoke(client: Int, _ input: Input) -> Int {
        self.now += 1
        self.all.append(ClientOperation(client: client, input: input, invoked: self.now))
        return self.all.count - 1
    }

    public mutating func complete(_ operation: Int, _ output: Output) {
        self.now += 1
        self.all[operation]?.outcome = .returned(output, at: self.now)
    }

    /// Takes out an operation that surely took no effect, such as one that was refused.
    public mutating func discard(_ operation: Int) {
        self.all[operation] = nil
    }
}
