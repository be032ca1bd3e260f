public import EtcdWire

/// etcd's multi-version store as a state machine: log entries in, responses and watch responses out. It takes no clock, no
/// randomness and no I/O, so that equal entries make equal stores, here and in a simulation.
///
/// The caller appends a request to its log first (``validate(_:)`` tells whether it is worth it), then applies it, then
/// answers. Watch responses pile up until ``nextWatchResponses(limit:)`` is called, which is to be done after the entries
/// that caused them are durable.
public struct Store: ~Copyable, Sendable {
    /// What differs between stores that hold the same data.
    public struct Options: Sendable, Hashable {
        public var clusterID: UInt64
        public var memberID: UInt64
        /// The shortest time a lease lives, in seconds; a shorter wish is raised to it.
        public var minimumLeaseTTL: Int64
        /// How many comparisons, and how many operations in a branch, a transaction may have.
        public var maximumTxnOps: Int

        public init(clusterID: UInt64 = 0, memberID: UInt64 = 0, minimumLeaseTTL: Int64 = 2, maximumTxnOps: Int = 128) {
            self.clusterID = clusterID
            self.memberID = memberID
            self.minimumLeaseTTL = minimumLeaseTTL
            self.maximumTxnOps = maximumTxnOps
        }
    }

    public let options: Options
    /// The revision of the last change; 1 when there was none.
    public private(set) var revision: Int64 = 1
    /// History up to here is gone; -1 when none is.
    public private(set) var compactRevision: Int64 = -1
    /// Index and term of the last entry applied; 0 when there was none.
    public private(set) var appliedIndex: UInt64 = 0
    public private(set) var appliedTerm: UInt64 = 0

    /// An empty store.
    public init(options: Options = Options()) {
        self.options = options
    }

    /// The header of a response made now.
    public var header: ResponseHeader {
        ResponseHeader(
            clusterID: self.options.clusterID, memberID: self.options.memberID, revision: self.revision,
            raftTerm: self.appliedTerm)
    }

    // MARK: Entries

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
        /// The entry asked for nothing, as a new leader's first does.
        case nothing
    }

    /// Whether the request is well formed, whatever the store holds. What fails here need not be logged.
    public func validate(_ operation: InternalRaftRequest.Operation) throws(StoreError) {
        preconditionFailure("being built")
    }

    /// Applies one log entry. A request that fails changes nothing but ``appliedIndex``.
    ///
    /// - Parameters:
    ///   - index: The entry's index, above ``appliedIndex``.
    ///   - uptime: Time since some fixed point; a granted lease's deadline counts from it. Nothing else depends on it.
    public mutating func apply(
        _ request: InternalRaftRequest, index: UInt64, term: UInt64, uptime: Duration
    ) -> ApplyResult {
        preconditionFailure("being built")
    }

    // MARK: Reads

    public func range(_ request: RangeRequest) throws(StoreError) -> RangeResponse {
        preconditionFailure("being built")
    }

    /// Whether neither branch of the transaction changes anything, so that ``readTxn(_:)`` can answer it without an entry.
    public static func isReadOnly(_ request: TxnRequest) -> Bool {
        preconditionFailure("being built")
    }

    /// Answers a transaction that ``isReadOnly(_:)``.
    public func readTxn(_ request: TxnRequest) throws(StoreError) -> TxnResponse {
        preconditionFailure("being built")
    }

    public func hashKV(_ request: HashKVRequest) throws(StoreError) -> HashKVResponse {
        preconditionFailure("being built")
    }

    // MARK: Leases (deadlines are not part of the replicated state: they live only as long as this value)

    /// Renews one lease. The response's TTL is 0 when it is gone.
    public mutating func leaseKeepAlive(_ request: LeaseKeepAliveRequest, uptime: Duration) -> LeaseKeepAliveResponse {
        preconditionFailure("being built")
    }

    public func leaseTimeToLive(_ request: LeaseTimeToLiveRequest, uptime: Duration) -> LeaseTimeToLiveResponse {
        preconditionFailure("being built")
    }

    public func leaseLeases() -> LeaseLeasesResponse {
        preconditionFailure("being built")
    }

    /// Gives every lease its whole time again: after a restart, when nobody could have renewed them.
    public mutating func renewLeases(uptime: Duration) {
        preconditionFailure("being built")
    }

    /// Leases whose time is over, the longest over first. The caller revokes them by entries.
    public func expiredLeases(uptime: Duration, limit: Int) -> [Int64] {
        preconditionFailure("being built")
    }

    /// When the next lease expires.
    public var nextLeaseDeadline: Duration? {
        preconditionFailure("being built")
    }

    // MARK: Watches

    /// Opens a watch and returns the `created` response. A `watchID` of 0 is replaced by a free one; ids are unique in the
    /// store. When the request is refused the response is also `canceled`, with a `watchID` of -1.
    public mutating func createWatch(_ request: WatchCreateRequest) -> WatchResponse {
        preconditionFailure("being built")
    }

    /// Ends a watch. Returns the `canceled` response, or nil when there is no such watch.
    public mutating func cancelWatch(_ id: Int64) -> WatchResponse? {
        preconditionFailure("being built")
    }

    /// Holds back a watch whose receiver is behind. It costs nothing while paused, and loses nothing: what it missed is
    /// read from history when it is resumed, or it is canceled when that was compacted.
    public mutating func pauseWatch(_ id: Int64) {
        preconditionFailure("being built")
    }

    public mutating func resumeWatch(_ id: Int64) {
        preconditionFailure("being built")
    }

    /// Takes what there is to tell: first what has just changed, then a share of history for each watch that is behind.
    /// All events of one revision are in one response, and a watch's responses are in order. A response that is `canceled`
    /// is its watch's last.
    ///
    /// - Parameter limit: Watches behind to serve in this call; call again while ``hasWatchResponses``.
    public mutating func nextWatchResponses(limit: Int = 512) -> [WatchResponse] {
        preconditionFailure("being built")
    }

    /// Whether ``nextWatchResponses(limit:)`` has more to do.
    public var hasWatchResponses: Bool {
        preconditionFailure("being built")
    }

    /// An empty response whose header says that the watch was told everything up to that revision, or nil when it was not.
    public func watchProgress(_ id: Int64) -> WatchResponse? {
        preconditionFailure("being built")
    }

    // MARK: Checkpoints

    /// The whole replicated state: equal states make equal bytes. The caller adds a checksum.
    public func checkpoint() -> [UInt8] {
        preconditionFailure("being built")
    }

    /// The store that ``checkpoint()`` was made of. Leases begin their whole time at `uptime`.
    public init(checkpoint: [UInt8], options: Options = Options(), uptime: Duration) throws(CheckpointError) {
        preconditionFailure("being built")
    }
}

/// Why bytes are not a checkpoint.
public struct CheckpointError: Error, Hashable, CustomStringConvertible {
    public var message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String {
        "bad checkpoint: \(self.message)"
    }
}
