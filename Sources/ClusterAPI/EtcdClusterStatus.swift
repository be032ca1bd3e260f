public import Platform

/// What the controller last saw, and what it is doing.
public struct EtcdClusterStatus: Sendable, Hashable {
    /// Written last: when it equals `metadata.generation`, every field below describes that spec.
    public var observedGeneration: Int64 = 0
    public var phase: ClusterPhase = .pending
    /// Hexadecimal; set once members agreed on it, and from then on no member is ever started as a new cluster.
    public var clusterID: String?
    /// The `--initial-cluster-token` of this incarnation.
    public var token: String?
    /// The leader's name.
    public var leader: String?
    public var readyReplicas = 0
    /// The highest store revision the controller has seen, and when.
    public var revision: Int64 = 0
    public var members: [MemberStatus] = []
    public var backup = BackupStatus()
    public var maintenance = MaintenanceStatus()
    /// The one change in flight, written before it is carried out.
    public var operation: OperationStatus?
    /// Why nothing is happening.
    public var blocked: [BlockedAction] = []
    public var conditions: [Condition] = []

    public init() {}
}

public enum ClusterPhase: String, Sendable, Hashable, CaseIterable {
    case pending = "Pending"
    case creating = "Creating"
    case running = "Running"
    case scaling = "Scaling"
    case degraded = "Degraded"
    case quorumLost = "QuorumLost"
    case recovering = "Recovering"
    case paused = "Paused"
    case deleting = "Deleting"
}

public enum MemberState: String, Sendable, Hashable, CaseIterable {
    case starting = "Starting"
    case ready = "Ready"
    case learner = "Learner"
    case unhealthy = "Unhealthy"
    case removing = "Removing"
}

public struct MemberStatus: Sendable, Hashable {
    public var name: String
    /// Hexadecimal, empty until known.
    public var id = ""
    /// `Leader`, `Follower`, `Learner`, or empty when unknown.
    public var role = ""
    public var state: MemberState = .starting
    /// `Etcd` or `Native`, by its process; empty until known.
    public var engine = ""
    /// The release of etcd that it says it is.
    public var version = ""
    /// Bytes of the database file, and of it in use.
    public var dbSize: Int64 = 0
    public var dbSizeInUse: Int64 = 0
    public var raftIndex: UInt64 = 0
    public var raftTerm: UInt64 = 0
    /// The client URL.
    public var endpoint = ""
    public var peerURL = ""
    public var pid: Int32?
    public var dataDirectory = ""
    /// Since when the member has not been healthy.
    public var unhealthySince: Timestamp?
    public var errors: [String] = []

    public init(name: String) {
        self.name = name
    }
}

public struct BackupStatus: Sendable, Hashable {
    public var lastSnapshot: SnapshotArtifact?
    /// The newest scheduled time that a snapshot was taken, or given up, for.
    public var lastScheduledTime: Timestamp?
    public var nextScheduledTime: Timestamp?
    /// Scheduled times that passed with no snapshot (the controller was down, or the cluster not able).
    public var missedRuns: Int64 = 0
    public var lastFailure: String?
    /// What any point in time can be restored within.
    public var recoveryWindow: RecoveryWindow?
    public var archiveLag: ArchiveLag?

    public init() {}
}

/// The time that the oldest snapshot with an archived log after it, and that log, cover.
public struct RecoveryWindow: Sendable, Hashable {
    public var earliest: Timestamp
    public var latest: Timestamp

    public init(earliest: Timestamp, latest: Timestamp) {
        (self.earliest, self.latest) = (earliest, latest)
    }
}

/// What the cluster has and the archive has not.
public struct ArchiveLag: Sendable, Hashable {
    /// Entries of the replicated log: each makes at most one revision.
    public var revisions: Int64
    /// Since when, at most; 0 when there are none.
    public var seconds: Int64

    public init(revisions: Int64, seconds: Int64) {
        (self.revisions, self.seconds) = (revisions, seconds)
    }
}

/// One whole snapshot file and what was read from inside it.
public struct SnapshotArtifact: Sendable, Hashable {
    public var uri: String
    public var sizeBytes: Int64
    /// Hexadecimal SHA-256 of the database image (etcd's trailing hash not included).
    public var sha256: String
    public var revision: Int64
    public var raftIndex: UInt64
    public var raftTerm: UInt64
    public var clusterID: String
    public var takenAt: Timestamp
    public var member: String

    public init(
        uri: String, sizeBytes: Int64, sha256: String, revision: Int64, raftIndex: UInt64, raftTerm: UInt64, clusterID: String,
        takenAt: Timestamp, member: String
    ) {
        self.uri = uri
        self.sizeBytes = sizeBytes
        self.sha256 = sha256
        self.revision = revision
        self.raftIndex = raftIndex
        self.raftTerm = raftTerm
        self.clusterID = clusterID
        self.takenAt = takenAt
        self.member = member
    }
}

public struct MaintenanceStatus: Sendable, Hashable {
    public var lastCompactedRevision: Int64 = 0
    public var lastCompactionTime: Timestamp?
    /// When the running or last defragmentation cycle began; a member whose `lastDefragmentation` is older still waits.
    public var defragmentationCycle: Timestamp?
    public var lastDefragmentation: [String: Timestamp] = [:]

    public init() {}
}

public enum OperationType: String, Sendable, Hashable, CaseIterable {
    case bootstrap = "Bootstrap"
    case scaleUp = "ScaleUp"
    case scaleDown = "ScaleDown"
    case replace = "Replace"
    case restore = "Restore"
    case snapshot = "Snapshot"
    case defragment = "Defragment"
    case delete = "Delete"
}

/// The one change in flight. It says enough for a controller that starts now to finish it.
public struct OperationStatus: Sendable, Hashable {
    public var type: OperationType
    public var step: String
    public var startedAt: Timestamp
    /// One sentence for a person.
    public var intent: String
    /// The member concerned.
    public var member: String?
    /// What the steps need to know, by name.
    public var details: [String: String] = [:]

    public init(type: OperationType, step: String, startedAt: Timestamp, intent: String, member: String? = nil) {
        self.type = type
        self.step = step
        self.startedAt = startedAt
        self.intent = intent
        self.member = member
    }
}

public struct BlockedAction: Sendable, Hashable {
    public var action: String
    public var reason: String
    public var since: Timestamp
    public var unblockedWhen: String

    public init(action: String, reason: String, since: Timestamp, unblockedWhen: String) {
        self.action = action
        self.reason = reason
        self.since = since
        self.unblockedWhen = unblockedWhen
    }
}
