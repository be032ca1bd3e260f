import EtcdClient
import EtcdWire
import Synchronization

/// One contender's way to the store, which can be cut.
final class Gate: KeyValueClient, WatchClient, LeaseClient, Sendable {
    private let store: FakeStore
    private let isClosed = Mutex(false)

    init(_ store: FakeStore) { self.store = store }

    func close() {
        self.isClosed.withLock { $0 = true }
        self.store.dropWatches()
    }

    func open() { self.isClosed.withLock { $0 = false } }

    private func pass() throws(EtcdError) { if self.isClosed.withLock({ $0 }) { throw EtcdError(.unavailable, "cut off") } }

    func range(_ request: RangeRequest) async throws(EtcdError) -> RangeResponse {
        try self.pass()
        return try await self.store.range(request)
    }

    func put(_ request: PutRequest) async throws(EtcdError) -> PutResponse {
        try self.pass()
        return try await self.store.put(request)
    }

    func deleteRange(_ request: DeleteRangeRequest) async throws(EtcdError) -> DeleteRangeResponse {
        try self.pass()
        return try await self.store.deleteRange(request)
    }

    func txn(_ request: TxnRequest) async throws(EtcdError) -> TxnResponse {
        try self.pass()
        return try await self.store.txn(request)
    }

    func compact(_ request: CompactionRequest) async throws(EtcdError) -> CompactionResponse {
        try self.pass()
        return try await self.store.compact(request)
    }

    func watch(
        _ request: WatchCreateRequest, onResponse: @escaping @Sendable (WatchResponse) async -> Void
    ) async throws(EtcdError) {
        try self.pass()
        try await self.store.watch(request, onResponse: onResponse)
    }

    func leaseGrant(_ request: LeaseGrantRequest) async throws(EtcdError) -> LeaseGrantResponse {
        try self.pass()
        return try await self.store.leaseGrant(request)
    }

    func leaseRevoke(_ request: LeaseRevokeRequest) async throws(EtcdError) -> LeaseRevokeResponse {
        try self.pass()
        return try await self.store.leaseRevoke(request)
    }

    func leaseKeepAlive(_ request: LeaseKeepAliveRequest) async throws(EtcdError) -> LeaseKeepAliveResponse {
        try self.pass()
        return try await self.store.leaseKeepAlive(request)
    }

    func leaseTimeToLive(_ request: LeaseTimeToLiveRequest) async throws(EtcdError) -> LeaseTimeToLiveResponse {
        try self.pass()
        return try await self.store.leaseTimeToLive(request)
    }
}
