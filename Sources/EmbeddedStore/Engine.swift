internal import EtcdClient
internal import EtcdWire
internal import Platform
internal import Store

/// What callers ask of the engine's thread.
enum EngineMessage: Sendable {
    typealias Reply<Value: Sendable> = CheckedContinuation<Result<Value, EtcdError>, Never>

    case propose(StoreCore.Operation, Reply<Store.ApplyResponse>)
    case range(RangeRequest, Reply<RangeResponse>)
    case readTxn(TxnRequest, Reply<TxnResponse>)
    case keepAlive(LeaseKeepAliveRequest, Reply<LeaseKeepAliveResponse>)
    case timeToLive(LeaseTimeToLiveRequest, Reply<LeaseTimeToLiveResponse>)
    case watch(Watcher)
    case resume(Watcher)
    case cancel(Watcher)
    /// Time has passed.
    case tick
    case close(Reply<Void>)
}

/// The thread that owns the store and its log. It takes all that is waiting, makes the changes among it durable in one
/// batch, applies them, and only then answers; reads see everything answered before they were sent.
struct Engine: ~Copyable {
    private var core: StoreCore
    private let mailbox: Mailbox<EngineMessage>
    private let clock: any WallClock
    private let configuration: EmbeddedStoreConfiguration
    private var watches: [Int64: Watch] = [:]
    private var watchIDs: [ObjectIdentifier: Int64] = [:]
    /// Why nothing is done any more.
    private var failure: EtcdError?
    private var closing: [EngineMessage.Reply<Void>] = []

    private struct Watch {
        var watcher: Watcher
        var lastSent: Duration
    }

    init(
        _ core: consuming StoreCore, _ mailbox: Mailbox<EngineMessage>, _ clock: any WallClock,
        _ configuration: EmbeddedStoreConfiguration
    ) {
        self.core = core
        (self.mailbox, self.clock, self.configuration) = (mailbox, clock, configuration)
    }

    /// Runs until the mailbox is closed.
    consuming func run() {
        while let messages = self.mailbox.take(blocking: !self.hasWork) {
            self.handle(messages)
        }
        let gone = EtcdError(.unavailable, "the embedded store is closed")
        for watch in self.watches.values { watch.watcher.end(gone) }
        let replies = self.closing
        let failure: EtcdError? = self.failure
        var result: Result<Void, EtcdError> = failure.map { .failure($0) } ?? .success(())
        do throws(EmbeddedStoreError) {
            let uptime = self.clock.uptime()
            if failure == nil { try self.core.close(uptime: uptime) } else { try self.core.abandon() }
        } catch {
            if failure == nil { result = .failure(EtcdError(.unavailable, error.description)) }
        }
        for reply in replies { reply.resume(returning: result) }
    }

    private var hasWork: Bool { self.failure == nil && (self.core.store.hasWatchResponses || self.core.hasWork) }

    private mutating func handle(_ messages: [EngineMessage]) {
        let uptime = self.clock.uptime()
        var operations: [StoreCore.Operation] = []
        var proposers: [EngineMessage.Reply<Store.ApplyResponse>?] = []
        for message in messages {
            switch message {
            case .propose(let operation, let reply):
                operations.append(operation)
                proposers.append(reply)
            case .tick where self.failure == nil:
                for lease in self.core.store.expiredLeases(uptime: uptime, limit: 500) {
                    operations.append(.leaseRevoke(LeaseRevokeRequest(id: lease)))
                    proposers.append(nil)
                }
            default:
                break
            }
        }
        let results = operations.isEmpty ? [] : self.commit(operations, uptime)
        for (proposer, result) in zip(proposers, results) { proposer?.resume(returning: result) }
        for message in messages { self.answer(message, uptime) }
        self.tellWatches(uptime)
        self.keepHouse(uptime)
    }

    private mutating func commit(
        _ operations: [StoreCore.Operation], _ uptime: Duration
    ) -> [Result<Store.ApplyResponse, EtcdError>] {
        if let failure { return operations.map { _ in .failure(failure) } }
        do throws(EmbeddedStoreError) {
            return try self.core.commit(operations, uptime: uptime).map { $0.mapError { EtcdError($0) } }
        } catch {
            let failure = self.fail(error)
            return operations.map { _ in .failure(failure) }
        }
    }

    private mutating func keepHouse(_ uptime: Duration) {
        guard self.failure == nil else { return }
        do throws(EmbeddedStoreError) { try self.core.keepHouse(uptime: uptime) } catch { _ = self.fail(error) }
    }

    /// The disk failed: what is durable is not known any more, so nothing is done from here on.
    private mutating func fail(_ error: EmbeddedStoreError) -> EtcdError {
        let failure = EtcdError(.unavailable, "the embedded store has stopped: \(error)")
        self.failure = failure
        for watch in self.watches.values { watch.watcher.end(failure) }
        self.watches = [:]
        self.watchIDs = [:]
        self.configuration.onFatal(error.description)
        return failure
    }

