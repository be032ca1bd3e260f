import EtcdClient
import EtcdWire
import Platform
import Synchronization

/// A store in memory with etcd's semantics as far as this room uses them, and faults on demand.
final class FakeStore: KeyValueClient, WatchClient, LeaseClient, Sendable {
    /// What goes wrong with the next calls.
    struct Faults: Sendable {
        /// Chances, each 0 to 1.
        var lostRequest = 0.0
        var lostReply = 0.0
        var droppedWatch = 0.0
        var duplicatedResponse = 0.0
        var delayedResponse = 0.0
    }

    struct Lease: Sendable {
        var ttl: Duration
        var expiry: Duration
    }

    struct State {
        var revision: Int64 = 1
        var compacted: Int64 = 0
        var keys: [[UInt8]: KeyValue] = [:]
        var history: [WatchEvent] = []
        var leases: [Int64: Lease] = [:]
        var nextLease: Int64 = 100
        var writes = 0
        var faults = Faults()
        var random: SeededRandom
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
        /// Watches opened before this count are dropped.
        var epoch = 0
        var ranges = 0
        var watches = 0
    }

    let clock: any WallClock
    let state: Mutex<State>

    init(clock: any WallClock = SystemClock(), seed: UInt64 = 1) {
        self.clock = clock
        self.state = Mutex(State(random: SeededRandom(seed: seed)))
    }

    var revision: Int64 { self.state.withLock { $0.revision } }
    var writes: Int { self.state.withLock { $0.writes } }

    func setFaults(_ faults: Faults) { self.state.withLock { $0.faults = faults } }

    /// Ends every open watch with an error.
    func dropWatches() {
        self.state.withLock { $0.epoch += 1 }
        self.wake()
    }

    func value(_ key: String) -> KeyValue? { self.state.withLock { $0.keys[Array(key.utf8)] } }

    func write(_ key: String, _ value: String) {
        self.state.withLock { $0.apply([.put(PutRequest(key: Array(key.utf8), value: Array(value.utf8)))]) }
        self.wake()
    }

    func remove(_ key: String) {
        self.state.withLock { $0.apply([.deleteRange(DeleteRangeRequest(key: Array(key.utf8)))]) }
        self.wake()
    }

    func compactAll() {
        self.state.withLock { $0.compacted = $0.revision }
        self.wake()
    }

    /// Deletes the keys of the leases whose time is over.
    func expireLeases() {
        let now = self.clock.uptime()
        self.state.withLock { state in for id in state.leases.filter({ $0.value.expiry <= now }).keys.sorted() { state.end(id) }
        }
        self.wake()
    }

