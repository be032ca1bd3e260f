package import EtcdWire

/// What a client may ask of a member in one call. The services are etcd's; see its `rpc.proto`.
package enum ClientRequest: Sendable {
    // KV
    case range(RangeRequest)
    case put(PutRequest)
    case deleteRange(DeleteRangeRequest)
    case txn(TxnRequest)
    case compact(CompactionRequest)
    // Lease
    case leaseGrant(LeaseGrantRequest)
    case leaseRevoke(LeaseRevokeRequest)
    case leaseTimeToLive(LeaseTimeToLiveRequest)
    case leaseLeases
    // Cluster
    case memberAdd(MemberAddRequest)
    case memberRemove(MemberRemoveRequest)
    case memberUpdate(MemberUpdateRequest)
    case memberList(MemberListRequest)
    case memberPromote(MemberPromoteRequest)
    // Maintenance
    case alarm(AlarmRequest)
    case status
    case defragment
    case hash
    case hashKV(HashKVRequest)
    case moveLeader(MoveLeaderRequest)
    case downgrade(DowngradeRequest)

    /// The methods that take one message and answer with one, by their path.
    static let methods: [String: @Sendable (ArraySlice<UInt8>) throws(WireError) -> ClientRequest] = [
        "/etcdserverpb.KV/Range": { (bytes) throws(WireError) in .range(try RangeRequest(decoding: bytes)) },
        "/etcdserverpb.KV/Put": { (bytes) throws(WireError) in .put(try PutRequest(decoding: bytes)) },
        "/etcdserverpb.KV/DeleteRange": { (bytes) throws(WireError) in .deleteRange(try DeleteRangeRequest(decoding: bytes)) },
        "/etcdserverpb.KV/Txn": { (bytes) throws(WireError) in .txn(try TxnRequest(decoding: bytes)) },
        "/etcdserverpb.KV/Compact": { (bytes) throws(WireError) in .compact(try CompactionRequest(decoding: bytes)) },
        "/etcdserverpb.Lease/LeaseGrant": { (bytes) throws(WireError) in .leaseGrant(try LeaseGrantRequest(decoding: bytes)) },
        "/etcdserverpb.Lease/LeaseRevoke": { (bytes) throws(WireError) in
            .leaseRevoke(try LeaseRevokeRequest(decoding: bytes))
        },
        "/etcdserverpb.Lease/LeaseTimeToLive": { (bytes) throws(WireError) in
            .leaseTimeToLive(try LeaseTimeToLiveRequest(decoding: bytes))
        },
        "/etcdserverpb.Lease/LeaseLeases": { (bytes) throws(WireError) in
            _ = try LeaseLeasesRequest(decoding: bytes)
            return .leaseLeases
        },
        "/etcdserverpb.Cluster/MemberAdd": { (bytes) throws(WireError) in .memberAdd(try MemberAddRequest(decoding: bytes)) },
        "/etcdserverpb.Cluster/MemberRemove": { (bytes) throws(WireError) in
            .memberRemove(try MemberRemoveRequest(decoding: bytes))
        },
        "/etcdserverpb.Cluster/MemberUpdate": { (bytes) throws(WireError) in
            .memberUpdate(try MemberUpdateRequest(decoding: bytes))
        },
        "/etcdserverpb.Cluster/MemberList": { (bytes) throws(WireError) in .memberList(try MemberListRequest(decoding: bytes))
        },
        "/etcdserverpb.Cluster/MemberPromote": { (bytes) throws(WireError) in
            .memberPromote(try MemberPromoteRequest(decoding: bytes))
        },
        "/etcdserverpb.Maintenance/Alarm": { (bytes) throws(WireError) in .alarm(try AlarmRequest(decoding: bytes)) },
        "/etcdserverpb.Maintenance/Status": { (bytes) throws(WireError) in
            _ = try StatusRequest(decoding: bytes)
            return .status
        },
        "/etcdserverpb.Maintenance/Defragment": { (bytes) throws(WireError) in
            _ = try DefragmentRequest(decoding: bytes)
            return .defragment
        },
        "/etcdserverpb.Maintenance/Hash": { (bytes) throws(WireError) in
            _ = try HashRequest(decoding: bytes)
            return .hash
        },
        "/etcdserverpb.Maintenance/HashKV": { (bytes) throws(WireError) in .hashKV(try HashKVRequest(decoding: bytes)) },
        "/etcdserverpb.Maintenance/MoveLeader": { (bytes) throws(WireError) in
            .moveLeader(try MoveLeaderRequest(decoding: bytes))
        },
        "/etcdserverpb.Maintenance/Downgrade": { (bytes) throws(WireError) in .downgrade(try DowngradeRequest(decoding: bytes))
        },
    ]
}
