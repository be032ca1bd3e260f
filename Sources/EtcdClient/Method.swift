internal import EtcdWire
internal import GRPCCore

/// One RPC of etcd: its name, its messages, and what may be done when it fails.
struct Method<Request: WireMessage, Response: WireMessage>: Sendable {
    let descriptor: MethodDescriptor
    let kind: MethodKind

    init(_ service: String, _ name: String, _ kind: MethodKind) {
        self.descriptor = MethodDescriptor(fullyQualifiedService: "etcdserverpb.\(service)", method: name)
        self.kind = kind
    }
}

/// Who is asked, and whether asking again is safe.
enum MethodKind: Sendable {
    /// Any member may answer, and asking twice is as good as once.
    case read
    /// Any member may carry it out, at most once.
    case write
    /// Speaks of the member it is sent to; may be asked again.
    case memberRead
    /// Acts on the member it is sent to, at most once.
    case memberWrite

    var isRepeatable: Bool { self == .read || self == .memberRead }
    var speaksOfOneMember: Bool { self == .memberRead || self == .memberWrite }
}

/// Source: etcd's `api/etcdserverpb/rpc.proto`.
enum Methods {
    static let range = Method<RangeRequest, RangeResponse>("KV", "Range", .read)
    static let put = Method<PutRequest, PutResponse>("KV", "Put", .write)
    static let deleteRange = Method<DeleteRangeRequest, DeleteRangeResponse>("KV", "DeleteRange", .write)
    static let txn = Method<TxnRequest, TxnResponse>("KV", "Txn", .write)
    static let compact = Method<CompactionRequest, CompactionResponse>("KV", "Compact", .write)

    static let watch = Method<WatchRequest, WatchResponse>("Watch", "Watch", .read)

    static let leaseGrant = Method<LeaseGrantRequest, LeaseGrantResponse>("Lease", "LeaseGrant", .write)
    static let leaseRevoke = Method<LeaseRevokeRequest, LeaseRevokeResponse>("Lease", "LeaseRevoke", .write)
    static let leaseKeepAlive = Method<LeaseKeepAliveRequest, LeaseKeepAliveResponse>("Lease", "LeaseKeepAlive", .read)
    static let leaseTimeToLive = Method<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse>("Lease", "LeaseTimeToLive", .read)

    static let memberList = Method<MemberListRequest, MemberListResponse>("Cluster", "MemberList", .read)
    static let memberAdd = Method<MemberAddRequest, MemberAddResponse>("Cluster", "MemberAdd", .write)
    static let memberRemove = Method<MemberRemoveRequest, MemberRemoveResponse>("Cluster", "MemberRemove", .write)
    static let memberUpdate = Method<MemberUpdateRequest, MemberUpdateResponse>("Cluster", "MemberUpdate", .write)
    static let memberPromote = Method<MemberPromoteRequest, MemberPromoteResponse>("Cluster", "MemberPromote", .write)

    static let status = Method<StatusRequest, StatusResponse>("Maintenance", "Status", .memberRead)
    static let alarm = Method<AlarmRequest, AlarmResponse>("Maintenance", "Alarm", .memberWrite)
    static let defragment = Method<DefragmentRequest, DefragmentResponse>("Maintenance", "Defragment", .memberWrite)
    static let hashKV = Method<HashKVRequest, HashKVResponse>("Maintenance", "HashKV", .memberRead)
    static let moveLeader = Method<MoveLeaderRequest, MoveLeaderResponse>("Maintenance", "MoveLeader", .memberWrite)
    static let snapshot = Method<SnapshotRequest, SnapshotResponse>("Maintenance", "Snapshot", .memberRead)
}
