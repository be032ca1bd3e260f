public import EtcdClient
public import EtcdWire
public import Platform
internal import Store

/// A store with etcd's semantics in one directory, in this process: the controller's memory.
///
/// Every change is durable before its call returns. Changes that wait together share one write and one sync. One thread
/// owns it all; calls suspend until that thread has answered. After the first failed write or sync nothing is done any
/// more: every call fails with `unavailable`, and ``EmbeddedStoreConfiguration/onFatal`` is told.
public final class EmbeddedStore: Sendable {
    let mailbox: Mailbox<EngineMessage>
    private let configuration: EmbeddedStoreConfiguration

    private init(_ mailbox: Mailbox<EngineMessage>, _ configuration: EmbeddedStoreConfiguration) {
        (self.mailbox, self.configuration) = (mailbox, configuration)
    }

    deinit {
        self.mailbox.close()
    }

    /// Opens the store in a directory, or makes one there.
    /// - Throws: ``EmbeddedStoreError``: in use, damaged, or the disk failed.
    public static func open(
        directory: String, disk: any Disk = RealDisk(), clock: any WallClock = SystemClock(),
        configuration: EmbeddedStoreConfiguration = EmbeddedStoreConfiguration()
    ) async throws -> EmbeddedStore {
        let mailbox = Mailbox<EngineMessage>()
        try await withCheckedContinuation { (opened: CheckedContinuation<Result<Void, EmbeddedStoreError>, Never>) in
            startThread(named: "store") {
                do throws(EmbeddedStoreError) {
                    let core = try StoreCore.open(
                        directory: directory, disk: disk, configuration: configuration, uptime: clock.uptime())
                    let engine = Engine(core, mailbox, clock, configuration)
                    opened.resume(returning: .success(()))
                    engine.run()
                } catch {
                    mailbox.close()
                    opened.resume(returning: .failure(error))
                }
            }
        }.get()
        // Ends by itself when the mailbox is closed, which the store's end does.
        Task {
            while (try? await clock.sleep(for: configuration.tickInterval)) != nil, mailbox.send(.tick) {}
        }
        return EmbeddedStore(mailbox, configuration)
    }

    /// Ends the store: what was sent before is answered, watches end, files are closed and the lock is let go.
    public func close() async throws(EtcdError) {
        try await self.ask { .close($0) }
    }

    /// Sends a message and waits for its answer.
    func ask<Value: Sendable>(
        _ message: (EngineMessage.Reply<Value>) -> EngineMessage
    ) async throws(EtcdError) -> Value {
        try await withCheckedContinuation { continuation in
            guard self.mailbox.send(message(continuation)) else {
                continuation.resume(returning: .failure(.storeClosed))
                return
            }
        }.get()
    }

    private func propose(_ operation: InternalRaftRequest.Operation) async throws(EtcdError) -> Store.ApplyResponse {
        try await self.ask { .propose(operation, $0) }
    }

    private static let wrongAnswer = EtcdError(.internal, "the store gave the answer to another kind of request")
}

extension EtcdError {
    static let storeClosed = EtcdError(.unavailable, "the embedded store is closed", isUnsent: true)
}

extension EmbeddedStore: KeyValueClient {
    public func range(_ request: RangeRequest) async throws(EtcdError) -> RangeResponse {
        try await self.ask { .range(request, $0) }
    }

    public func put(_ request: PutRequest) async throws(EtcdError) -> PutResponse {
        guard case .put(let response) = try await self.propose(.put(request)) else { throw Self.wrongAnswer }
        return response
    }

    public func deleteRange(_ request: DeleteRangeRequest) async throws(EtcdError) -> DeleteRangeResponse {
        guard case .deleteRange(let response) = try await self.propose(.deleteRange(request)) else { throw Self.wrongAnswer }
        return response
    }

    public func txn(_ request: TxnRequest) async throws(EtcdError) -> TxnResponse {
        if Store.isReadOnly(request) { return try await self.ask { .readTxn(request, $0) } }
        guard case .txn(let response) = try await self.propose(.txn(request)) else { throw Self.wrongAnswer }
        return response
    }

    public func compact(_ request: CompactionRequest) async throws(EtcdError) -> CompactionResponse {
        guard case .compaction(let response) = try await self.propose(.compaction(request)) else { throw Self.wrongAnswer }
        return response
    }
}

extension EmbeddedStore: LeaseClient {
    /// An id of 0 is replaced by a random one.
    public func leaseGrant(_ request: LeaseGrantRequest) async throws(EtcdError) -> LeaseGrantResponse {
        var request = request
        if request.id == 0 { request.id = .random(in: 1 ... .max) }
        guard case .leaseGrant(let response) = try await self.propose(.leaseGrant(request)) else { throw Self.wrongAnswer }
        return response
    }

    public func leaseRevoke(_ request: LeaseRevokeRequest) async throws(EtcdError) -> LeaseRevokeResponse {
        guard case .leaseRevoke(let response) = try await self.propose(.leaseRevoke(request)) else { throw Self.wrongAnswer }
        return response
    }

    public func leaseKeepAlive(_ request: LeaseKeepAliveRequest) async throws(EtcdError) -> LeaseKeepAliveResponse {
        try await self.ask { .keepAlive(request, $0) }
    }

    public func leaseTimeToLive(_ request: LeaseTimeToLiveRequest) async throws(EtcdError) -> LeaseTimeToLiveResponse {
        try await self.ask { .timeToLive(request, $0) }
    }
}

extension EmbeddedStore: WatchClient {
    public func watch(
        _ request: WatchCreateRequest, onResponse: @escaping @Sendable (WatchResponse) async -> Void
    ) async throws(EtcdError) {
        let watcher = Watcher(request, limit: self.configuration.watchQueueLimit)
        let mailbox = self.mailbox
        guard mailbox.send(.watch(watcher)) else { throw .storeClosed }
        defer { mailbox.send(.cancel(watcher)) }
        let outcome = await withTaskCancellationHandler {
            await Self.consume(watcher, mailbox, onResponse)
        } onCancel: {
            watcher.end(EtcdError(.canceled, "the watch was canceled by its task"))
        }
        try outcome.get()
    }

    private static func consume(
        _ watcher: Watcher, _ mailbox: Mailbox<EngineMessage>,
        _ onResponse: @Sendable (WatchResponse) async -> Void
    ) async -> Result<Void, EtcdError> {
        do throws(EtcdError) {
            while true {
                let (responses, wasHeldBack) = try await watcher.next()
                for response in responses {
                    await onResponse(response)
                    if response.canceled { return .success(()) }
                }
                if wasHeldBack { mailbox.send(.resume(watcher)) }
            }
        } catch {
            return .failure(error)
        }
    }
}