    private func wake() {
        let waiters = self.state.withLock { state in
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Does one call, or loses it, or loses its reply.
    private func call<Answer>(_ body: (inout State) throws(EtcdError) -> Answer) throws(EtcdError) -> Answer {
        if Task.isCancelled { throw EtcdError(.canceled, "canceled") }
        self.expireLeases()
        let result: Result<Answer, EtcdError> = self.state.withLock { state in
            if state.random.chance(state.faults.lostRequest) { return .failure(EtcdError(.unavailable, "lost request")) }
            do throws(EtcdError) {
                let answer = try body(&state)
                let isLost = state.random.chance(state.faults.lostReply)
                return isLost ? .failure(EtcdError(.deadlineExceeded, "lost reply")) : .success(answer)
            } catch { return .failure(error) }
        }
        self.wake()
        return try result.get()
    }

    func range(_ request: RangeRequest) async throws(EtcdError) -> RangeResponse {
        try self.call { state in
            state.ranges += 1
            return state.range(request)
        }
    }

    func put(_ request: PutRequest) async throws(EtcdError) -> PutResponse {
        try self.call { state in
            state.apply([.put(request)])
            return PutResponse(header: state.header)
        }
    }

    func deleteRange(_ request: DeleteRangeRequest) async throws(EtcdError) -> DeleteRangeResponse {
        try self.call { state in
            state.apply([.deleteRange(request)])
            return DeleteRangeResponse(header: state.header)
        }
    }

    func txn(_ request: TxnRequest) async throws(EtcdError) -> TxnResponse {
        try self.call { state throws(EtcdError) in
            let holds = request.compare.allSatisfy { state.holds($0) }
            let operations = holds ? request.success : request.failure
            for case .put(let put) in operations where put.lease != 0 && state.leases[put.lease] == nil {
                throw EtcdError(.notFound, "etcdserver: requested lease not found")
            }
            state.apply(operations)
            let responses = operations.map { operation -> ResponseOp in
                if case .range(let range) = operation { return .range(state.range(range)) }
                return .put(PutResponse())
            }
            return TxnResponse(header: state.header, succeeded: holds, responses: responses)
        }
    }

    func compact(_ request: CompactionRequest) async throws(EtcdError) -> CompactionResponse {
        try self.call { state in
            state.compacted = max(state.compacted, request.revision)
            return CompactionResponse()
        }
    }

    func leaseGrant(_ request: LeaseGrantRequest) async throws(EtcdError) -> LeaseGrantResponse {
        let now = self.clock.uptime()
        return try self.call { state in
            state.nextLease += 1
            state.leases[state.nextLease] = Lease(ttl: .seconds(request.ttl), expiry: now + .seconds(request.ttl))
            return LeaseGrantResponse(id: state.nextLease, ttl: request.ttl)
        }
    }

    func leaseRevoke(_ request: LeaseRevokeRequest) async throws(EtcdError) -> LeaseRevokeResponse {
        try self.call { state throws(EtcdError) in
            guard state.leases[request.id] != nil else { throw EtcdError(.notFound, "lease not found") }
            state.end(request.id)
            return LeaseRevokeResponse()
        }
    }

    func leaseKeepAlive(_ request: LeaseKeepAliveRequest) async throws(EtcdError) -> LeaseKeepAliveResponse {
        let now = self.clock.uptime()
        return try self.call { state in
            guard let lease = state.leases[request.id] else { return LeaseKeepAliveResponse(id: request.id, ttl: 0) }
            state.leases[request.id]?.expiry = now + lease.ttl
            return LeaseKeepAliveResponse(id: request.id, ttl: lease.ttl.components.seconds)
        }
    }

    func leaseTimeToLive(_ request: LeaseTimeToLiveRequest) async throws(EtcdError) -> LeaseTimeToLiveResponse {
        throw EtcdError(.unimplemented, "not here")
    }

    func watch(
        _ request: WatchCreateRequest, onResponse: @escaping @Sendable (WatchResponse) async -> Void
    ) async throws(EtcdError) {
        let epoch = self.state.withLock { state in
            state.watches += 1
            return state.epoch
        }
        var next = request.startRevision == 0 ? self.revision + 1 : request.startRevision
        await onResponse(WatchResponse(header: self.state.withLock { $0.header }, created: true))
        while true {
            if Task.isCancelled { throw EtcdError(.canceled, "canceled") }
            let turn = self.state.withLock { $0.watchTurn(request, from: &next, epoch: epoch) }
            switch turn {
            case .broken: throw EtcdError(.unavailable, "connection lost")
            case .compacted(let revision):
                return await onResponse(WatchResponse(canceled: true, compactRevision: revision, cancelReason: "compacted"))
            case .events(let responses, let delay):
                for _ in 0..<delay { await Task.yield() }
                for response in responses { await onResponse(response) }
            case .nothing: await self.awaitChange(after: next, epoch: epoch)
            }
        }
    }

    private func awaitChange(after next: Int64, epoch: Int) async {
        let id = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumesNow = self.state.withLock { state -> Bool in
                    if Task.isCancelled || state.revision >= next || state.epoch != epoch { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if resumesNow { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}

extension FakeStore.State {
    enum WatchTurn {
        case broken
        case compacted(Int64)
        case events([WatchResponse], delay: Int)
        case nothing
    }

    var header: ResponseHeader { ResponseHeader(revision: self.revision) }

    mutating func watchTurn(_ request: WatchCreateRequest, from next: inout Int64, epoch: Int) -> WatchTurn {
        if self.epoch != epoch || self.random.chance(self.faults.droppedWatch) { return .broken }
        if next <= self.compacted { return .compacted(self.compacted) }
        guard next <= self.revision else { return .nothing }
        let from = next
        next = self.revision + 1
        let events = self.history.filter {
            $0.kv.modRevision >= from && Self.contains($0.kv.key, request.key, request.rangeEnd)
        }
        if events.isEmpty { return .nothing }
        let response = WatchResponse(header: self.header, events: events)
        let copies = self.random.chance(self.faults.duplicatedResponse) ? 2 : 1
        let delay = self.random.chance(self.faults.delayedResponse) ? Int.random(in: 1...30, using: &self.random) : 0
        return .events(Array(repeating: response, count: copies), delay: delay)
    }

    mutating func apply(_ operations: [RequestOp]) {
        let next = self.revision + 1
        var didChange = false
        for operation in operations {
            switch operation {
            case .put(let put):
                var stored = self.keys[put.key] ?? KeyValue(key: put.key, createRevision: next)
                stored.modRevision = next
                stored.version += 1
                (stored.value, stored.lease) = (put.value, put.lease)
                self.keys[put.key] = stored
                self.history.append(WatchEvent(type: .put, kv: stored))
                didChange = true
            case .deleteRange(let request):
                let doomed = self.keys.keys.filter { Self.contains($0, request.key, request.rangeEnd) }
                for key in doomed.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                    self.keys[key] = nil
                    self.history.append(WatchEvent(type: .delete, kv: KeyValue(key: key, modRevision: next)))
                    didChange = true
                }
            default: break
            }
        }
        if didChange {
            self.revision = next
            self.writes += 1
        }
    }

    mutating func end(_ lease: Int64) {
        self.leases[lease] = nil
        let doomed = self.keys.values.filter { $0.lease == lease }.map(\.key)
        self.apply(doomed.sorted { $0.lexicographicallyPrecedes($1) }.map { .deleteRange(DeleteRangeRequest(key: $0)) })
    }

    func range(_ request: RangeRequest) -> RangeResponse {
        var found = self.keys.values.filter { Self.contains($0.key, request.key, request.rangeEnd) }
        found.sort { $0.key.lexicographicallyPrecedes($1.key) }
        let limit = request.limit == 0 ? found.count : Int(request.limit)
        return RangeResponse(
            header: self.header, kvs: Array(found.prefix(limit)), more: found.count > limit, count: Int64(found.count))
    }

    func holds(_ compare: Compare) -> Bool {
        let stored = self.keys[compare.key]
        precondition(compare.result == .equal, "the fake compares for equality alone")
        return switch compare.operand {
        case .version(let version): (stored?.version ?? 0) == version
        case .createRevision(let revision): (stored?.createRevision ?? 0) == revision
        case .modRevision(let revision): (stored?.modRevision ?? 0) == revision
        default: preconditionFailure("the fake does not know \(compare.target)")
        }
    }

    static func contains(_ key: [UInt8], _ start: [UInt8], _ end: [UInt8]) -> Bool {
        if end.isEmpty { return key == start }
        return !key.lexicographicallyPrecedes(start) && (end == [0] || key.lexicographicallyPrecedes(end))
    }
}
