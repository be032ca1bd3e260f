public import Backups
public import ClusterAPI
public import EtcdWire
public import Platform
public import Runtimes

/// A cluster as it was found just now: what runs, what each member answered, what etcd's own member list says, and which
/// snapshots are whole. Nothing in it is remembered.
public struct ObservedCluster: Sendable, Hashable {
    /// Every member that has a place on the machine, sorted by name.
    public var processes: [MemberProcess] = []
    /// Every running member, sorted by name, with its answer.
    public var probes: [MemberProbe] = []
    /// The member list as the leader gave it; nil when there is no leader or it did not answer.
    public var membership: Membership?
    /// Nil when the cluster has no backup store, or it could not be read.
    public var snapshots: SnapshotListing?
    /// How the archive of the log stands; nil when the spec asks for none.
    public var archive: ArchiveObservation?
    /// Why the processes are not known. Then nothing may be concluded from their absence.
    public var runtimeFailure: String?
    /// Why the snapshots are not known.
    public var backupFailure: String?

    public init() {}
}

/// How the archive of a cluster's log stands.
public struct ArchiveObservation: Sendable, Hashable {
    /// The entry that the archive begins after, and its last.
    public var base: LogPosition
    public var position: LogPosition
    /// The cluster that the archive is of, hexadecimal.
    public var clusterID: String
    /// When the archive began.
    public var openedAt: Timestamp
    /// Until then nothing that was committed is missing.
    public var completeUntil: Timestamp?
    /// The last entry of the oldest kept snapshot, and when it is first proven to have been there.
    public var proof: TimeMark?
    /// Why this archive was begun though there was one before: between the two something is missing.
    public var began: String?
    /// Why it does not go on just now.
    public var failure: String?
    /// What the watch stream told that the archive does not hold.
    public var disagreement: String?

    public init(base: LogPosition, position: LogPosition, clusterID: String, openedAt: Timestamp) {
        (self.base, self.position, self.clusterID, self.openedAt) = (base, position, clusterID, openedAt)
    }
}

/// What one running member answered to one status call.
public struct MemberProbe: Sendable, Hashable {
    public var name: String
    /// Nil when it did not answer in time.
    public var status: StatusResponse?
    public var failure: String?

    public init(name: String, status: StatusResponse?, failure: String? = nil) {
        self.name = name
        self.status = status
        self.failure = failure
    }
}

/// etcd's own member list, as the leader gave it.
public struct Membership: Sendable, Hashable {
    public var clusterID: UInt64
    /// Sorted by id.
    public var members: [Member]

    public init(clusterID: UInt64, members: [Member]) {
        self.clusterID = clusterID
        self.members = members
    }
}

/// What users asked for beside the spec: the objects of this cluster that are not finished, oldest first.
public struct Requests: Sendable, Hashable {
    public var snapshots: [EtcdSnapshot] = []
    public var restores: [EtcdRestore] = []

    public init() {}

    /// Of all objects, those that concern a cluster and are not finished.
    public init(of cluster: EtcdCluster, snapshots: some Sequence<EtcdSnapshot>, restores: some Sequence<EtcdRestore>) {
        let name = cluster.metadata.name
        let namespace = cluster.metadata.namespace
        self.snapshots = snapshots.filter {
            $0.spec.clusterRef == name && $0.metadata.namespace == namespace
                && ($0.status.phase == .pending || $0.status.phase == .inProgress)
        }
        self.restores = restores.filter {
            $0.spec.clusterRef == name && $0.metadata.namespace == namespace && $0.status.phase != .succeeded
                && $0.status.phase != .failed
        }
    }
}

/// What the controller remembers between two looks, and may forget at any time without harm: only how long to wait.
public struct ClusterMemory: Sendable, Hashable {
    /// Revisions with the time they were seen, oldest first, about one a minute; what periodic compaction works from.
    public var samples: [RevisionSample] = []
    /// How often in a row a learner was close enough to be promoted.
    public var caughtUp: [String: Int] = [:]
    /// Members that were started, how often in a row, and when last.
    public var restarts: [String: Attempt] = [:]
    /// How often in a row a place was seen that is not in the member list.
    public var strays: [String: Int] = [:]
    /// What last failed, by kind of action.
    public var failures: [String: Failure] = [:]
    /// When the status was last written.
    public var lastStatusWrite: Timestamp?
    /// The last compaction that was carried out, until the status holds it.
    public var compaction: RevisionSample?
    public var defragmented: [String: Timestamp] = [:]
    /// Snapshots that were read wholly and found good, by URI.
    public var verified: [String: SnapshotManifest] = [:]
    /// What targets were found to come to, by the restore that asked.
    public var resolved: [String: TargetAnswer] = [:]
    /// The highest revision seen of the present cluster: the status is written less often than revisions pass.
    public var revision: Int64 = 0
    /// Where data was moved to, until the operation's details hold it.
    public var movedAside: [String] = []

    public init() {}

    public struct RevisionSample: Sendable, Hashable {
        public var time: Timestamp
        public var revision: Int64

        public init(time: Timestamp, revision: Int64) {
            self.time = time
            self.revision = revision
        }
    }

    public struct Attempt: Sendable, Hashable {
        public var count: Int
        public var last: Timestamp

        public init(count: Int, last: Timestamp) {
            self.count = count
            self.last = last
        }
    }

    public struct Failure: Sendable, Hashable {
        /// One word in CamelCase.
        public var reason: String
        public var message: String
        public var first: Timestamp
        public var last: Timestamp
        public var count: Int

        public init(reason: String, message: String, first: Timestamp, last: Timestamp, count: Int) {
            self.reason = reason
            self.message = message
            self.first = first
            self.last = last
            self.count = count
        }

        /// Whether it only came too soon. What etcd does not take for half a minute is a failure like any other.
        func isTooEarly(at now: Timestamp) -> Bool {
            self.reason == ActionError.tooEarly && now - self.first < .seconds(30)
        }
    }

    mutating func note(_ resolved: ResolvedTarget, of question: TargetQuestion) {
        self.resolved[question.asker] = TargetAnswer(key: question.key, resolved: resolved)
    }

    /// Counts a failure.
    mutating func note(_ error: ActionError, of action: Action, at now: Timestamp) {
        let before = self.failures[action.retryKey]
        self.failures[action.retryKey] = Failure(
            reason: error.reason, message: error.message, first: before?.first ?? now, last: now,
            count: (before?.count ?? 0) + 1)
    }
}
