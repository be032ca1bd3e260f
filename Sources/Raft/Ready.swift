public import EtcdWire

/// Who leads, and what this member is. Not to be stored.
public struct SoftState: Sendable, Hashable {
    public var leader: UInt64 = 0
    public var role = RaftStatus.Role.follower

    public init() {}

    public init(leader: UInt64, role: RaftStatus.Role) {
        (self.leader, self.role) = (leader, role)
    }
}

/// What a driver has to do. In this order, unless it writes asynchronously:
/// 1. send `messages`, at any time;
/// 2. store `snapshot`, `entries` and `hardState`, and if `mustSync`, make them durable;
/// 3. send `messagesAfterAppend`;
/// 4. apply `snapshot`, or `committedEntries`; a configuration change with ``RaftNode/applyConfChange(_:)-(ConfChange)``;
/// 5. call ``RaftNode/advance()``.
///
/// With `asyncStorageWrites`, 2 to 5 are in `storageAppend` and `storageApply`, which have responses. Messages to the same
/// storage are carried out in order, the two side by side. When one is done, and if it has responses durable, each response
/// is sent to its member, or handed to ``RaftNode/deliver(_:)`` if that is this one.
public struct Ready: Sendable {
    /// Nil when it is as before.
    public var softState: SoftState?
    /// To be stored; nil when it is as before.
    public var hardState: HardState?
    public var readStates: [ReadState] = []
    /// To be stored. They take the place of all that the log holds from the first one's index on.
    public var entries: ArraySlice<RaftEntry> = []
    /// To be stored, and taken as the state, before anything else.
    public var snapshot: RaftSnapshot?
    public var committedEntries: ArraySlice<RaftEntry> = []
    public var messages: [RaftMessage] = []
    public var messagesAfterAppend: [RaftMessage] = []
    /// Whether what is stored must be durable before anything rests on it. A commit index alone need not be.
    public var mustSync = false
    /// What to store, with asynchronous writes: `entries`, `snapshot`, and, unless its term is 0, a hard state.
    public var storageAppend: RaftMessage?
    /// What to apply, with asynchronous writes: `entries`.
    public var storageApply: RaftMessage?
}

extension RaftNode {
    var softState: SoftState { SoftState(leader: self.leader, role: self.role) }
    var hardState: HardState { HardState(term: self.term, vote: self.vote, commit: self.log.committed) }

    /// An entry may be committed by others before it is durable here. With synchronous writes it is stored before it is
    /// applied; with asynchronous ones it must wait.
    private var appliesUnstable: Bool { !self.configuration.asyncStorageWrites }

    /// Whether there is something to do.
    public var hasReady: Bool {
        !self.messages.isEmpty || !self.messagesAfterAppend.isEmpty || self.log.unstable.hasNextEntries
            || self.log.hasNextCommitted(unstable: self.appliesUnstable) || !self.readStates.isEmpty
            || self.softState != self.lastSoftState || self.hardState != self.lastHardState
            || self.log.unstable.nextSnapshot != nil
    }

    /// What is to be done now. It is handed out once, and the driver must do it.
    public mutating func ready() -> Ready {
        precondition(!self.awaitsAdvance, "ready() again before advance()")
        var ready = Ready()
        let (softState, hardState) = (self.softState, self.hardState)
        ready.entries = self.log.unstable.nextEntries()
        ready.committedEntries = self.log.nextCommitted(unstable: self.appliesUnstable)
        ready.snapshot = self.log.unstable.nextSnapshot
        ready.mustSync =
            !ready.entries.isEmpty || hardState.term != self.lastHardState.term || hardState.vote != self.lastHardState.vote
        if softState != self.lastSoftState {
            ready.softState = softState
            self.lastSoftState = softState
        }
        if hardState != self.lastHardState {
            ready.hardState = hardState
            self.lastHardState = hardState
        }
        swap(&ready.readStates, &self.readStates)
        swap(&ready.messages, &self.messages)
        var afterAppend: [RaftMessage] = []
        swap(&afterAppend, &self.messagesAfterAppend)
        if self.configuration.asyncStorageWrites {
            self.fillStorageMessages(&ready, afterAppend)
        } else {
            self.fillSteps(&ready, afterAppend)
        }
        self.log.unstable.acceptInProgress()
        if let last = ready.committedEntries.last {
            self.log.acceptApplying(
                to: last.index, bytes: ready.committedEntries.encodedSize, unstable: self.appliesUnstable)
        }
        return ready
    }

    /// Says that everything of the last ``ready()`` has been done.
    public mutating func advance() {
        precondition(self.awaitsAdvance, "advance() without ready(), or with asynchronous writes")
        self.awaitsAdvance = false
        var steps: [RaftMessage] = []
        swap(&steps, &self.stepsOnAdvance)
        for message in steps {
            self.receiveOwn(message)
        }
    }

    private mutating func fillSteps(_ ready: inout Ready, _ afterAppend: [RaftMessage]) {
        self.awaitsAdvance = true
        for message in afterAppend {
            if message.to == self.id {
                self.stepsOnAdvance.append(message)
            } else {
                ready.messagesAfterAppend.append(message)
            }
        }
        if let response = self.appendResponse(to: ready) { self.stepsOnAdvance.append(response) }
        if !ready.committedEntries.isEmpty { self.stepsOnAdvance.append(self.applyResponse(to: ready)) }
    }

    private func fillStorageMessages(_ ready: inout Ready, _ afterAppend: [RaftMessage]) {
        if !ready.entries.isEmpty || ready.hardState != nil || ready.snapshot != nil || !afterAppend.isEmpty {
            var message = RaftMessage(.storageAppend, to: Self.appendStorage, from: self.id)
            message.entries = ready.entries
            message.snapshot = ready.snapshot
            if let hardState = ready.hardState {
                (message.term, message.vote, message.commit) = (hardState.term, hardState.vote, hardState.commit)
            }
            message.responses = afterAppend
            // After the leader's own acknowledgement, which then finds the entries' terms still in memory.
            if let response = self.appendResponse(to: ready) { message.responses.append(response) }
            ready.storageAppend = message
        }
        if !ready.committedEntries.isEmpty {
            var message = RaftMessage(.storageApply, to: Self.applyStorage, from: self.id)
            message.entries = ready.committedEntries
            message.responses = [self.applyResponse(to: ready)]
            ready.storageApply = message
        }
    }

    /// What tells this member that all it has handed out up to now is durable.
    ///
    /// An entry may be replaced, and come back, while writes of it are on their way (the log of A, then of B, then of A
    /// again). The response therefore counts in its own term only: in a later one, another write could still be under way
    /// that overwrites what the response speaks of. So that entries of an earlier term are let go of too, every response names
    /// the last entry of all, not the last of this write.
    private func appendResponse(to ready: Ready) -> RaftMessage? {
        guard !self.log.unstable.isEmpty || ready.snapshot != nil else { return nil }
        var message = RaftMessage(.storageAppendResponse, to: self.id, from: Self.appendStorage, term: self.term)
        if !self.log.unstable.isEmpty {
            let last = self.log.last
            (message.index, message.logTerm) = (last.index, last.term)
        }
        message.snapshot = ready.snapshot
        return message
    }

    private func applyResponse(to ready: Ready) -> RaftMessage {
        var message = RaftMessage(.storageApplyResponse, to: self.id, from: Self.applyStorage)
        message.entries = ready.committedEntries
        return message
    }
}
