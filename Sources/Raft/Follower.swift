internal import EtcdWire

// What a follower does with what its leader says.
extension RaftNode {
    mutating func receiveFromLeader(_ message: RaftMessage) throws(RaftRefusal) {
        switch message.kind {
        case .append: self.receiveAppend(message)
        case .heartbeat: try self.receiveHeartbeat(message)
        case .snapshot: self.receiveSnapshot(message)
        default: preconditionFailure("\(message.kind) is nothing a leader says")
        }
    }

    private mutating func receiveAppend(_ message: RaftMessage) {
        var response = RaftMessage(.appendResponse, to: message.from)
        if message.index < self.log.committed {
            response.index = self.log.committed
            return self.send(response)
        }
        guard self.log.matches(EntryID(term: message.logTerm, index: message.index)) else {
            // The latest place where the logs can agree: the leader has nothing of a higher term up to there.
            let hint = self.log.conflict(before: min(message.index, self.log.lastIndex), term: message.logTerm)
            response.index = message.index
            response.reject = true
            (response.rejectHint, response.logTerm) = (hint.index, hint.term)
            return self.send(response)
        }
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .replacesWhatItHas { self.log.append(message.entries) }
        #endif
        // All of them are after what is committed, so none that is can be replaced.
        if let conflict = self.log.conflict(with: message.entries) {
            self.log.append(message.entries.dropFirst(Int(conflict - message.index - 1)))
        }
        let last = message.index + UInt64(message.entries.count)
        self.log.commit(to: min(message.commit, last))
        response.index = last
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .acknowledgesMoreThanItHas { response.index = message.index + 2 }
        #endif
        self.send(response)
    }

    private mutating func receiveHeartbeat(_ message: RaftMessage) throws(RaftRefusal) {
        guard message.commit <= self.log.lastIndex else {
            // The leader only names what this member has acknowledged.
            throw RaftRefusal(
                .impossible("commit \(message.commit) after the log's last entry, \(self.log.lastIndex): is the log lost?"))
        }
        self.log.commit(to: message.commit)
        var response = RaftMessage(.heartbeatResponse, to: message.from)
        response.context = message.context
        self.send(response)
    }

    private mutating func receiveSnapshot(_ message: RaftMessage) {
        if self.log.applying > self.log.applied, let index = message.snapshot?.metadata.index, index > self.log.committed {
            // The configuration goes over to the snapshot's at once. Changes from before it that are still being applied
            // would be made to that one.
            (self.heldSnapshot, self.log.isHeld) = (message, true)
            return
        }
        var response = RaftMessage(.appendResponse, to: message.from)
        let isRestored = self.restore(message.snapshot ?? RaftSnapshot())
        response.index = isRestored ? self.log.lastIndex : self.log.committed
        self.send(response)
    }

    /// For when entries have been applied.
    mutating func receiveHeldSnapshot() {
        guard let message = self.heldSnapshot, self.log.applying == self.log.applied else { return }
        (self.heldSnapshot, self.log.isHeld) = (nil, false)
        guard self.role == .follower, message.term == self.term else { return }
        self.receiveSnapshot(message)
    }

    /// Takes the log and the configuration from a snapshot; false if there is nothing in it for this member.
    private mutating func restore(_ snapshot: RaftSnapshot) -> Bool {
        let metadata = snapshot.metadata
        let state = metadata.confState
        guard metadata.index > self.log.committed else { return false }
        guard [state.voters, state.learners, state.votersOutgoing].contains(where: { $0.contains(self.id) }) else {
            return false
        }
        if self.log.matches(EntryID(term: metadata.term, index: metadata.index)) {
            // All of it is in the log already.
            self.log.commit(to: metadata.index)
            return false
        }
        let changer = ConfChanger(tracker: self.tracker, lastIndex: metadata.index)
        // A configuration that is none has been refused before.
        guard let tracker = try? changer.restoring(state) else { return false }
        self.log.restore(snapshot)
        self.switchTo(tracker)
        return true
    }
}
