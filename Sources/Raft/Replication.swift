internal import EtcdWire

// What a leader sends, and what it makes of the answers.
extension RaftNode {
    /// Sends an append if the follower may be sent one; one without entries only if asked to.
    @discardableResult
    mutating func sendAppend(_ position: Int, evenIfEmpty: Bool = true) -> Bool {
        guard !self.tracker.members[position].isPaused else { return false }
        let next = self.tracker.members[position].next
        guard let term = self.log.term(at: next - 1) else { return self.sendSnapshot(position) }
        var entries: ArraySlice<RaftEntry> = []
        // With a full window, an empty one: should all that filled it be lost, its refusal empties it.
        if self.tracker.members[position].state != .replicate || !self.tracker.members[position].inflights.isFull {
            let end = self.log.lastIndex + 1
            if next < end {
                let found = self.log.entries(from: next, to: end, maxBytes: self.configuration.maxBytesPerMessage)
                guard let found else { return self.sendSnapshot(position) }
                entries = found
            }
        }
        guard evenIfEmpty || !entries.isEmpty else { return false }
        let (count, bytes) = (entries.count, entries.payloadSize)
        var message = RaftMessage(.append, to: self.tracker.members[position].id)
        (message.index, message.logTerm) = (next - 1, term)
        message.entries = entries
        message.commit = self.log.committed
        self.send(message)
        self.tracker.members[position].sent(entries: count, bytes: bytes)
        self.tracker.members[position].sent(commit: self.log.committed)
        return true
    }

    /// Sends a snapshot, for the entries to be sent next are gone. Not to a follower that is not heard of.
    private mutating func sendSnapshot(_ position: Int) -> Bool {
        guard self.tracker.members[position].isRecentlyActive, let snapshot = self.log.snapshot() else { return false }
        precondition(snapshot.metadata.index != 0, "the storage has let go of entries that are in no snapshot")
        self.tracker.members[position].becomeSnapshot(at: snapshot.metadata.index)
        var message = RaftMessage(.snapshot, to: self.tracker.members[position].id)
        message.snapshot = snapshot
        self.send(message)
        return true
    }

    mutating func broadcastAppend() {
        for position in self.tracker.members.indices where self.tracker.members[position].id != self.id {
            self.sendAppend(position)
        }
    }

    mutating func broadcastHeartbeat() {
        let context = self.reads.context
        for position in self.tracker.members.indices where self.tracker.members[position].id != self.id {
            // Never beyond what the follower is known to have.
            let commit = min(self.tracker.members[position].match, self.log.committed)
            var message = RaftMessage(.heartbeat, to: self.tracker.members[position].id)
            message.commit = commit
            message.context = context
            self.send(message)
            self.tracker.members[position].sent(commit: commit)
        }
    }

    /// Commits what a majority has; true if that is more than before. Only entries of this term are counted (thesis, 3.6.2).
    mutating func advanceCommit() -> Bool {
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .commitsWithoutMajority, self.log.lastIndex > self.log.committed {
                self.log.commit(to: self.log.lastIndex)
                return true
            }
        #endif
        let index = self.tracker.agreed(\.match)
        guard index > self.log.committed, self.log.matches(EntryID(term: self.term, index: index)) else { return false }
        self.log.commit(to: index)
        self.answerPostponedReads()
        return true
    }

    // MARK: Answers

    mutating func receiveAppendResponse(_ message: RaftMessage, _ position: Int) throws(RaftRefusal) {
        if !message.reject, message.index > self.log.lastIndex {
            throw RaftRefusal(
                .impossible("\(message.from) acknowledges entry \(message.index); the last is \(self.log.lastIndex)"))
        }
        self.tracker.members[position].isRecentlyActive = true
        if message.reject {
            self.receiveRejection(message, position)
        } else {
            self.receiveAcknowledgement(message, position)
        }
    }

    /// Goes back to where the logs may agree: not further than the refusal's hint, and past entries of this log whose terms
    /// are higher than any the follower has there.
    private mutating func receiveRejection(_ message: RaftMessage, _ position: Int) {
        var hint = message.rejectHint
        if message.logTerm > 0 { hint = self.log.conflict(before: min(hint, Self.highest), term: message.logTerm).index }
        guard self.tracker.members[position].reject(message.index, hint: min(hint, Self.highest)) else { return }
        if self.tracker.members[position].state == .replicate { self.tracker.members[position].becomeProbe() }
        self.sendAppend(position)
    }

    private mutating func receiveAcknowledgement(_ message: RaftMessage, _ position: Int) {
        let state = self.tracker.members[position].state
        let isNews = self.tracker.members[position].acknowledge(message.index)
        guard isNews || state == .probe && self.tracker.members[position].match == message.index else { return }
        switch state {
        case .probe: self.tracker.members[position].becomeReplicate()
        case .snapshot where self.tracker.members[position].match + 1 >= self.log.firstIndex:
            // Whatever snapshot the follower took in: the log continues it.
            self.tracker.members[position].becomeProbe()
            self.tracker.members[position].becomeReplicate()
        case .snapshot: break
        case .replicate: self.tracker.members[position].freeInflights(through: message.index)
        }
        if self.advanceCommit() {
            self.broadcastAppend()
        } else if message.from != self.id, self.tracker.members[position].canAdvanceCommit(to: self.log.committed) {
            self.sendAppend(position)
        }
        guard message.from != self.id else { return }
        // Room in the window, for more messages than one.
        while self.sendAppend(position, evenIfEmpty: false) {}
        if message.from == self.leadTransferee, self.tracker.members[position].match == self.log.lastIndex {
            self.send(RaftMessage(.timeoutNow, to: message.from))
        }
    }

    mutating func receiveHeartbeatResponse(_ message: RaftMessage, _ position: Int) {
        self.tracker.members[position].isRecentlyActive = true
        self.tracker.members[position].appendIsPaused = false
        let match = self.tracker.members[position].match
        if match < self.log.lastIndex || self.tracker.members[position].state == .probe { self.sendAppend(position) }
        self.receiveReadAcknowledgement(message, position)
    }
}
