internal import EtcdWire
internal import GRPCCore

extension GRPCConnection: KeyValueClient {
    func range(_ request: RangeRequest) async throws(EtcdError) -> RangeResponse {
        try await self.call(Methods.range, request)
    }

    func put(_ request: PutRequest) async throws(EtcdError) -> PutResponse {
        try await self.call(Methods.put, request)
    }

    func deleteRange(_ request: DeleteRangeRequest) async throws(EtcdError) -> DeleteRangeResponse {
        try await self.call(Methods.deleteRange, request)
    }

    func txn(_ request: TxnRequest) async throws(EtcdError) -> TxnResponse {
        try await self.call(Methods.txn, request)
    }

    func compact(_ request: CompactionRequest) async throws(EtcdError) -> CompactionResponse {
        try await self.call(Methods.compact, request)
    }
}

extension GRPCConnection: WatchClient {
    func watch(
        _ request: WatchCreateRequest, onResponse: @escaping @Sendable (WatchResponse) async -> Void
    ) async throws(EtcdError) {
        do {
            // Makes a member that has lost its leader end the stream, instead of keeping silent.
            let metadata: Metadata = ["hasleader": "true"]
            try await self.stream(
                Methods.watch, .create(request), metadata: metadata, staysOpen: true, until: .answered
            ) { response in
                await onResponse(response)
                return !response.canceled
            }
        } catch {
            // Only the caller's own wish is told as `canceled`.
            guard error.code == .canceled, !Task.isCancelled else { throw error }
            throw EtcdError(.unavailable, error.message)
        }
    }
}

extension GRPCConnection: LeaseClient {
    func leaseGrant(_ request: LeaseGrantRequest) async throws(EtcdError) -> LeaseGrantResponse {
        try await self.call(Methods.leaseGrant, request)
    }

    func leaseRevoke(_ request: LeaseRevokeRequest) async throws(EtcdError) -> LeaseRevokeResponse {
        try await self.call(Methods.leaseRevoke, request)
    }

    func leaseKeepAlive(_ request: LeaseKeepAliveRequest) async throws(EtcdError) -> LeaseKeepAliveResponse {
        try await self.call(Methods.leaseKeepAlive, request)
    }

    func leaseTimeToLive(_ request: LeaseTimeToLiveRequest) async throws(EtcdError) -> LeaseTimeToLiveResponse {
        try await self.call(Methods.leaseTimeToLive, request)
    }
}

extension GRPCConnection: ClusterClient {
    func memberList(_ request: MemberListRequest) async throws(EtcdError) -> MemberListResponse {
        try await self.call(Methods.memberList, request)
    }

    func memberAdd(_ request: MemberAddRequest) async throws(EtcdError) -> MemberAddResponse {
        try await self.call(Methods.memberAdd, request)
    }

    func memberRemove(_ request: MemberRemoveRequest) async throws(EtcdError) -> MemberRemoveResponse {
        try await self.call(Methods.memberRemove, request)
    }

    func memberUpdate(_ request: MemberUpdateRequest) async throws(EtcdError) -> MemberUpdateResponse {
        try await self.call(Methods.memberUpdate, request)
    }

    func memberPromote(_ request: MemberPromoteRequest) async throws(EtcdError) -> MemberPromoteResponse {
        try await self.call(Methods.memberPromote, request)
    }
}

extension GRPCConnection: MaintenanceClient {
    func status() async throws(EtcdError) -> StatusResponse {
        try await self.call(Methods.status, StatusRequest())
    }

    func alarm(_ request: AlarmRequest) async throws(EtcdError) -> AlarmResponse {
        try await self.call(Methods.alarm, request)
    }

    func defragment() async throws(EtcdError) -> DefragmentResponse {
        try await self.call(Methods.defragment, DefragmentRequest())
    }

    func hashKV(_ request: HashKVRequest) async throws(EtcdError) -> HashKVResponse {
        try await self.call(Methods.hashKV, request)
    }

    func moveLeader(_ request: MoveLeaderRequest) async throws(EtcdError) -> MoveLeaderResponse {
        try await self.call(Methods.moveLeader, request)
    }

    func snapshot(onChunk: @escaping @Sendable (SnapshotResponse) async throws -> Void) async throws {
        let outcome = SnapshotOutcome()
        do {
            try await self.stream(Methods.snapshot, SnapshotRequest(), until: .sent) { response in
                do {
                    try await onChunk(response)
                } catch {
                    outcome.consumerFailed(error)
                    return false
                }
                outcome.received(response)
                return true
            }
        } catch {
            throw outcome.consumerError ?? error
        }
        if let error = outcome.consumerError { throw error }
        guard outcome.isWhole else { throw EtcdError(.dataLoss, "the snapshot ended early") }
    }
}
