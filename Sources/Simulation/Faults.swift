/// What happens to one effect of the controller: a write to its store, or an action on the world.
public enum Fault: Sendable, Hashable, CaseIterable {
    /// The controller dies before the effect.
    case crashBefore
    /// The controller dies after the effect, before it learns of it.
    case crashAfter
    /// The effect fails and did not happen.
    case dropped
    /// The effect happens, and the controller is told that it failed.
    case replyLost
    /// The effect happens twice.
    case duplicated
    /// The effect happens five seconds late.
    case delayed
}

/// Which effects, counted from 1 over the whole run, meet which fault.
public struct FaultPlan: Sendable, Hashable {
    public var faults: [Int: Fault]

    public init(_ faults: [Int: Fault] = [:]) {
        self.faults = faults
    }
}
