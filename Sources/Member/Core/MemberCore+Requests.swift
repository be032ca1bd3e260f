internal import EtcdWire
internal import Platform
internal import Raft
internal import Store

extension MemberCore {
    /// How long a request may take: etcd's 5 s for a slow disk, and two elections.
    var requestTimeout: Duration { .seconds(5) + self.configuration.electionTimeout * 2 }

    mutating func take(_ event: Event) {
        switch event {
        case .call(let caller, let request): self.take(caller, request)
        case .probe(let caller, let isSerializable):
            let range = RangeRequest(key: [0], limit: 1, serializable: isSerializable, keysOnly: true)
            self.read(caller, .range(range), isLocal: isSerializable)
        case .cancelled: break
        case .watchOpened(let stream): self.watches.open(stream)
        case .watch(let stream, let request):
            var messages: [WatchStreams.Message] = []
            self.withWatches { watches, store in messages = watches.receive(request, on: stream, &store) }
            self.effects.watches += messages
        case .watchClosed(let stream): self.withWatches { $0.close(stream, &$1) }
        case .watchPaused(let stream): self.withWatches { $0.pause(stream, &$1) }
        case .watchResumed(let stream): self.withWatches { $0.resume(stream, &$1) }
        case .keepAlive(let stream, let request):
            if !self.isLeader, self.leader != 0 { return self.effects.forwards.append(.keepAlive(stream, request)) }
            self.reads.add(.keepAlive(stream, request), until: self.uptime + self.requestTimeout)
        case .message(let message):
            // What is refused came from a peer that is wrong; it does no harm, and the peer is not told.
            try? self.raft.step(message)
        case .unreachable(let id): self.raft.reportUnreachable(id)
        case .snapshotSent(let id, let succeeded): self.raft.reportSnapshot(id, succeeded: succeeded)
        case .versions(let versions): self.agreeOnVersion(versions)
        }
    }

    private mutating func answer(_ caller: Caller, _ answer: Answer) {
        self.effects.answers.append((caller, answer))
    }

    private mutating func take(_ caller: Caller, _ request: ClientRequest) {
        if self.isLearner, !request.isServedByLearner { return self.answer(caller, .failure(.notSupportedForLearner)) }
        switch request {
        case .range(let range):
            if let error = self.invalid(.range(range)) { return self.answer(caller, .failure(error)) }
            self.read(caller, request, isLocal: range.serializable)
        case .txn(let txn) where Store.isReadOnly(txn):
            if let error = self.invalid(.txn(txn)) { return self.answer(caller, .failure(error)) }
            self.read(caller, request, isLocal: txn.isSerializable)
        case .put(let put): self.propose(caller, .put(put))
        case .deleteRange(let delete): self.propose(caller, .deleteRange(delete))
        case .txn(let txn): self.propose(caller, .txn(txn))
        case .compact(let compaction): self.propose(caller, .compaction(compaction))
        case .leaseGrant(var grant):
            if grant.id == 0 { grant.id = self.freeLeaseID() }
            self.propose(caller, .leaseGrant(grant))
        case .leaseRevoke(let revoke): self.propose(caller, .leaseRevoke(revoke))
        case .alarm(let alarm) where alarm.action != .get: self.propose(caller, .alarm(alarm))
        case .memberList(let list): self.read(caller, request, isLocal: !list.linearizable)
        case .leaseTimeToLive(let ask):
            // The leader alone knows when a lease was last renewed.
            if self.isLeader { return self.read(caller, request, isLocal: false) }
            self.forward(.timeToLive(caller, ask), caller)
        case .memberAdd(let add): self.addMember(caller, add)
        case .memberRemove(let remove): self.removeMember(caller, remove.id)
        case .memberUpdate(let update): self.updateMember(caller, update)
        case .memberPromote(let promote): self.promoteMember(caller, promote.id)
        case .moveLeader(let move): self.moveLeader(caller, to: move.targetID)
        case .downgrade(let downgrade): self.askForDowngrade(caller, downgrade)
        case .alarm, .status, .defragment, .hash, .hashKV, .leaseLeases: self.answer(caller, self.answerNow(request))
        }
    }

