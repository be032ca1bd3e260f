/// A register of numbers that is read, written, and compared and set.
public struct RegisterModel: SequentialModel {
    /// What is done to the register.
    public enum Input: Hashable, Sendable {
        case read
        case write(Int)
        case compareAndSet(Int, to: Int)
    }

    /// What comes of it.
    public enum Output: Hashable, Sendable {
        /// nil when nothing was ever written.
        case value(Int?)
        case written
        case compared(succeeded: Bool)
    }

    public let initialState: Int?

    public init(initialState: Int? = nil) {
        self.initialState = initialState
    }

    public func step(_ state: Int?, _ input: Input, _ output: Output?) -> Int?? {
        switch (input, output) {
        case (.read, .value(let value)): value == state ? .some(state) : nil
        case (.read, nil): .some(state)
        case (.write(let value), .written), (.write(let value), nil): .some(value)
        case (.compareAndSet(let old, let new), .compared(true)): state == old ? .some(new) : nil
        case (.compareAndSet(let old, _), .compared(false)): state == old ? nil : .some(state)
        case (.compareAndSet(let old, let new), nil): .some(state == old ? new : state)
        default: nil
        }
    }

    public func isReadOnly(_ input: Input, _ output: Output?) -> Bool {
        input == .read || output == .compared(succeeded: false)
    }
}

/// Values by key that are read, put, and appended to. Each key is an object of its own.
public struct KeyValueModel: SequentialModel {
    /// What is done to a key.
    public enum Input: Hashable, Sendable {
        case get(String)
        case put(String, String)
        case append(String, String)

        var key: String {
            switch self {
            case .get(let key), .put(let key, _), .append(let key, _): key
            }
        }
    }

    public init() {}

    /// A key that was never put has the empty value.
    public var initialState: String { "" }

    /// - Parameter output: What a get returned. A put and an append return nothing that is looked at.
    public func step(_ state: String, _ input: Input, _ output: String?) -> String? {
        switch input {
        case .get: output == nil || output == state ? state : nil
        case .put(_, let value): value
        case .append(_, let value): state + value
        }
    }

    public func isReadOnly(_ input: Input, _ output: String?) -> Bool {
        if case .get = input { true } else { false }
    }

    /// What a get returned begins with what is there now, since appends only add to it, or with what a later put put there.
    public func isTooLate(_ state: String, _ input: Input, _ output: String, before others: () -> [Input]) -> Bool {
        guard case .get = input, !output.hasPrefix(state) else { return false }
        return !others().contains { if case .put(_, let value) = $0 { output.hasPrefix(value) } else { false } }
    }

    public func partition(of input: Input) -> String { input.key }
}
