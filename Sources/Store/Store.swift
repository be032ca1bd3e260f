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
    public internal(set) var revision: Int64 = 1
    /// History up to here is gone; -1 when none is.
    public internal(set) var compactRevision: Int64 = -1
    /// Index and term of the last entry applied; 0 when there was none.
    public internal(set) var appliedIndex: UInt64 = 0
    public internal(set) var appliedTerm: UInt64 = 0

    /// Every change that is not compacted, in order.
    var log: [Row] = []
    /// Where in `log` the change being written begins; its end while none is.
    var writeStart = 0
    /// The same changes by key.
    var index = SortedMap<Key, History>()
    var leases = SortedMap<Int64, Lease>()
    /// The leases again, by when they expire.
    var deadlines = SortedMap<Deadline, Int64>()
    var alarms: [AlarmMember] = []
    var hub = WatchHub()

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

    /// Applies one log entry. A request that fails changes nothing but ``appliedIndex``.
    ///
    /// - Parameters:
    ///   - index: The entry's index, above ``appliedIndex``.
    ///   - uptime: Time since some fixed point; a granted lease's deadline counts from it. Nothing else depends on it.
    public mutating func apply(
        _ request: InternalRaftRequest, index: UInt64, term: UInt64, uptime: Duration
    ) -> ApplyResult {
        precondition(index > self.appliedIndex, "entry \(index) applied after \(self.appliedIndex)")
        self.appliedIndex = index
        self.appliedTerm = term
        do throws(StoreError) {
            guard let operation = request.operation else {
                guard request.unknown.isEmpty else { throw .unknownRequest }
                return .success(.nothing)
            }
            try self.validate(operation)
            return .success(try self.apply(operation, uptime: uptime))
        } catch {
            return .failure(error)
        }
    }

    private mutating func apply(
        _ operation: InternalRaftRequest.Operation, uptime: Duration
    ) throws(StoreError) -> ApplyResponse {
        switch operation {
        case .range(let request): .range(try self.range(request))
        case .put(let request): .put(try self.put(request))
        case .deleteRange(let request): .deleteRange(self.deleteRange(request))
        case .txn(let request): .txn(try self.txn(request))
        case .compaction(let request): .compaction(try self.compact(request))
        case .leaseGrant(let request): .leaseGrant(try self.leaseGrant(request, uptime: uptime))
        case .leaseRevoke(let request): .leaseRevoke(try self.leaseRevoke(request))
        case .leaseCheckpoint(let request): .leaseCheckpoint(self.leaseCheckpoint(request))
        case .alarm(let request): .alarm(self.alarm(request))
        default: throw .unknownRequest
        }
    }
}
