public import ClusterAPI
public import Platform

/// All that a decision is made from.
public struct DecisionInput: Sendable {
    public var cluster: EtcdCluster
    public var requests: Requests
    public var observed: ObservedCluster
    public var memory: ClusterMemory
    public var now: Timestamp
    /// The rules of the time zones that the spec names, by name.
    public var zones: [String: ZoneRules]

    public init(
        cluster: EtcdCluster, requests: Requests, observed: ObservedCluster, memory: ClusterMemory, now: Timestamp,
        zones: [String: ZoneRules] = [:]
    ) {
        self.cluster = cluster
        self.requests = requests
        self.observed = observed
        self.memory = memory
        self.now = now
        self.zones = zones
    }
}

/// What to do now: the status to write first, then at most one action.
public struct Decision: Sendable {
    /// To be stored before the action is carried out: it holds the action's intent.
    public var status: EtcdClusterStatus
    public var action: Action?
    /// Why that action, or why none; one sentence.
    public var why: String
    /// When to look again.
    public var requeueAfter: Duration
    public var events: [EventDraft] = []
    public var memory: ClusterMemory
    /// Objects to write before the action, with their new status.
    public var snapshots: [EtcdSnapshot] = []
    public var restores: [EtcdRestore] = []

    /// Why what is wanted is not done.
    public var blocked: [BlockedAction] { self.status.blocked }
}

/// Where an operation's details say how far its long action has come.
public let progressDetail = "progress"

/// An event about the cluster, without its time.
public struct EventDraft: Sendable, Hashable {
    public var type: Event.Kind
    public var reason: String
    public var message: String

    public init(_ type: Event.Kind, _ reason: String, _ message: String) {
        self.type = type
        self.reason = reason
        self.message = message
    }
}

/// Decides the next step for one cluster. Pure: the same input gives the same decision, in `quorate run`, in
/// `quorate plan`, and in a simulation.
///
/// The concerns are asked in a fixed order; the first that has something to do takes the turn, so that there is never more
/// than one change in flight: deletion, pause, a restore that was begun, an approved restore, bootstrap, restarting
/// members, lost quorum, lost space, membership, changed options, snapshots, retention, compaction, defragmentation.
public func decide(_ input: DecisionInput) -> Decision {
    var draft = Draft(input)
    draft.fillRequests()
    _ =
        draft.deletion()
        || draft.pause()
        || draft.blindness()
        || draft.continueRestore()
        || draft.beginRestore()
        || draft.bootstrap()
        || draft.restartMembers()
        || draft.quorumLoss()
        || draft.spaceAlarm()
        || draft.membership()
        || draft.rollOptions()
        || draft.snapshots()
        || draft.retention()
        || draft.compaction()
        || draft.defragmentation()
    return draft.finish()
}
