#if QUORATE_PLANTED_BUGS
    public import EtcdWire
#endif

/// How a member runs. The names, defaults and meanings are those of etcd 3.5's settings.
public struct MemberConfiguration: Sendable, Hashable {
    // Member
    public var name = "default"
    /// Empty: `NAME.etcd`, where the member is started.
    public var dataDirectory = ""
    /// Empty: `member/wal` in the data directory.
    public var walDirectory = ""
    /// Entries applied between two snapshots of the raft state.
    public var snapshotCount: UInt64 = 100_000
    /// And their bytes, whichever is reached first; etcd has no setting for it, nor a limit.
    public var snapshotBytes = 32 << 20
    /// Entries that stay in memory behind a snapshot, so that a member a little behind need not be sent the database.
    public var snapshotCatchUpEntries: UInt64 = 5000
    /// And their bytes, at most.
    public var snapshotCatchUpBytes = 64 << 20
    /// Bytes after which a segment of the log is cut; etcd has no setting for it.
    public var segmentBytes: Int64 = 64_000_000
    public var heartbeatInterval: Duration = .milliseconds(100)
    public var electionTimeout: Duration = .seconds(1)
    /// Whether a member that starts waits less than a whole election timeout before it first campaigns.
    public var initialElectionTickAdvance = true
    public var listenPeerURLs = ["http://localhost:2380"]
    public var listenClientURLs = ["http://localhost:2379"]
    /// Where `/metrics` and `/health` are served besides the client URLs.
    public var listenMetricsURLs: [String] = []
    public var maximumSnapshots = 5
    public var maximumLogs = 5
    /// Bytes of the database over which the member refuses to grow; 0 is etcd's default of 2 GiB.
    public var quotaBytes: Int64 = 0
    public var maximumTxnOps = 128
    public var maximumRequestBytes = 1_572_864
    /// Calls under way on a client's connection.
    public var maximumConcurrentStreams = 100_000
    public var keepalive = Keepalive()

    // Clustering
    public var initialAdvertisePeerURLs = ["http://localhost:2380"]
    /// Peer URLs by name, in the order given: `a=http://…,b=http://…`.
    public var initialCluster: [InitialMember] = [InitialMember(name: "default", peerURLs: ["http://localhost:2380"])]
    public var initialClusterState = InitialClusterState.new
    public var initialClusterToken = "etcd-cluster"
    public var advertiseClientURLs = ["http://localhost:2379"]
    /// Whether changes of members that would lose the quorum are refused.
    public var strictReconfigCheck = true
    public var preVote = true
    public var autoCompaction = AutoCompaction.off

    // Watch and leases
    public var watchProgressInterval: Duration = .seconds(600)
    public var enablesLeaseCheckpoint = false
    public var checksCorruptionAtStart = false
    /// Zero: never.
    public var corruptCheckInterval: Duration = .zero

    public var logLevel = "info"
    #if QUORATE_PLANTED_BUGS
        public var bug: PlantedBug?
    #endif

    public init() {}

    /// What a client's connection may do to keep itself alive.
    public struct Keepalive: Sendable, Hashable {
        /// Pings closer together than this are too many.
        public var minimumInterval: Duration = .seconds(5)
        /// Zero: the member sends none.
        public var interval: Duration = .seconds(7200)
        public var timeout: Duration = .seconds(20)
    }

    public struct InitialMember: Sendable, Hashable {
        public var name: String
        public var peerURLs: [String]

        public init(name: String, peerURLs: [String]) {
            (self.name, self.peerURLs) = (name, peerURLs)
        }
    }

    public enum InitialClusterState: String, Sendable, Hashable {
        /// All members of `initialCluster` start for the first time.
        case new
        /// The member joins a cluster that runs.
        case existing
    }

    /// How the member compacts by itself.
    public enum AutoCompaction: Sendable, Hashable {
        case off
        case periodic(Duration)
        /// Keeps so many revisions.
        case revision(Int64)
    }
}
