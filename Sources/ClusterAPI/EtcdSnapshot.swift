public import Platform

/// One backup, made by a schedule or by hand.
public struct EtcdSnapshot: Resource, Hashable {
    public static let kind = "EtcdSnapshot"
    public static let plural = "etcdsnapshots"
    public static let shortName = "es"

    public var metadata: ObjectMeta
    public var spec: EtcdSnapshotSpec
    public var status = EtcdSnapshotStatus()

    public init(metadata: ObjectMeta, spec: EtcdSnapshotSpec) {
        self.metadata = metadata
        self.spec = spec
    }
}

public struct EtcdSnapshotSpec: Sendable, Hashable {
    /// The cluster's name.
    public var clusterRef: String

    public init(clusterRef: String) {
        self.clusterRef = clusterRef
    }
}

public enum SnapshotPhase: String, Sendable, Hashable, CaseIterable {
    case pending = "Pending"
    case inProgress = "InProgress"
    case succeeded = "Succeeded"
    case failed = "Failed"
}

public struct EtcdSnapshotStatus: Sendable, Hashable {
    public var phase: SnapshotPhase = .pending
    public var artifact: SnapshotArtifact?
    public var message = ""
    public var completedAt: Timestamp?

    public init() {}
}
