public import EtcdWire

extension RaftNode {
    /// Takes a message that came over the network. A message that is out of date does nothing.
    ///
    /// - Throws: What is not to be taken from a peer, and a forwarded proposal that is dropped.
    public mutating func step(_ message: RaftMessage) throws(RaftRefusal) {
        try self.admit(message)
        try self.receive(message)
    }

    /// Takes a response of the storage to this member, from a ``RaftMessage/Kind/storageAppend`` or
    /// ``RaftMessage/Kind/storageApply`` that has been carried out.
    public mutating func deliver(_ response: RaftMessage) {
        precondition(response.to == self.id, "a response to \(response.to) is to be sent, not delivered here")
        switch response.kind {
        case .storageAppendResponse, .storageApplyResponse, .appendResponse, .voteResponse, .preVoteResponse: break
        default: preconditionFailure("\(response.kind) is no response of the storage")
        }
        self.receiveOwn(response)
    }

    mutating func receiveOwn(_ message: RaftMessage) {
        do {
            try self.receive(message)
        } catch {
            preconditionFailure("a message to oneself was refused: \(error)")
        }
    }

    // MARK: What a peer may say

    private func admit(_ message: RaftMessage) throws(RaftRefusal) {
        switch message.kind {
        case .hup, .beat, .unreachable, .snapshotStatus, .checkQuorum, .forgetLeader, .storageAppend, .storageAppendResponse,
            .storageApply, .storageApplyResponse:
            throw RaftRefusal(.localMessage)
        case .appendResponse, .voteResponse, .heartbeatResponse, .readIndexResponse, .preVoteResponse:
            guard self.tracker.position(message.from) != nil else { throw RaftRefusal(.unknownPeer) }
            if message.from == self.id, message.kind != .readIndexResponse { throw RaftRefusal(.impossible("it is our own")) }
        case .append, .vote, .preVote, .snapshot, .heartbeat, .timeoutNow:
            if message.from == self.id { throw RaftRefusal(.impossible("it is our own")) }
        case .proposal, .transferLeader, .readIndex: break
        }
        if message.from == 0 || Self.isStorage(message.from) { throw RaftRefusal(.impossible("it is from no member")) }
        let numbers = (message.term, message.logTerm, message.index, message.commit)
        if max(max(numbers.0, numbers.1), max(numbers.2, numbers.3)) > Self.highest {
            throw RaftRefusal(.impossible("a term or an index above \(Self.highest)"))
        }
        switch message.kind {
        case .proposal, .readIndex, .transferLeader: break
        default: if message.term == 0 { throw RaftRefusal(.impossible("it has no term")) }
        }
        if message.kind == .append { try Self.checkEntries(of: message) }
        if message.kind == .snapshot { try self.checkSnapshot(of: message) }
    }

    private static func checkEntries(of message: RaftMessage) throws(RaftRefusal) {
        var (index, term) = (message.index, message.logTerm)
        for entry in message.entries {
            guard entry.index == index + 1, entry.term >= term else {
                throw RaftRefusal(.impossible("entry \(entry.index) of term \(entry.term) after \(index) of term \(term)"))
            }
            (index, term) = (entry.index, entry.term)
        }
        guard term <= message.term else {
            throw RaftRefusal(.impossible("entry \(index) of term \(term) from a leader of term \(message.term)"))
        }
    }

    private func checkSnapshot(of message: RaftMessage) throws(RaftRefusal) {
        guard let metadata = message.snapshot?.metadata else { return }
        guard metadata.index <= Self.highest, metadata.term <= message.term else {
            throw RaftRefusal(.impossible("a snapshot at \(metadata.index) of term \(metadata.term)"))
        }
        do {
            _ = try ConfChanger(tracker: self.tracker, lastIndex: 0).restoring(metadata.confState)
        } catch {
            throw RaftRefusal(.impossible("a snapshot with a configuration that is none: \(error.reason)"))
        }
    }

    // MARK: By term, then by role

    mutating func receive(_ message: RaftMessage) throws(RaftRefusal) {
        if message.term > self.term {
            guard self.follow(term: message) else { return }
        } else if message.term != 0, message.term < self.term {
            return self.receiveOutdated(message)
        }
        switch message.kind {
        case .vote, .preVote: self.receiveVote(message)
        case .storageAppendResponse:
            if message.index != 0 { self.log.unstable.stableTo(index: message.index, term: message.logTerm) }
            if let snapshot = message.snapshot { self.appliedSnapshot(snapshot) }
        case .storageApplyResponse:
            guard let last = message.entries.last else { return }
            self.applied(to: last.index, bytes: message.entries.encodedSize)
            self.uncommittedBytes -= min(self.uncommittedBytes, message.entries.payloadSize)
            self.receiveHeldSnapshot()
        case .proposal:
            guard !message.entries.isEmpty else { throw RaftRefusal(.impossible("a proposal of nothing")) }
            try self.propose(message.entries, from: message.from)
        default:
            switch self.role {
            case .leader: try self.stepLeader(message)
            case .follower: try self.stepFollower(message)
            case .candidate, .preCandidate: try self.stepCandidate(message)
            }
        }
    }

