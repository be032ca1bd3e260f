internal import ClusterAPI
internal import EtcdWire
internal import Platform
internal import Runtimes

/// A decision in the making. Each concern is an extension with one entry point that returns whether it took the turn.
struct Draft {
    let input: DecisionInput
    let view: ClusterView
    var status: EtcdClusterStatus
    var memory: ClusterMemory
    var operation: OperationStatus?
    var action: Action?
    var why = "Nothing to do: the cluster is as its spec says."
    var blocked: [BlockedAction] = []
    var events: [EventDraft] = []
    var requeueAfter: Duration = Draft.steadyInterval
    var snapshotWrites: [EtcdSnapshot] = []
    var restoreWrites: [EtcdRestore] = []

    /// How often a cluster that needs nothing is looked at.
    static let steadyInterval: Duration = .seconds(2)
    /// How often one is looked at while something is under way.
    static let busyInterval: Duration = .milliseconds(100)

    init(_ input: DecisionInput) {
        self.input = input
        self.view = ClusterView(input)
        self.status = input.cluster.status
        self.memory = input.memory
        self.operation = input.cluster.status.operation
        // Written while an action runs; none does now.
        self.operation?.details[progressDetail] = nil
        self.memory.revision = max(self.memory.revision, self.view.revision)
        self.status.revision = max(self.status.revision, self.memory.revision)
    }

    var now: Timestamp { self.input.now }
    var cluster: EtcdCluster { self.input.cluster }
    var spec: EtcdClusterSpec { self.input.cluster.spec }
    var name: String { self.input.cluster.metadata.name }

    // MARK: Taking the turn

    /// Chooses an action. When the same one failed a moment ago, it is not tried again yet, and that is said; a `yielding`
    /// one then leaves the turn to the concerns after it, since they do not depend on it.
    mutating func act(_ action: Action, why: String, yielding: Bool = false) -> Bool {
        if let failure = self.memory.failures[action.retryKey] {
            let isEarly = failure.isTooEarly(at: self.now)
            let retry = failure.last + (isEarly ? Self.earlyPause : Self.backoff(afterFailures: failure.count))
            let until = isEarly ? "etcd takes it; it is asked twice a second" : "it succeeds: tried again at \(retry)"
            self.block(action.retryKey, failure.message, until: until, since: failure.first)
            if retry > self.now {
                if yielding { return false }
                let verb = isEarly ? "waits" : "failed"
                return self.wait("\(action.description) \(verb): \(failure.message).", for: retry - self.now)
            }
        }
        self.action = action
        self.why = why
        self.requeueAfter = .zero
        return true
    }

    /// Takes the turn with nothing to do now.
    mutating func wait(_ why: String, for duration: Duration = Draft.busyInterval) -> Bool {
        self.why = why
        self.requeueAfter = min(max(duration, .milliseconds(10)), Self.steadyInterval)
        return true
    }

    /// Says why something is not done. Does not take the turn.
    mutating func block(_ action: String, _ reason: String, until: String, since: Timestamp? = nil) {
        let before = self.input.cluster.status.blocked.first { $0.action == action && $0.reason == reason }
        self.blocked.append(
            BlockedAction(
                action: action, reason: reason, since: before?.since ?? since ?? self.now,
                unblockedWhen: until))
    }

    /// Says of every failure that no concern spoke of in this turn what it was.
    mutating func blockFailures() {
        for key in self.memory.failures.keys.sorted() where !self.blocked.contains(where: { $0.action == key }) {
            guard let failure = self.memory.failures[key], !failure.isTooEarly(at: self.now) else { continue }
            self.block(key, failure.message, until: "it is tried again, if it is still wanted", since: failure.first)
        }
    }

    /// Until etcd is asked again for what it did not take yet.
    static let earlyPause: Duration = .milliseconds(500)

    static func backoff(afterFailures count: Int) -> Duration {
        .milliseconds(min(200 << min(count - 1, 8), 30_000))
    }

    // MARK: Operations

    mutating func begin(_ type: OperationType, step: String, member: String? = nil, intent: String) {
        self.operation = OperationStatus(type: type, step: step, startedAt: self.now, intent: intent, member: member)
    }

    mutating func step(_ step: String) {
        self.operation?.step = step
    }

    mutating func event(_ reason: String, _ message: String, _ type: Event.Kind = .normal) {
        self.events.append(EventDraft(type, reason, message))
    }

    // MARK: Names

    /// The lowest `NAME-N` that no place and no listed member has.
    func freeName() -> String {
        let taken = Set(self.view.members.map(\.name)).union(self.view.members.compactMap { $0.entry?.name })
        var ordinal = 1
        while taken.contains("\(self.name)-\(ordinal)") { ordinal += 1 }
        return "\(self.name)-\(ordinal)"
    }

    /// A token no earlier incarnation of the cluster had.
    func newToken() -> String {
        "\(self.name)-\(self.cluster.metadata.uid.prefix(8))-\(self.now.seconds)"
    }

    // MARK: Starting

    func startOptions(_ state: StartOptions.ClusterState, cluster: [InitialMember]) -> StartOptions {
        StartOptions(
            clusterState: state, initialCluster: cluster.sorted { $0.name < $1.name },
            token: self.status.token ?? self.name, tuning: self.wantedTuning)
    }

    /// A start with the engine of the spec.
    func memberStart(_ name: String, _ options: StartOptions) -> MemberStart {
        MemberStart(name: name, options: options, engine: self.wantedEngine)
    }

    var wantedEngine: EngineChoice { Places(self.cluster).cluster.engine }

    var wantedTuning: MemberTuning {
        let options = self.spec.options
        return MemberTuning(
            quota: self.spec.storage.quota, heartbeatInterval: options.heartbeatInterval,
            electionTimeout: options.electionTimeout, snapshotCount: options.snapshotCount)
    }

    /// How a member joins, or comes back to, a cluster that exists: with every listed member, or, while the list is not
    /// known, with every place; data that is there makes etcd look at nothing but its own name.
    func joinOptions(for member: MemberView) -> StartOptions {
        var initial: [InitialMember] = []
        if self.view.membershipKnown {
            for other in self.view.listed {
                guard let peerURL = other.entry?.peerURLs.first else { continue }
                initial.append(InitialMember(name: other.name, peerURL: peerURL))
            }
        } else {
            initial = self.view.members.compactMap(\.process?.place).map { InitialMember(name: $0.name, peerURL: $0.peerURL) }
        }
        if let place = member.process?.place, !initial.contains(where: { $0.name == member.name }) {
            initial.append(InitialMember(name: place.name, peerURL: place.peerURL))
        }
        return self.startOptions(.existing, cluster: initial)
    }
}
