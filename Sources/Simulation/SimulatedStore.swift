public import EtcdClient
public import EtcdWire
internal import Platform
internal import Store

/// The controller's store in the simulation: the real state machine, with each write an effect that may meet a fault.
public struct SimulatedStore: KeyValueClient, WatchClient, LeaseClient {
    let world: World
    /// Whether writes count as effects: a user's do not.
    let isFaulty: Bool

    public init(_ world: World, isFaulty: Bool = true) {
        self.world = world
        self.isFaulty = isFaulty
    }

    private func apply(
        _ operation: InternalRaftRequest.Operation, _ what: String, counts: Bool = true
    ) throws(EtcdError) -> Store.ApplyResponse {
        let clock = self.world.clock
        let isFaulty = self.isFaulty
        let result: Result<Store.ApplyResponse, EtcdError> = self.world.with { state in
            let isDead = isFaulty && state.isCrashed
            let verdict = counts && isFaulty ? World.meet(&state, what, clock: clock) : (isDead ? .diesBefore : .happens)
            let lost = EtcdError(.unavailable, "no reply")
            if verdict == .diesBefore || verdict == .fails { return .failure(lost) }
            var answer: Result<Store.ApplyResponse, EtcdError> = .failure(lost)
            for _ in 0..<(verdict == .happensTwice ? 2 : 1) {
                state.entries += 1
                let before = state.store.revision
                let request = InternalRaftRequest(operation: operation, header: RequestHeader(id: state.entries))
                switch state.store.apply(request, index: state.entries, term: 1, uptime: clock.uptime()) {
                case .success(let response): answer = .success(response)
                case .failure(let error):
                    answer = .failure(EtcdError(EtcdError.Code(rawValue: error.code) ?? .unknown, error.message))
                }
                if state.store.revision != before { state.storeWrites += 1 }
            }
            return verdict == .diesAfter || verdict == .replyLost ? .failure(lost) : answer
        }
        return try result.get()
    }

    public func range(_ request: RangeRequest) async throws(EtcdError) -> RangeResponse {
        let isFaulty = self.isFaulty
        let result: Result<RangeResponse, EtcdError> = self.world.with { state in
            if isFaulty, state.isCrashed { return .failure(EtcdError(.unavailable, "no reply")) }
            do throws(Store::StoreError) {
                return .success(try state.store.range(request))
            } catch {
                return .failure(EtcdError(EtcdError.Code(rawValue: error.code) ?? .unknown, error.message))
            }
        }
        return try result.get()
    }

    public func txn(_ request: TxnRequest) async throws(EtcdError) -> TxnResponse {
        guard case .txn(let response) = try self.apply(.txn(request), "txn \(Self.key(of: request))") else {
            throw EtcdError(.internal, "unexpected response")
        }
        return response
    }

    private static func key(of request: TxnRequest) -> String {
        for operation in request.success {
            switch operation {
            case .put(let put): return "put \(String(decoding: put.key, as: UTF8.self))"
            case .deleteRange(let delete): return "delete \(String(decoding: delete.key, as: UTF8.self))"
            default: continue
            }
        }
        return ""
    }

    public func put(_ request: PutRequest) async throws(EtcdError) -> PutResponse {
        guard case .put(let response) = try self.apply(.put(request), "put") else {
            throw EtcdError(.internal, "unexpected response")
        }
        return response
    }

    public func deleteRange(_ request: DeleteRangeRequest) async throws(EtcdError) -> DeleteRangeResponse {
        guard case .deleteRange(let response) = try self.apply(.deleteRange(request), "delete") else {
            throw EtcdError(.internal, "unexpected response")
        }
        return response
    }

    public func compact(_ request: CompactionRequest) async throws(EtcdError) -> CompactionResponse {
        guard case .compaction(let response) = try self.apply(.compaction(request), "compact", counts: false) else {
            throw EtcdError(.internal, "unexpected response")
        }
        return response
    }

    public func watch(
        _ request: WatchCreateRequest, onResponse: @escaping @Sendable (WatchResponse) async -> Void
    ) async throws(EtcdError) {
        throw EtcdError(.unimplemented, "the simulation asks for every turn itself")
    }

    public func leaseGrant(_ request: LeaseGrantRequest) async throws(EtcdError) -> LeaseGrantResponse {
        var request = request
        if request.id == 0 { request.id = Int64(self.world.with { $0.entries }) + 1 }
        guard case .leaseGrant(let response) = try self.apply(.leaseGrant(request), "lease", counts: false) else {
            throw EtcdError(.internal, "unexpected response")
        }
        return response
    }

    public func leaseRevoke(_ request: LeaseRevokeRequest) async throws(EtcdError) -> LeaseRevokeResponse {
        guard case .leaseRevoke(let response) = try self.apply(.leaseRevoke(request), "revoke", counts: false) else {
            throw EtcdError(.internal, "unexpected response")
        }
        return response
    }

    public func leaseKeepAlive(_ request: LeaseKeepAliveRequest) async throws(EtcdError) -> LeaseKeepAliveResponse {
        throw EtcdError(.unimplemented, "there is one controller")
    }

    public func leaseTimeToLive(_ request: LeaseTimeToLiveRequest) async throws(EtcdError) -> LeaseTimeToLiveResponse {
        throw EtcdError(.unimplemented, "there is one controller")
    }
}