    private func invalid(_ operation: InternalRaftRequest.Operation) -> StoreError? {
        do throws(StoreError) {
            try self.store.validate(operation)
            return nil
        } catch {
            return error
        }
    }

    mutating func forward(_ forward: Forward, _ caller: Caller) {
        guard self.leader != 0 else { return self.answer(caller, .failure(.noLeader)) }
        self.effects.forwards.append(forward)
    }

    private mutating func read(_ caller: Caller, _ request: ClientRequest, isLocal: Bool) {
        if isLocal { return self.answer(caller, self.answerNow(request)) }
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .readsLocally { return self.answer(caller, self.answerNow(request)) }
        #endif
        self.reads.add(.call(caller, request), until: self.uptime + self.requestTimeout)
    }

    // MARK: Proposals

    mutating func propose(
        _ caller: Caller, _ operation: InternalRaftRequest.Operation, _ kind: Proposals<Caller>.Kind = .request
    ) {
        if let error = self.overQuota(operation) ?? self.invalid(operation) { return self.answer(caller, .failure(error)) }
        let id = self.proposals.add(caller, kind, until: self.uptime + self.requestTimeout)
        let data = InternalRaftRequest(operation: operation, header: RequestHeader(id: id)).encoded()
        guard data.count <= self.configuration.maximumRequestBytes else {
            _ = self.proposals.take(id)
            return self.answer(caller, .failure(.requestTooLarge))
        }
        self.batch.append(data.trimmed)
    }

    /// Proposes what nobody waits for.
    mutating func propose(_ operation: InternalRaftRequest.Operation) {
        let header = RequestHeader(id: self.proposals.makeID())
        self.batch.append(InternalRaftRequest(operation: operation, header: header).encoded())
    }

    /// All proposals of a turn at once. Without a leader they are dropped here and time out at their clients, as in etcd:
    /// whether a leader that is gone had them is not known to anyone.
    mutating func proposeBatch() {
        guard !self.batch.isEmpty else { return }
        try? self.raft.propose(self.batch)
        self.batch.removeAll(keepingCapacity: true)
    }

    /// A request that would make a full database larger raises the alarm instead.
    private mutating func overQuota(_ operation: InternalRaftRequest.Operation) -> StoreError? {
        let cost: Int
        switch operation {
        case .put(let put): cost = put.cost
        case .txn(let txn): cost = txn.cost
        case .leaseGrant: cost = 64
        default: return nil
        }
        guard self.files.sizeBytes + Int64(cost) > self.files.quotaBytes else { return nil }
        self.propose(
            .alarm(AlarmRequest(action: .activate, memberID: self.identity.memberID, alarm: .noSpace)))
        return .noSpace
    }

    private mutating func freeLeaseID() -> Int64 {
        // Ids of a member never repeat, so neither do these.
        Int64(bitPattern: self.proposals.makeID() & UInt64(Int64.max))
    }

    /// As the leader: ends the leases whose time is over. A proposal may be lost, as while leadership is handed over: it is
    /// made again, after as long as etcd waits (its `defaultExpiredleaseRetryInterval`).
    mutating func revokeExpired() {
        for lease in self.store.expiredLeases(uptime: self.uptime, limit: 500) {
            let last = self.revoking[lease]
            if let last, last > self.uptime { continue }
            if last == nil { self.counts.expiredLeases += 1 }
            self.revoking[lease] = self.uptime + .seconds(3)
            self.propose(.leaseRevoke(LeaseRevokeRequest(id: lease)))
        }
    }

    // MARK: Reads

    mutating func askForReads() {
        guard self.leader != 0, let context = self.reads.question(at: self.uptime) else { return }
        self.raft.readIndex(context: context)
    }

