/// What the controller would do now, step by step, made by the same function that decides when it does it.
public struct Plan: Sendable, Hashable {
    public var steps: [PlanStep]
    /// What is not done, and why.
    public var blocked: [BlockedAction]
    /// One sentence.
    public var summary: String

    public init(steps: [PlanStep], blocked: [BlockedAction], summary: String) {
        self.steps = steps
        self.blocked = blocked
        self.summary = summary
    }
}

public struct PlanStep: Sendable, Hashable {
    public enum Risk: String, Sendable, Hashable, CaseIterable {
        case none = "None"
        case leaderChange = "LeaderChange"
        case memberRestart = "MemberRestart"
        case dataMove = "DataMove"
        case dataLoss = "DataLoss"
    }

    /// `AddLearner orders-4`
    public var action: String
    public var why: String
    public var risk: Risk
    /// How many members may fail before and after the step without losing quorum.
    public var toleranceBefore: Int
    public var toleranceAfter: Int

    public init(action: String, why: String, risk: Risk, toleranceBefore: Int, toleranceAfter: Int) {
        self.action = action
        self.why = why
        self.risk = risk
        self.toleranceBefore = toleranceBefore
        self.toleranceAfter = toleranceAfter
    }
}
