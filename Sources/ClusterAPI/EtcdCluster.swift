public import Platform

/// A cluster as its owner wants it, and as it was last seen.
public struct EtcdCluster: Resource, Hashable {
    public static let kind = "EtcdCluster"
    public static let plural = "etcdclusters"
    public static let shortName = "ec"

    public var metadata: ObjectMeta
    public var spec: EtcdClusterSpec
    public var status = EtcdClusterStatus()

    public init(metadata: ObjectMeta, spec: EtcdClusterSpec) {
        self.metadata = metadata
        self.spec = spec
    }
}

/// What the owner wants.
public struct EtcdClusterSpec: Sendable, Hashable {
    /// Desired member count, 1 to 9.
    public var replicas: Int = 3
    public var engine = Engine()
    public var runtime = RuntimeSpec()
    public var storage = StorageSpec()
    public var options = EtcdOptions()
    public var backup: BackupSpec?
    public var maintenance = MaintenanceSpec()
    public var recovery = RecoverySpec()
    public var bootstrap: BootstrapSpec?
    public var paused = false
    public var deletionPolicy: DeletionPolicy = .retain

    public init() {}
}

public struct Engine: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case native = "Native"
        case etcd = "Etcd"
    }

    /// Nil in a spec that does not say: a new cluster's is then ``standard``, and that of one that exists stays as it is.
    public var type: Kind?
    /// The etcd API and disk level to keep: `3.4`, `3.5`, or an exact `3.5.1`. The native engine's is 3.5.
    public var version = "3.5"
    /// Where to look for the engine's programs before `PATH`.
    public var binaryDirectory: String?

    /// What clusters are made with that ask for no engine.
    public static let standard = Kind.native

    public var kind: Kind { self.type ?? Self.standard }

    public init() {}
}

public struct RuntimeSpec: Sendable, Hashable {
    public var process = ProcessRuntimeSpec()

    public init() {}
}

/// Members as processes of this machine.
public struct ProcessRuntimeSpec: Sendable, Hashable {
    /// The address members listen on and advertise.
    public var host = "127.0.0.1"
    /// Where the cluster's members keep their data; `./data/NAME` when nil.
    public var dataDirectory: String?

    public init() {}
}

public struct StorageSpec: Sendable, Hashable {
    /// `--quota-backend-bytes`, in bytes.
    public var quota: Int64 = 2 << 30

    public init() {}
}

/// etcd's own options; every one is applied by a rolling restart.
public struct EtcdOptions: Sendable, Hashable {
    public var heartbeatInterval: Duration = .milliseconds(100)
    public var electionTimeout: Duration = .seconds(1)
    public var snapshotCount: Int = 10_000

    public init() {}
}

public struct BackupSpec: Sendable, Hashable {
    public var store = BackupStoreSpec()
    /// Cron, five fields.
    public var schedule: String?
    /// An IANA zone name; UTC when nil.
    public var timeZone: String?
    public var suspend = false
    /// The continuous archive of the log; nil for none.
    public var archive: ArchiveSpec?
    public var retention = RetentionSpec()

    public init() {}
}

public struct ArchiveSpec: Sendable, Hashable {
    /// How far the archive may be behind the cluster.
    public var maxLag: Duration = .seconds(5)

    public init() {}
}

public struct BackupStoreSpec: Sendable, Hashable {
    /// A directory of this machine; `./backups/NAME` when nil.
    public var directory: DirectoryStoreSpec?

    public init() {}
}

public struct DirectoryStoreSpec: Sendable, Hashable {
    public var path: String

    public init(path: String) {
        self.path = path
    }
}

/// Which snapshots to keep. A snapshot is kept when any rule keeps it; the last good one always is.
public struct RetentionSpec: Sendable, Hashable {
    public var keepLast = 10
    /// The newest of each of the last this many hours that have one.
    public var hourly = 0
    /// The newest of each of the last this many days that have one.
    public var daily = 0

    public init() {}
}

public struct MaintenanceSpec: Sendable, Hashable {
    public var compaction: CompactionSpec?
    public var defragmentation: DefragmentationSpec?

    public init() {}
}

public enum CompactionSpec: Sendable, Hashable {
    /// Keep the history of the last `retention`.
    case periodic(retention: Duration)
    /// Keep the last this many revisions.
    case revision(retention: Int64)
}

public struct DefragmentationSpec: Sendable, Hashable {
    /// Cron, five fields; whenever the thresholds are passed when nil.
    public var schedule: String?
    public var timeZone: String?
    /// The share of the file not in use from which a member is defragmented, in percent.
    public var minFragmentation = 45
    /// Bytes to be won from which a member is defragmented.
    public var minReclaim: Int64 = 100 << 20

    public init() {}
}

public struct RecoverySpec: Sendable, Hashable {
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        case manual = "Manual"
        case approve = "Approve"
        case automatic = "Automatic"
    }

    public var quorumLossMode: Mode = .approve
    /// How long quorum must have been lost before recovery is planned.
    public var quorumLossWaitFor: Duration = .seconds(60)
    /// How long a member must have been dead before it is replaced.
    public var memberLossReplaceAfter: Duration = .seconds(300)

    public init() {}
}

/// Read only when the cluster is first created.
public struct BootstrapSpec: Sendable, Hashable {
    public var restore: RestoreSource?

    public init() {}
}

/// Where a restore takes its data from, and up to which moment.
public struct RestoreSource: Sendable, Hashable {
    /// A snapshot's URI (`file:///…` or a path); the best one of the cluster's backup store for the target when nil.
    public var from: String?
    public var target: TargetSpec

    public init(from: String? = nil, target: TargetSpec = .latest) {
        (self.from, self.target) = (from, target)
    }
}

/// Which moment a restore brings back.
public enum TargetSpec: Sendable, Hashable {
    /// The whole snapshot; of a cluster that lost its quorum, all that is left.
    case latest
    /// Everything before the first transaction after this revision.
    case revision(Int64)
    /// The last transaction that is proven to have been at this time or before; never one after.
    case time(Timestamp)
    /// Everything before the transaction that deleted this key last. Bytes that are not printable ASCII stand as `\xNN`.
    case beforeDelete(String)
}

extension TargetSpec: CustomStringConvertible {
    public var description: String {
        switch self {
        case .latest: "latest"
        case .revision(let revision): "revision \(revision)"
        case .time(let time): "time \(time.rfc3339)"
        case .beforeDelete(let key): "before the last deletion of \(key)"
        }
    }
}

public enum DeletionPolicy: String, Sendable, Hashable, CaseIterable {
    case retain = "Retain"
    case snapshotThenDelete = "SnapshotThenDelete"
    case delete = "Delete"
}
