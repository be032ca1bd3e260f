package import Bolt
package import EtcdWire
package import Platform
package import Raft
package import Store
internal import WriteAheadLog

/// One member of a cluster, without its network, clock and threads: consensus, log, store and watches as a synchronous
/// machine. What happened goes in by ``turn(_:uptime:now:send:)``, what is to be done comes out; files go through `Disk`. So
/// the same machine serves clients and runs in a simulation.
///
/// A turn takes all that is waiting. Its proposals are one write and one sync of the log, whatever their number; nothing is
/// answered before that, and nobody is told of an entry before it is committed.
package struct MemberCore<Caller: Hashable & Sendable>: ~Copyable {
    package typealias Answer = Result<ClientResponse, StoreError>

    /// What happened.
    package enum Event: Sendable {
        case call(Caller, ClientRequest)
        /// A read that asks only whether reads are answered, of learners too.
        case probe(Caller, isSerializable: Bool)
        /// Nobody waits for the answer any more.
        case cancelled(Caller)
        case watchOpened(StreamID)
        case watch(StreamID, WatchRequest)
        case watchClosed(StreamID)
        /// The client of a watch stream does not keep up, or does again.
        case watchPaused(StreamID)
        case watchResumed(StreamID)
        case keepAlive(StreamID, LeaseKeepAliveRequest)
        /// From a peer.
        case message(RaftMessage)
        case unreachable(UInt64)
        case snapshotSent(UInt64, succeeded: Bool)
        /// What each other member says its release is; nil where it does not answer.
        case versions([UInt64: String?])
    }

    /// What only the leader can answer, and this member is not it.
    package enum Forward: Sendable {
        case keepAlive(StreamID, LeaseKeepAliveRequest)
        case timeToLive(Caller, LeaseTimeToLiveRequest)
        case promote(Caller, UInt64)
    }

    /// What is to be done about it.
    package struct Effects {
        package var answers: [(caller: Caller, answer: Answer)] = []
        package var watches: [WatchStreams.Message] = []
        package var keepAlives: [(stream: StreamID, answer: Result<LeaseKeepAliveResponse, StoreError>)] = []
        /// Databases to be sent to peers that are too far behind. How each ended is to be told.
        package var snapshots: [SnapshotTransfer] = []
        /// To be asked of the leader.
        package var forwards: [Forward] = []
        /// Who is in the cluster, or where, or what the cluster's version is, has changed.
        package var hasNewMembers = false
        /// The member is removed from its cluster, and must end.
        package var isRemoved = false
    }

    package let configuration: MemberConfiguration
    package let identity: MemberIdentity
    package private(set) var store: Store
    package var raft: RaftNode
    /// What raft reads back: the log's newest part.
    let storage: MemoryStorage
    private(set) var files: MemberFiles
    var proposals: Proposals<Caller>
    var reads: Reads<Caller>
    /// The oldest first.
    var moves: [LeaderMove<Caller>] = []
    var watches: WatchStreams
    var effects = Effects()
    /// Leases whose end has been proposed and not applied yet, and from when on it is to be proposed again. Looked up only.
    var revoking: [Int64: Duration] = [:]
    /// The data of entries to be proposed in this turn.
    var batch: [[UInt8]] = []
    var uptime: Duration
    var now = Timestamp(seconds: 0)
    private var lastTick: Duration
    /// When this member last told the cluster its name, or the cluster its version.
    var lastPublication: Duration?
    private var wasLeader = false
    /// Who led when someone last did.
    private var lastLeader: UInt64 = 0
    var counts = MemberCounts()
    private var compactor: AutoCompactor
    /// Why the member cannot go on, where that was met while a request was answered.
    var failure: MemberError?

    package init(_ parts: consuming MemberParts, _ configuration: MemberConfiguration, uptime: Duration) {
        self.configuration = configuration
        (self.identity, self.files, self.storage) = (parts.identity, parts.files, parts.storage)
        self.raft = parts.raft
        self.store = parts.store
        #if QUORATE_PLANTED_BUGS
            let start = configuration.bug == .repeatsRequestIDs ? 0 : parts.firstRequestID
            self.proposals = Proposals(memberID: parts.identity.memberID, start: start)
        #else
            self.proposals = Proposals(memberID: parts.identity.memberID, start: parts.firstRequestID)
        #endif
        self.reads = Reads(start: parts.firstRequestID)
        self.watches = WatchStreams(
            progressInterval: configuration.watchProgressInterval,
            fragmentBytes: configuration.maximumRequestBytes + 512 << 10)
        self.compactor = AutoCompactor(configuration.autoCompaction, uptime: uptime)
        (self.uptime, self.lastTick) = (uptime, uptime)
    }

    package var isLeader: Bool { self.raft.role == .leader }
    /// Who leads; 0 for no one.
    package var leader: UInt64 { self.raft.leader }

    /// Takes what has happened, and does all that follows from it.
    ///
    /// - Parameters:
    ///   - uptime: Time since some fixed point, never less than before.
    ///   - now: The date, for the ids of new members alone.
    ///   - send: Takes messages to peers; called before the disk is waited for where that is safe.
    /// - Throws: When the disk failed, or what it holds makes no sense: the member must end, and nothing that it has not
    ///   answered yet may be.
    package mutating func turn(
        _ events: [Event], uptime: Duration, now: Timestamp, send: ([RaftMessage]) -> Void
    ) throws(MemberError) -> Effects {
        (self.uptime, self.now) = (uptime, now)
        let hasTicked = self.takeTime()
        for event in events {
            self.take(event)
            if let failure { throw failure }
        }
        // Just before it is proposed: a leader that is none any more would hand it to the new one, which has renewed the lease.
        // Nor by one so new that it has not renewed any yet.
        if hasTicked, self.isLeader, self.wasLeader { self.revokeExpired() }
        self.proposeBatch()
        self.askForReads()
        try self.settle(send)
        self.answerReads()
        self.answerMoves()
        if let failure { throw failure }
        try self.tellWatches()
        try self.keepHouse()
        var effects = Effects()
        swap(&effects, &self.effects)
        return effects
    }

    /// Whether there is something left to do while nothing happens.
    package var hasWork: Bool { self.store.hasWatchResponses || self.store.isCompacting || self.raft.hasReady }

    // MARK: Time

    /// - Returns: Whether a tick has passed.
    private mutating func takeTime() -> Bool {
        let interval = self.configuration.heartbeatInterval
        var ticks = 0
        // A member that was asleep does not catch up by more than one election.
        while self.uptime - self.lastTick >= interval {
            self.lastTick = ticks < 10 ? self.lastTick + interval : self.uptime
            self.raft.tick()
            ticks += 1
        }
        guard ticks > 0 else { return false }
        self.proposals.expire(at: self.uptime) {
            self.effects.answers.append(($0, .failure(.timedOut)))
            self.counts.failedProposals += 1
        }
        for read in self.reads.expire(at: self.uptime) {
            self.refuse(read, .timedOut)
            self.counts.failedReads += 1
        }
        if let revision = self.compactor.due(at: self.uptime, revision: self.store.revision, isLeader: self.isLeader) {
            self.propose(.compaction(CompactionRequest(revision: revision)))
        }
        self.publish()
        for message in self.watches.tick(self.store, uptime: self.uptime) { self.effects.watches.append(message) }
        return true
    }

    // MARK: Consensus

    /// Does all that raft has to be done, and what comes of that, until there is no more.
    private mutating func settle(_ send: ([RaftMessage]) -> Void) throws(MemberError) {
        while self.raft.hasReady {
            let ready = self.raft.ready()
            try self.post(ready.messages, send)
            #if QUORATE_PLANTED_BUGS
                if self.configuration.bug == .answersBeforeSync { try self.post(ready.messagesAfterAppend, send) }
            #endif
            if let snapshot = ready.snapshot { try self.files.save(snapshot) }
            if !ready.entries.isEmpty || ready.hardState != nil {
                #if QUORATE_PLANTED_BUGS
                    try self.files.append(ready.entries, self.spoiled(ready.hardState))
                #else
                    try self.files.append(ready.entries, ready.hardState)
                #endif
                if ready.snapshot == nil { self.storage.append(ready.entries) }
                if let state = ready.hardState { self.storage.hardState = state }
            }
            if let snapshot = ready.snapshot {
                try self.install(snapshot)
                self.storage.append(ready.entries)
            }
            try self.post(ready.messagesAfterAppend, send)
            for state in ready.readStates { self.reads.settle(state) }
            for entry in ready.committedEntries { try self.apply(entry) }
            self.raft.advance()
            self.noteLeadership()
        }
    }

    /// A new leader does not know which leases were renewed: it gives each its whole time again.
    private mutating func noteLeadership() {
        if self.leader != 0, self.leader != self.lastLeader {
            self.lastLeader = self.leader
            self.counts.leaderChanges += 1
        }
        guard self.isLeader != self.wasLeader else { return }
        self.wasLeader = self.isLeader
        self.revoking = [:]
        if self.isLeader { self.store.renewLeases(uptime: self.uptime + self.configuration.electionTimeout) }
    }

    /// Messages go out as they are, but for snapshots: with those goes the database as it is now.
    private mutating func post(_ messages: [RaftMessage], _ send: ([RaftMessage]) -> Void) throws(MemberError) {
        guard !messages.isEmpty else { return }
        guard messages.contains(where: { $0.kind == .snapshot }) else { return send(messages) }
        send(messages.filter { $0.kind != .snapshot })
        for message in messages where message.kind == .snapshot {
            var message = message
            let metadata = RaftSnapshotMetadata(
                confState: self.store.confState, index: self.store.appliedIndex, term: self.store.appliedTerm)
            message.snapshot = RaftSnapshot(data: self.store.v2Membership().json(), metadata: metadata)
            do throws(StoreError) {
                self.effects.snapshots.append(SnapshotTransfer(message: message, database: try self.snapshot()))
            } catch {
                throw MemberError(.corrupt, error.message)
            }
        }
    }

    /// Takes a leader's state for this member's own: its database has come, and is durable, before the message did. Watches
    /// go on where they were.
    private mutating func install(_ snapshot: RaftSnapshot) throws(MemberError) {
        let backend = try self.files.install(snapshot)
        self.storage.apply(snapshot)
        var store = try MemberParts.store(backend, self.identity, self.configuration, self.uptime)
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug != .watchesLostWithSnapshot { store.adoptWatches(of: &self.store) }
        #else
            store.adoptWatches(of: &self.store)
        #endif
        self.store = store
        self.revoking = [:]
        self.effects.hasNewMembers = true
        guard self.store.appliedIndex == snapshot.metadata.index else {
            throw MemberError(
                .corrupt,
                "the database that came with the snapshot at index \(snapshot.metadata.index) is of index "
                    + "\(self.store.appliedIndex)")
        }
    }

    private mutating func apply(_ entry: RaftEntry) throws(MemberError) {
        let content: EntryContent
        do throws(WireError) { content = try EntryContent(entry) } catch {
            throw MemberError(.corrupt, "the log entry at index \(entry.index) makes no sense: \(error)")
        }
        self.files.noteApplied(entry)
        let wasApplied = entry.index <= self.store.appliedIndex
        let result = self.store.apply(entry, content, uptime: self.uptime)
        if case .failure(let error) = result, error.isFatal { throw MemberError(.corrupt, error.message) }
        if case .confChange(let change) = content { try self.configure(change, isVoid: !wasApplied && result.isFailure) }
        guard !wasApplied else { return }
        if content.changesMembers { self.effects.hasNewMembers = true }
        if case .request(let request) = content, case .leaseRevoke(let revoke) = request.operation {
            self.revoking[revoke.id] = nil
        }
        guard let waiter = self.proposals.take(content.waiterID) else { return }
        self.effects.answers.append((waiter.caller, self.answer(to: waiter.kind, result)))
    }

    /// A change of members that made no sense when its turn came changes nothing here either.
    private mutating func configure(_ change: ConfChange, isVoid: Bool) throws(MemberError) {
        guard !isVoid else { return }
        do throws(ConfChangeRefused) {
            try self.raft.applyConfChange(change)
        } catch {
            throw MemberError(.corrupt, "the log changes members as cannot be: \(error)")
        }
        if change.kind == .removeNode, change.nodeID == self.identity.memberID { self.effects.isRemoved = true }
    }

    // MARK: Watches, files

    private mutating func tellWatches() throws(MemberError) {
        guard self.store.hasWatchResponses else { return }
        do throws(StoreError) {
            self.effects.watches += try self.watches.take(&self.store)
        } catch {
            throw MemberError(.corrupt, error.message)
        }
    }

    private mutating func keepHouse() throws(MemberError) {
        do throws(StoreError) {
            if self.store.isCompacting { try self.store.compactionStep(limit: 2000) }
        } catch {
            throw MemberError(.corrupt, error.message)
        }
        // After a start the store may be ahead of raft, which goes through the log once more.
        let isInStep = self.raft.applied >= self.store.appliedIndex
        if isInStep, self.files.wantsSnapshot(self.store.appliedIndex, self.configuration) {
            try self.files.snapshot(self.store, self.storage, self.configuration)
        } else {
            try self.files.commitIfDue(self.store, uptime: self.uptime)
        }
    }

    /// The database as it stands now, with all that was applied, to be read while the member goes on.
    package mutating func snapshot() throws(StoreError) -> BoltReadTransaction {
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .sendsOldDatabase { return try self.files.backend.snapshot() }
        #endif
        try self.store.prepareCommit()
        try self.files.backend.commit()
        return try self.files.backend.snapshot()
    }

    /// Ends the member in order.
    package consuming func close() throws(MemberError) {
        try self.files.commit(self.store, uptime: self.uptime)
        try self.files.close()
    }

    /// Changes of the store that are of this member alone, such as renewals and watches.
    mutating func withStore<Value>(_ body: (inout Store) -> Value) -> Value { body(&self.store) }

    mutating func withWatches(_ body: (inout WatchStreams, inout Store) -> Void) { body(&self.watches, &self.store) }
}

#if QUORATE_PLANTED_BUGS
    extension MemberCore {
        fileprivate func spoiled(_ state: HardState?) -> HardState? {
            switch self.configuration.bug {
            case .forgetsHardState: nil
            case .forgetsVote: state.map { HardState(term: $0.term, vote: 0, commit: $0.commit) }
            default: state
            }
        }
    }
#endif

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
}

/// A database on its way to a peer, with the message that it belongs to.
package struct SnapshotTransfer: Sendable {
    /// Of kind `snapshot`; its `to` is the peer.
    package var message: RaftMessage
    /// To be closed when it is sent.
    package var database: BoltReadTransaction

    /// The whole of the database's file. Closes it.
    package func readAll() -> [UInt8] {
        defer { self.database.close() }
        return self.database.image(at: 0, count: Int(self.database.imageBytes))
    }
}