    // MARK: All but changes

    private mutating func answer(_ message: EngineMessage, _ uptime: Duration) {
        if let failure { return self.refuse(message, failure) }
        switch message {
        case .propose:
            break
        case .range(let request, let reply):
            reply.resume(returning: self.read { (store) throws(StoreError) in try store.range(request) })
        case .readTxn(let request, let reply):
            reply.resume(returning: self.read { (store) throws(StoreError) in try store.readTxn(request) })
        case .keepAlive(let request, let reply):
            let response = self.core.withStore { $0.leaseKeepAlive(request, uptime: uptime) }
            reply.resume(returning: .success(response))
        case .timeToLive(let request, let reply):
            reply.resume(returning: .success(self.core.store.leaseTimeToLive(request, uptime: uptime)))
        case .watch(let watcher):
            self.open(watcher, uptime)
        case .resume(let watcher):
            guard let id = self.watchIDs[ObjectIdentifier(watcher)] else { return }
            self.core.withStore { $0.resumeWatch(id) }
        case .cancel(let watcher):
            guard let id = self.watchIDs[ObjectIdentifier(watcher)] else { return }
            _ = self.core.withStore { $0.cancelWatch(id) }
            self.forget(id)
        case .tick:
            self.tellProgress(uptime)
        case .close(let reply):
            self.closing.append(reply)
            self.mailbox.close()
        }
    }

    private mutating func refuse(_ message: EngineMessage, _ failure: EtcdError) {
        switch message {
        case .propose, .resume, .cancel, .tick: break
        case .range(_, let reply): reply.resume(returning: .failure(failure))
        case .readTxn(_, let reply): reply.resume(returning: .failure(failure))
        case .keepAlive(_, let reply): reply.resume(returning: .failure(failure))
        case .timeToLive(_, let reply): reply.resume(returning: .failure(failure))
        case .watch(let watcher): watcher.end(failure)
        case .close(let reply):
            self.closing.append(reply)
            self.mailbox.close()
        }
    }

    /// A row that cannot be read stops everything, as a failed write does.
    private mutating func read<Value>(
        _ body: (borrowing Store) throws(StoreError) -> Value
    ) -> Result<Value, EtcdError> {
        do throws(StoreError) { return .success(try body(self.core.store)) } catch {
            return .failure(error.isFatal ? self.fail(EmbeddedStoreError(.corrupt, error.message)) : EtcdError(error))
        }
    }

    // MARK: Watches

    private mutating func open(_ watcher: Watcher, _ uptime: Duration) {
        var request = watcher.request
        // Each call is a stream of its own to its caller; in the store all share one space of ids.
        request.watchID = 0
        let created = self.core.withStore { $0.createWatch(request) }
        if !created.canceled {
            self.watches[created.watchID] = Watch(watcher: watcher, lastSent: uptime)
            self.watchIDs[ObjectIdentifier(watcher)] = created.watchID
        }
        self.deliver(created, to: watcher)
    }

    private mutating func tellWatches(_ uptime: Duration) {
        guard self.failure == nil else { return }
        let responses = self.core.withStore { store in
            Result { () throws(StoreError) in try store.nextWatchResponses() }
        }
        guard case .success(let responses) = responses else {
            if case .failure(let error) = responses { _ = self.fail(EmbeddedStoreError(.corrupt, error.message)) }
            return
        }
        for response in responses {
            guard let watch = self.watches[response.watchID] else { continue }
            self.watches[response.watchID]?.lastSent = uptime
            self.deliver(response, to: watch.watcher)
            if response.canceled { self.forget(response.watchID) }
        }
    }

    private mutating func tellProgress(_ uptime: Duration) {
        for id in self.watches.keys.sorted() {
            guard let watch = self.watches[id], watch.watcher.request.progressNotify,
                uptime - watch.lastSent >= self.configuration.progressInterval,
                let progress = self.core.store.watchProgress(id)
            else { continue }
            self.watches[id]?.lastSent = uptime
            self.deliver(progress, to: watch.watcher)
        }
    }

    private mutating func deliver(_ response: WatchResponse, to watcher: Watcher) {
        switch watcher.deliver(response) {
        case .taken: break
        case .full: self.core.withStore { $0.pauseWatch(response.watchID) }
        case .ended:
            _ = self.core.withStore { $0.cancelWatch(response.watchID) }
            self.forget(response.watchID)
        }
    }

    private mutating func forget(_ id: Int64) {
        guard let watch = self.watches.removeValue(forKey: id) else { return }
        self.watchIDs[ObjectIdentifier(watch.watcher)] = nil
    }
}

extension EtcdError {
    init(_ error: StoreError) {
        self.init(Code(rawValue: error.code) ?? .unknown, error.message)
    }
}
