public import EtcdWire

/// Keys and values, as the etcd `KV` service offers them.
public protocol KeyValueClient: Sendable {
    func range(_ request: RangeRequest) async throws(EtcdError) -> RangeResponse
    func put(_ request: PutRequest) async throws(EtcdError) -> PutResponse
    func deleteRange(_ request: DeleteRangeRequest) async throws(EtcdError) -> DeleteRangeResponse
    func txn(_ request: TxnRequest) async throws(EtcdError) -> TxnResponse
    func compact(_ request: CompactionRequest) async throws(EtcdError) -> CompactionResponse
}

/// Change streams, as the etcd `Watch` service offers them.
public protocol WatchClient: Sendable {
    /// Opens one watch and hands each response to `onResponse`, in order, until the server cancels it (the response with
    /// `canceled` is delivered first, then the call returns), the connection is lost (throws), or the task is cancelled
    /// (throws an error whose code is `canceled`).
    func watch(
        _ request: WatchCreateRequest, onResponse: @escaping @Sendable (WatchResponse) async -> Void
    ) async throws(EtcdError)
}

/// Leases, as the etcd `Lease` service offers them.
public protocol LeaseClient: Sendable {
    func leaseGrant(_ request: LeaseGrantRequest) async throws(EtcdError) -> LeaseGrantResponse
    func leaseRevoke(_ request: LeaseRevokeRequest) async throws(EtcdError) -> LeaseRevokeResponse
    /// One keep-alive. The response's TTL is 0 when the lease is gone.
    func leaseKeepAlive(_ request: LeaseKeepAliveRequest) async throws(EtcdError) -> LeaseKeepAliveResponse
    func leaseTimeToLive(_ request: LeaseTimeToLiveRequest) async throws(EtcdError) -> LeaseTimeToLiveResponse
}

/// What the controller keeps its own state in: the embedded store, or any etcd cluster.
public typealias StoreClient = KeyValueClient & WatchClient & LeaseClient

/// Membership, as the etcd `Cluster` service offers it.
public protocol ClusterClient: Sendable {
    func memberList(_ request: MemberListRequest) async throws(EtcdError) -> MemberListResponse
    func memberAdd(_ request: MemberAddRequest) async throws(EtcdError) -> MemberAddResponse
    func memberRemove(_ request: MemberRemoveRequest) async throws(EtcdError) -> MemberRemoveResponse
    func memberUpdate(_ request: MemberUpdateRequest) async throws(EtcdError) -> MemberUpdateResponse
    func memberPromote(_ request: MemberPromoteRequest) async throws(EtcdError) -> MemberPromoteResponse
}

/// Upkeep of one member, as the etcd `Maintenance` service offers it. Each call speaks of the member it is sent to.
public protocol MaintenanceClient: Sendable {
    func status() async throws(EtcdError) -> StatusResponse
    func alarm(_ request: AlarmRequest) async throws(EtcdError) -> AlarmResponse
    func defragment() async throws(EtcdError) -> DefragmentResponse
    func hashKV(_ request: HashKVRequest) async throws(EtcdError) -> HashKVResponse
    func moveLeader(_ request: MoveLeaderRequest) async throws(EtcdError) -> MoveLeaderResponse
    /// Streams the member's database; `onChunk` gets each blob in order, the trailing 32-byte SHA-256 included, and is
    /// awaited before the next is read. An error it throws ends the stream and is thrown on.
    func snapshot(onChunk: @escaping @Sendable (SnapshotResponse) async throws -> Void) async throws
}

/// All that can be asked of a cluster through some of its members' client URLs.
public typealias EtcdConnection = KeyValueClient & WatchClient & LeaseClient & ClusterClient & MaintenanceClient

/// Opens connections. The gRPC one in production; a simulated one in tests.
public protocol EtcdConnector: Sendable {
    /// A connection that tries the given client URLs in order and fails over among them. Opening does no I/O; the first
    /// call does. Each call ends within `timeout`, streams excepted.
    func connect(to endpoints: [String], timeout: Duration) -> any EtcdConnection
    /// Ends every connection this connector opened.
    func close() async
}
