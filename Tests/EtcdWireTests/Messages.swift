import EtcdWire
import Platform

/// Makes messages of any type, without knowing their fields: it offers the decoder one random field after another, and
/// keeps those it takes.
enum Messages {
    static let types: [any WireMessage.Type] = [
        EmptyMessage.self, HeaderResponse.self, MembersResponse.self, NameRequest.self, RoleRequest.self, Member.self,
        MemberAddRequest.self, MemberAddResponse.self, MemberRemoveRequest.self, MemberUpdateRequest.self,
        MemberListRequest.self, MemberPromoteRequest.self, RequestHeader.self, InternalRaftRequest.self, RangeRequest.self,
        RangeResponse.self, PutRequest.self, PutResponse.self, DeleteRangeRequest.self, DeleteRangeResponse.self,
        CompactionRequest.self, ResponseHeader.self, KeyValue.self, WatchEvent.self, LeaseGrantRequest.self,
        LeaseGrantResponse.self, LeaseRevokeRequest.self, LeaseCheckpoint.self, LeaseCheckpointRequest.self,
        LeaseKeepAliveRequest.self, LeaseKeepAliveResponse.self, LeaseTimeToLiveRequest.self, LeaseTimeToLiveResponse.self,
        LeaseStatus.self, LeaseLeasesResponse.self, LeaseRecord.self, AlarmRequest.self, AlarmMember.self, AlarmResponse.self,
        StatusResponse.self, DowngradeInfo.self, DowngradeRequest.self, DowngradeResponse.self, HashResponse.self,
        HashKVRequest.self, HashKVResponse.self, SnapshotResponse.self, MoveLeaderRequest.self, Compare.self, RequestOp.self,
        ResponseOp.self, TxnRequest.self, TxnResponse.self, WatchCreateRequest.self, WatchCancelRequest.self,
        WatchResponse.self, WatchRequest.self, AuthenticateRequest.self, AuthenticateResponse.self, AuthStatusResponse.self,
        AuthUserAddRequest.self, AuthUserChangePasswordRequest.self, AuthUserGrantRoleRequest.self,
        AuthUserRevokeRoleRequest.self, AuthUserGetResponse.self, AuthUserListResponse.self,
        AuthRoleGrantPermissionRequest.self, AuthRoleRevokePermissionRequest.self, AuthRoleGetResponse.self,
        AuthRoleListResponse.self, User.self, UserAddOptions.self, Permission.self, Role.self, RaftAttributes.self,
        MemberAttributes.self, MembershipMember.self, ClusterVersionSetRequest.self, ClusterMemberAttrSetRequest.self,
        DowngradeInfoSetRequest.self, DowngradeVersionTestRequest.self, InternalAuthenticateRequest.self, V2Request.self,
        ConfChange.self, ConfChangeSingle.self, ConfChangeV2.self, RaftEntry.self, HardState.self, ConfState.self,
        RaftSnapshotMetadata.self, RaftSnapshot.self, RaftMessage.self, WALRecord.self, WALSnapshot.self, WALMetadata.self,
        SnapshotFile.self,
    ]

    static func sample<Message: WireMessage>(_: Message.Type, _ random: inout SeededRandom) -> Message {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...25, using: &random) {
            let field = Self.number(&random)
            let candidate = bytes + Self.field(field, depth: 0, &random)
            if (try? Message(decoding: candidate)) != nil { bytes = candidate }
        }
        return (try? Message(decoding: bytes)) ?? Message()
    }

    /// Mostly a small number, as nearly all messages have; now and then one of a log entry's.
    private static func number(_ random: inout SeededRandom) -> Int {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: [14, 15, 16, 17, 64, 100, 9900].randomElement(using: &random) ?? 1
        case 1: 1000 + 100 * Int.random(in: 0...3, using: &random) + Int.random(in: 0...13, using: &random)
        default: Int.random(in: 1...13, using: &random)
        }
    }

    private static func field(_ number: Int, depth: Int, _ random: inout SeededRandom) -> [UInt8] {
        var writer = ProtoWriter()
        switch Int.random(in: 0..<5, using: &random) {
        case 0: writer.uint64(number, UInt64.random(in: 0...4, using: &random), always: true)
        case 1: writer.uint64(number, random.next() >> UInt64.random(in: 0..<64, using: &random), always: true)
        case 2: writer.bytes(number, Self.text(&random), always: true)
        default:
            var inner: [UInt8] = []
            for _ in 0..<(depth < 4 ? Int.random(in: 0...3, using: &random) : 0) {
                // The first fields tend to be bytes or messages, the others numbers.
                let number = random.chance(0.6) ? Int.random(in: 1...3, using: &random) : Int.random(in: 1...8, using: &random)
                inner += Self.field(number, depth: depth + 1, &random)
            }
            writer.bytes(number, inner, always: true)
        }
        return writer.bytes
    }

    /// Mostly short; now and then long enough for a length of two or three bytes.
    private static func text(_ random: inout SeededRandom) -> [UInt8] {
        let count = random.chance(0.02) ? Int.random(in: 100...20_000, using: &random) : Int.random(in: 0...8, using: &random)
        return (0..<count).map { _ in UInt8.random(in: 0x61...0x7A, using: &random) }
    }
}