    /// Goes over to the message's higher term, where it has one to go to; false if the message is to be ignored.
    private mutating func follow(term message: RaftMessage) -> Bool {
        switch message.kind {
        case .vote, .preVote:
            // Who hears from a leader votes for no one, unless the leader itself wants it (thesis, 4.2.3).
            let isForced = message.context == Self.transferContext
            let isInLease =
                self.configuration.checkQuorum && self.leader != 0 && self.electionElapsed < self.configuration.electionTicks
            if !isForced, isInLease { return false }
            if message.kind == .vote { self.becomeFollower(term: message.term, leader: 0) }
        case .preVoteResponse where !message.reject:
            // Granted for the term that is to come: it begins with a majority of them.
            break
        case .append, .heartbeat, .snapshot: self.becomeFollower(term: message.term, leader: message.from)
        default: self.becomeFollower(term: message.term, leader: 0)
        }
        return true
    }

    private mutating func receiveOutdated(_ message: RaftMessage) {
        switch message.kind {
        case .append, .heartbeat:
            guard self.configuration.checkQuorum || self.configuration.preVote else { return }
            // A leader that votes cannot unseat, because they are ignored, learns so that there is a higher term: else a
            // member that has moved on by itself could never return.
            self.send(RaftMessage(.appendResponse, to: message.from))
        case .preVote:
            // Told the term, a candidate that is behind in it cannot wait for an answer forever.
            self.refuseVote(message)
        case .storageAppendResponse:
            // The entries may have been overwritten meanwhile: they count as stable with a later response. A snapshot holds
            // what is committed, under any term.
            if let snapshot = message.snapshot { self.appliedSnapshot(snapshot) }
        default: break
        }
    }

    private mutating func stepLeader(_ message: RaftMessage) throws(RaftRefusal) {
        if message.kind == .readIndex { return try self.leaderReadIndex(message) }
        guard let position = self.tracker.position(message.from) else { return }
        switch message.kind {
        case .appendResponse: try self.receiveAppendResponse(message, position)
        case .heartbeatResponse: self.receiveHeartbeatResponse(message, position)
        case .transferLeader: self.transfer(to: message.from, position)
        default: break
        }
    }

    private mutating func stepFollower(_ message: RaftMessage) throws(RaftRefusal) {
        switch message.kind {
        case .append, .heartbeat, .snapshot:
            self.electionElapsed = 0
            self.leader = message.from
            try self.receiveFromLeader(message)
        case .transferLeader, .readIndex:
            guard self.leader != 0 else { return }
            var forwarded = message
            forwarded.to = self.leader
            self.send(forwarded)
        case .timeoutNow:
            // Nothing of a partition, so nothing to try first.
            self.stand(for: .transfer)
        case .readIndexResponse:
            guard message.entries.count == 1, let entry = message.entries.first else {
                throw RaftRefusal(.impossible("an answer to \(message.entries.count) reads"))
            }
            self.readStates.append(ReadState(index: message.index, context: entry.data))
        default: break
        }
    }

    private mutating func stepCandidate(_ message: RaftMessage) throws(RaftRefusal) {
        switch message.kind {
        case .append, .heartbeat, .snapshot:
            // Of this very term: someone else has won it.
            self.becomeFollower(term: message.term, leader: message.from)
            try self.receiveFromLeader(message)
        case .voteResponse where self.role == .candidate, .preVoteResponse where self.role == .preCandidate:
            self.count(vote: message)
        default: break
        }
    }

    // MARK: Sending

    /// Puts a message out, with this member's id and term. Answers by which others decide wait for what they rest on to be
    /// durable, refusals too.
    mutating func send(_ message: consuming RaftMessage) {
        if message.from == 0 { message.from = self.id }
        switch message.kind {
        case .vote, .voteResponse, .preVote, .preVoteResponse:
            precondition(message.term != 0, "\(message.kind) without a term")
        case .proposal, .readIndex: message.term = 0
        default: message.term = self.term
        }
        switch message.kind {
        case .appendResponse, .voteResponse, .preVoteResponse: self.messagesAfterAppend.append(message)
        default:
            precondition(message.to != self.id, "\(message.kind) to oneself")
            self.messages.append(message)
        }
    }
}