    mutating func answerReads() {
        for read in self.reads.take(applied: self.store.appliedIndex) {
            switch read {
            case .call(let caller, .downgrade(let request)): self.downgrade(caller, request)
            case .call(let caller, let request): self.answer(caller, self.answerNow(request))
            case .keepAlive(let stream, let request):
                let (answer, uptime) = (self.isLeader, self.uptime)
                guard answer else {
                    self.refuse(read, .notLeader)
                    continue
                }
                let response = self.withStore { $0.leaseKeepAlive(request, uptime: uptime) }
                self.effects.keepAlives.append((stream, .success(response)))
            }
        }
    }

    mutating func refuse(_ read: Reads<Caller>.Read, _ error: StoreError) {
        switch read {
        case .call(let caller, _): self.answer(caller, .failure(error))
        case .keepAlive(let stream, _): self.effects.keepAlives.append((stream, .failure(error)))
        }
    }
}

extension ClientRequest {
    fileprivate var isServedByLearner: Bool {
        switch self {
        case .range(let range): range.serializable
        case .status: true
        default: false
        }
    }
}

extension EntryContent {
    /// Whether the entry may change who is in the cluster, or what all of them can do.
    var changesMembers: Bool {
        switch self {
        case .nothing: false
        case .confChange, .confChangeV2, .v2: true
        case .request(let request):
            switch request.operation {
            case .clusterVersionSet, .clusterMemberAttrSet: true
            default: false
            }
        }
    }

    /// Under which whoever proposed the entry waits for it; 0 when nobody does.
    var waiterID: UInt64 {
        switch self {
        case .nothing, .confChangeV2: 0
        case .request(let request): request.id != 0 ? request.id : request.header?.id ?? 0
        case .v2(let request): request.id
        case .confChange(let change): change.id
        }
    }
}

extension PutRequest {
    /// What etcd reckons a put to add to a database.
    fileprivate var cost: Int { self.key.count + self.value.count + 256 }
}

extension [UInt8] {
    /// What stays in the log for long gives up the room that it was written in, where that is much.
    fileprivate var trimmed: [UInt8] {
        guard self.capacity - self.count > 4096 else { return self }
        var exact: [UInt8] = []
        exact.reserveCapacity(self.count)
        exact.append(contentsOf: self)
        return exact
    }
}

extension TxnRequest {
    fileprivate var cost: Int {
        func cost(_ operations: [RequestOp]) -> Int {
            operations.reduce(0) { if case .put(let put) = $1 { $0 + put.cost } else { $0 } }
        }
        return max(cost(self.success), cost(self.failure))
    }

    /// Whether every range may be answered from what this member has.
    fileprivate var isSerializable: Bool {
        (self.success + self.failure).allSatisfy { operation in
            switch operation {
            case .range(let range): range.serializable
            case .txn(let txn): txn.isSerializable
            case .put, .deleteRange: false
            }
        }
    }
}

extension StoreError {
    private static func unavailable(_ message: String) -> StoreError {
        StoreError(code: 14, message: "etcdserver: \(message)")
    }

    static let timedOut = Self.unavailable("request timed out")
    static let noLeader = Self.unavailable("no leader")
    static let unhealthy = Self.unavailable("unhealthy cluster")
    static let notSupportedForLearner = Self.unavailable("rpc not supported for learner")
    static let notLeader = StoreError(code: 9, message: "etcdserver: not leader")
    static let badLeaderTransferee = StoreError(code: 9, message: "etcdserver: bad leader transferee")
    /// etcd has no code of its own for it.
    static let leaderMoveTimedOut = StoreError(
        code: 2, message: "etcdserver: request timed out, leader transfer took too long")
    static let learnerNotReady = StoreError(
        code: 9, message: "etcdserver: can only promote a learner member which is in sync with leader")
    static let notEnoughStarted = StoreError(
        code: 9, message: "etcdserver: re-configuration failed due to not enough started members")
    static let badPeerURLs = StoreError(code: 3, message: "etcdserver: given member URLs are invalid")
}
