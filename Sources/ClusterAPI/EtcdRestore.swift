public import Platform

/// One restore of a cluster from a backup.
public struct EtcdRestore: Resource, Hashable {
    public static let kind = "EtcdRestore"
    public static let plural = "etcdrestores"
    public static let shortName = "er"

    public var metadata: ObjectMeta
    public var spec: EtcdRestoreSpec
    public var status = EtcdRestoreStatus()

    public init(metadata: ObjectMeta, spec: EtcdRestoreSpec) {
        self.metadata = metadata
        self.spec = spec
    }
}

public struct EtcdRestoreSpec: Sendable, Hashable {
    /// The cluster's name.
    public var clusterRef: String
    public var source = RestoreSource()
    /// Nothing is done before a person has said so.
    public var approved = false

    public init(clusterRef: String) {
        self.clusterRef = clusterRef
    }
}

public enum RestorePhase: String, Sendable, Hashable, CaseIterable {
    case pending = "Pending"
    case awaitingApproval = "AwaitingApproval"
    case verifying = "Verifying"
    case stopping = "Stopping"
    case movingAside = "MovingAside"
    case restoring = "Restoring"
    case starting = "Starting"
    case growing = "Growing"
    case succeeded = "Succeeded"
    case failed = "Failed"
}

public struct EtcdRestoreStatus: Sendable, Hashable {
    public var phase: RestorePhase = .pending
    public var message = ""
    public var report: RestoreResult?
    public var startedAt: Timestamp?
    public var completedAt: Timestamp?

    public init() {}
}

/// What a restore brought back, and what it could not.
public struct RestoreResult: Sendable, Hashable {
    /// The snapshot that it begins with.
    public var artifact: SnapshotArtifact
    public var target: TargetSpec = .latest
    /// What the target comes to, in words; empty for the latest.
    public var resolved = ""
    /// The revision that is brought back; 0 until it is known.
    public var revision: Int64 = 0
    /// When what is brought back was there, and what proves it: a sentence each.
    public var timing: [String] = []
    /// The highest revision the controller had seen before the loss; 0 when it had seen none.
    public var lastSeenRevision: Int64
    /// The revisions that may be lost, first and last; nil when none can be named.
    public var possiblyLost: ClosedRange<Int64>?
    /// In words.
    public var summary: String
    /// Where the old data was moved to.
    public var movedAside: [String]
    /// What came from where, and what is lost: a sentence each.
    public var sources: [String] = []
    /// The revision that the new cluster goes on from, past any that a client may have seen; 0 until it is known.
    public var startRevision: Int64 = 0

    public init(
        artifact: SnapshotArtifact, lastSeenRevision: Int64, possiblyLost: ClosedRange<Int64>?, summary: String,
        movedAside: [String]
    ) {
        self.artifact = artifact
        self.lastSeenRevision = lastSeenRevision
        self.possiblyLost = possiblyLost
        self.summary = summary
        self.movedAside = movedAside
    }
}
