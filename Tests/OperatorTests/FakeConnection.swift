import EtcdClient
import EtcdWire

/// A cluster that only tells what was changed, as a test says; all else it does not know.
struct FakeConnector: EtcdConnector {
    /// Answers one watch: created, then whatever there is.
    let tell: @Sendable (WatchCreateRequest) -> [WatchResponse]

    func connect(to endpoints: [String], timeout: Duration) -> any EtcdConnection { FakeConnection(tell: self.tell) }
    func close() async {}
}

private struct FakeConnection: EtcdConnection {
    let tell: @Sendable (WatchCreateRequest) -> [WatchResponse]

    private var unknown: EtcdError { EtcdError(.unimplemented, "the test does not answer this") }

    /// Stays open, as etcd's does, until it is cancelled.
    func watch(
        _ request: WatchCreateRequest, onResponse: @escaping @Sendable (WatchResponse) async -> Void
    ) async throws(EtcdError) {
        for response in self.tell(request) { await onResponse(response) }
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
        throw EtcdError(.canceled, "cancelled")
    }

    func range(_ request: RangeRequest) async throws(EtcdError) -> RangeResponse { throw self.unknown }
    func put(_ request: PutRequest) async throws(EtcdError) -> PutResponse { throw self.unknown }
    func deleteRange(_ request: DeleteRangeRequest) async throws(EtcdError) -> DeleteRangeResponse { throw self.unknown }
    func txn(_ request: TxnRequest) async throws(EtcdError) -> TxnResponse { throw self.unknown }
    func compact(_ request: CompactionRequest) async throws(EtcdError) -> CompactionResponse { throw self.unknown }
    func leaseGrant(_ request: LeaseGrantRequest) async throws(EtcdError) -> LeaseGrantResponse { throw self.unknown }
    func leaseRevoke(_ request: LeaseRevokeRequest) async throws(EtcdError) -> LeaseRevokeResponse { throw self.unknown }
    func leaseKeepAlive(_ request: LeaseKeepAliveRequest) async throws(EtcdError) -> LeaseKeepAliveResponse {
        throw self.unknown
    }
    func leaseTimeToLive(_ request: LeaseTimeToLiveRequest) async throws(EtcdError) -> LeaseTimeToLiveResponse {
        throw self.unknown
    }
    func memberList(_ request: MemberListRequest) async throws(EtcdError) -> MemberListResponse { throw self.unknown }
    func memberAdd(_ request: MemberAddRequest) async throws(EtcdError) -> MemberAddResponse { throw self.unknown }
    func memberRemove(_ request: MemberRemoveRequest) async throws(EtcdError) -> MemberRemoveResponse { throw self.unknown }
    func memberUpdate(_ request: MemberUpdateRequest) async throws(EtcdError) -> MemberUpdateResponse { throw self.unknown }
    func memberPromote(_ request: MemberPromoteRequest) async throws(EtcdError) -> MemberPromoteResponse {
        throw self.unknown
    }
    func status() async throws(EtcdError) -> StatusResponse { throw self.unknown }
    func alarm(_ request: AlarmRequest) async throws(EtcdError) -> AlarmResponse { throw self.unknown }
    func defragment() async throws(EtcdError) -> DefragmentResponse { throw self.unknown }
    func hashKV(_ request: HashKVRequest) async throws(EtcdError) -> HashKVResponse { throw self.unknown }
    func moveLeader(_ request: MoveLeaderRequest) async throws(EtcdError) -> MoveLeaderResponse { throw self.unknown }
    func snapshot(onChunk: @escaping @Sendable (SnapshotResponse) async throws -> Void) async throws { throw self.unknown }
}
