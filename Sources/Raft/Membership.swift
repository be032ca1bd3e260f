public import EtcdWire

extension RaftNode {
    /// Makes a change that has been committed, when its entry is applied. One that was found void is left out.
    @discardableResult
    public mutating func applyConfChange(_ change: ConfChange) throws(ConfChangeRefused) -> ConfState {
        try self.applyConfChange(ConfChangeV2(change))
    }

    /// Makes changes that have been committed, when their entry is applied.
    ///
    /// - Throws: When the change cannot be made, which a leader does not let happen unless it does not validate.
    @discardableResult
    public mutating func applyConfChange(_ change: ConfChangeV2) throws(ConfChangeRefused) -> ConfState {
        let tracker = try ConfChanger(tracker: self.tracker, lastIndex: self.log.lastIndex).applying(change)
        self.switchTo(tracker)
        return self.tracker.configuration
    }

    mutating func switchTo(_ tracker: Tracker) {
        self.tracker = tracker
        guard self.role == .leader else { return }
        let own = self.tracker.position(self.id).map { self.tracker.members[$0] }
        guard let own, !own.isLearner else {
            if self.configuration.stepDownOnRemoval { self.becomeFollower(term: self.term, leader: 0) }
            return
        }
        if self.advanceCommit() {
            // A smaller quorum may have enough already.
            self.broadcastAppend()
        } else {
            // New members need not wait for the next heartbeat.
            for position in self.tracker.members.indices where self.tracker.members[position].id != self.id {
                self.sendAppend(position, evenIfEmpty: false)
            }
        }
        if self.leadTransferee != 0, !self.tracker.isVoter(self.leadTransferee) { self.leadTransferee = 0 }
    }

    mutating func applied(to index: UInt64, bytes: UInt64) {
        let index = max(index, self.log.applied)
        self.log.applied(to: index, bytes: bytes)
        guard self.tracker.configuration.autoLeave, index >= self.pendingConfIndex, self.role == .leader else { return }
        // No data: never too much to be taken. If the leader is handing over, the next one does it, or this one later.
        try? self.propose([RaftEntry(kind: .confChangeV2, term: 0, index: 0, data: [])], from: self.id)
    }

    mutating func appliedSnapshot(_ snapshot: RaftSnapshot) {
        self.log.unstable.stableSnapshot(at: snapshot.metadata.index)
        self.applied(to: snapshot.metadata.index, bytes: 0)
    }

    /// A peer to which a message could not be sent: it is probed before more is sent ahead.
    public mutating func reportUnreachable(_ id: UInt64) {
        guard self.role == .leader, let position = self.tracker.position(id) else { return }
        if self.tracker.members[position].state == .replicate { self.tracker.members[position].becomeProbe() }
    }

    /// How the sending of a snapshot ended. Must be called for each.
    public mutating func reportSnapshot(_ id: UInt64, succeeded: Bool) {
        guard self.role == .leader, let position = self.tracker.position(id),
            self.tracker.members[position].state == .snapshot
        else { return }
        if !succeeded { self.tracker.members[position].snapshotFailed() }
        self.tracker.members[position].becomeProbe()
        // Until the follower answers that it took the snapshot in, or, when it failed, to a heartbeat.
        self.tracker.members[position].appendIsPaused = true
    }
}
