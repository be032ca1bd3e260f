public import EtcdWire

/// etcd's multi-version store as a state machine: log entries in, responses and watch responses out, rows in a ``Backend``.
/// It takes no clock and no randomness and does no I/O of its own, so that equal entries make equal stores, here and in a
/// simulation; and equal bytes in the backend, which are those etcd itself would have written.
///
/// The caller appends a request to its log first (``validate(_:)`` tells whether it is worth it), then applies it, then
/// answers. Watch responses pile up until ``nextWatchResponses(limit:)`` is called, which is to be done after the entries
/// that caused them are durable. What was applied reaches the disk when the caller commits the backend, which it may do
/// between any two entries, after ``prepareCommit()``: entries up to ``appliedIndex`` need not be applied again.
///
/// In memory are the key index (which row is which key's, at which revision), leases, users and roles, alarms, members and
/// watches; values are read from the backend.
public struct Store: ~Copyable {
    /// What differs between stores that hold the same data.
    public struct Options: Sendable, Hashable {
        public var clusterID: UInt64
        public var memberID: UInt64
        /// The shortest time a lease lives, in seconds; a shorter wish is raised to it.
        public var minimumLeaseTTL: Int64
        /// How many comparisons, and how many operations in a branch, a transaction may have.
        public var maximumTxnOps: Int
        /// Whether a user needs the permissions for all that a transaction does. etcd's releases before July 2026 ask for none
        /// for transactions within it, for the lease that a put names, and for the former value that it asks for; replaying
        /// their logs must do as they did.
        public var checksAllOfTxn: Bool
        #if QUORATE_PLANTED_BUGS
            public var bug: PlantedBug?
        #endif

        public init(
            clusterID: UInt64 = 0, memberID: UInt64 = 0, minimumLeaseTTL: Int64 = 2, maximumTxnOps: Int = 128,
            checksAllOfTxn: Bool = true
        ) {
            self.clusterID = clusterID
            self.memberID = memberID
            self.minimumLeaseTTL = minimumLeaseTTL
            self.maximumTxnOps = maximumTxnOps
            self.checksAllOfTxn = checksAllOfTxn
        }
    }

    public let options: Options
    public let backend: any Backend
    /// Why nothing may be committed any more: a row could not be read or written, or was damaged. The caller stops.
    public internal(set) var failure: StoreError?
    /// The revision of the last change; 1 when there was none.
    public internal(set) var revision: Int64 = 1
    /// History up to here is gone; -1 when none is.
    public internal(set) var compactRevision: Int64 = -1
    /// Index and term of the last entry applied; 0 when there was none.
    public internal(set) var appliedIndex: UInt64 = 0
    public internal(set) var appliedTerm: UInt64 = 0

    /// Which rows each key has.
    var index = SortedMap<Key, History>()
    /// The changes of the transaction being written.
    var written: [Row] = []
    /// The compaction whose rows are being removed.
    var compaction: Compaction?
    var leases = SortedMap<Int64, Lease>()
    /// The leases again, by when they expire.
    var deadlines = SortedMap<Deadline, Int64>()
    public internal(set) var alarms: [AlarmMember] = []
    var auth = AuthState()
    var membership = Membership()
    var hub = WatchHub()
    public internal(set) var counts = StoreCounts()

    /// The store whose rows are in a backend. Leases begin their time at `uptime`.
    ///
    /// - Throws: ``StoreError/isFatal`` errors alone: of the backend, and where its rows make no sense.
    public init(backend: any Backend, options: Options = Options(), uptime: Duration = .zero) throws(StoreError) {
        (self.backend, self.options) = (backend, options)
        try self.load(uptime: uptime)
    }

    /// The header of a response made now.
    public var header: ResponseHeader {
        ResponseHeader(
            clusterID: self.options.clusterID, memberID: self.options.memberID, revision: self.revision,
            raftTerm: self.appliedTerm)
    }

    /// What applying an entry came to.
    public typealias ApplyResult = Result<ApplyResponse, StoreError>

    /// The response to an entry that was applied.
    public enum ApplyResponse: Sendable, Hashable {
        case range(RangeResponse)
        case put(PutResponse)
        case deleteRange(DeleteRangeResponse)
        case txn(TxnResponse)
        case compaction(CompactionResponse)
        case leaseGrant(LeaseGrantResponse)
        case leaseRevoke(LeaseRevokeResponse)
        case leaseCheckpoint(LeaseCheckpointResponse)
        case alarm(AlarmResponse)
        case auth(AuthResponse)
        /// The members after a change of them.
        case members([ClusterMember])
        /// The entry asked for nothing that is answered, as a new leader's first does.
        case nothing
    }
}
