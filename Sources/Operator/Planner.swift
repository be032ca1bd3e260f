internal import Backups
public import ClusterAPI
internal import Platform

/// Plays `decide` forward on a model of the cluster that behaves as no fault occurs, and tells the steps.
public enum Planner {
    /// The most steps a plan tells.
    public static let limit = 200

    public static func plan(_ start: DecisionInput) -> Plan {
        var input = start
        var model = ModelCluster(name: start.cluster.metadata.name, observed: start.observed)
        var steps: [PlanStep] = []
        var blocked: [BlockedAction] = []
        var idle = 0
        while steps.count < self.limit, idle < 20 {
            let decision = decide(input)
            blocked = decision.blocked
            input.memory = decision.memory
            input.cluster.status = decision.status
            input.requests.apply(decision)
            input.now = input.now + max(decision.requeueAfter, .milliseconds(10))
            guard let action = decision.action else {
                let isOver = decision.status.operation == nil && decision.requeueAfter >= Draft.steadyInterval
                idle = isOver ? 20 : idle + 1
                continue
            }
            idle = 0
            let before = ClusterView(input).tolerance
            guard let outcome = try? model.perform(action, now: input.now) else { break }
            self.remember(action, outcome, &input)
            input.observed = model.observe()
            steps.append(
                PlanStep(
                    action: action.description, why: decision.why, risk: action.risk, toleranceBefore: max(before, -1),
                    toleranceAfter: max(ClusterView(input).tolerance, -1)))
            if action == .forget { break }
        }
        return Plan(steps: steps, blocked: blocked, summary: self.summary(steps, blocked))
    }

    private static func remember(_ action: Action, _ outcome: Outcome, _ input: inout DecisionInput) {
        if case .resolveTarget(let question) = action, case .resolved(let resolved) = outcome {
            input.memory.note(resolved, of: question)
        }
        switch action {
        case .compact(let revision, _): input.memory.compaction = .init(time: input.now, revision: revision)
        case .defragment(let member, _): input.memory.defragmented[member] = input.now
        case .verifySnapshot(let uri):
            input.memory.verified[uri] = input.observed.snapshots?.snapshots.first { $0.uri == uri }
        default: break
        }
    }

    private static func summary(_ steps: [PlanStep], _ blocked: [BlockedAction]) -> String {
        if steps.isEmpty {
            return blocked.isEmpty
                ? "Nothing to do: the cluster is as its spec says."
                : "Nothing can be done now: \(blocked[0].action) is blocked (\(blocked[0].reason))."
        }
        let worst = steps.map(\.risk).max { $0.rank < $1.rank } ?? .none
        return "\(steps.count) step\(steps.count == 1 ? "" : "s"); the highest risk is \(worst.rawValue)."
    }
}

extension PlanStep.Risk {
    var rank: Int {
        Self.allCases.firstIndex(of: self) ?? 0
    }
}

extension Action {
    /// What carrying it out may cost.
    public var risk: PlanStep.Risk {
        switch self {
        case .provision, .addLearner, .takeSnapshot, .verifySnapshot, .resolveTarget, .disarmNoSpace, .forget, .promote: .none
        case .start, .compact, .removeMember, .restore: .none
        case .moveLeader: .leaderChange
        case .stop, .restart, .defragment: .memberRestart
        case .retire: .dataMove
        case .removeSnapshot, .deleteData: .dataLoss
        }
    }
}

extension Requests {
    /// The requests after a decision was written down.
    mutating func apply(_ decision: Decision) {
        for snapshot in decision.snapshots {
            self.snapshots.removeAll { $0.metadata.name == snapshot.metadata.name }
            if snapshot.status.phase == .pending || snapshot.status.phase == .inProgress { self.snapshots.append(snapshot) }
        }
        for restore in decision.restores {
            self.restores.removeAll { $0.metadata.name == restore.metadata.name }
            if restore.status.phase != .succeeded, restore.status.phase != .failed { self.restores.append(restore) }
        }
    }
}
