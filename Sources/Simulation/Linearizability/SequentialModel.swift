/// What a history is checked against: an object that does one operation at a time.
///
/// A model is deterministic: a state, an input and an output lead to one state or to none. What is open in a history is the
/// order of operations that overlap, and whether those of unknown outcome took effect; both are the checker's to search.
public protocol SequentialModel: Sendable {
    associatedtype State: Hashable & Sendable
    associatedtype Input: Hashable & Sendable
    associatedtype Output: Sendable
    /// Names an object among several that are checked each by itself.
    associatedtype Partition: Hashable & Sendable = Int

    var initialState: State { get }

    /// The state after the operation, or nil when the object does not answer so in this state.
    /// - Parameter output: nil when the outcome is unknown; then the state after the operation took effect.
    func step(_ state: State, _ input: Input, _ output: Output?) -> State?

    /// Whether the operation leaves every state as it is that it can meet. Such a one is placed as soon as it fits, and no
    /// other place for it is tried.
    func isReadOnly(_ input: Input, _ output: Output?) -> Bool

    /// Whether the operation cannot be answered so any more: neither in this state, nor in any to which `others`, which are
    /// those that may still come before it, can lead. The search turns back at once.
    func isTooLate(_ state: State, _ input: Input, _ output: Output, before others: () -> [Input]) -> Bool

    /// The object that the operation is about. A history is linearizable if and only if it is so for each object.
    func partition(of input: Input) -> Partition
}

extension SequentialModel {
    public func isTooLate(_ state: State, _ input: Input, _ output: Output, before others: () -> [Input]) -> Bool { false }
}

extension SequentialModel where Partition == Int {
    public func partition(of input: Input) -> Int { 0 }
}
