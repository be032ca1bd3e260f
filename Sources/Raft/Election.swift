internal import EtcdWire

extension RaftNode {
    /// In a vote's context: the leader hands over, so its lease does not stand against the vote.
    static let transferContext = Array("CampaignTransfer".utf8)

    enum Campaign {
        case preElection, election, transfer
    }

    /// Stands for election, as after an election timeout.
    public mutating func campaign() {
        self.stand(for: self.configuration.preVote ? .preElection : .election)
    }

    mutating func stand(for campaign: Campaign) {
        // A configuration change that is committed may have taken this member's vote; it does not know yet.
        guard self.role != .leader, self.isPromotable, !self.hasUnappliedConfChange, self.term < Self.highest else { return }
        self.run(campaign)
    }

    /// Whether this member could lead: a voter, with no snapshot to take in first.
    var isPromotable: Bool {
        guard let own = self.tracker.position(self.id) else { return false }
        return !self.tracker.members[own].isLearner && self.log.unstable.snapshot == nil
    }

    private var hasUnappliedConfChange: Bool {
        mutating get {
            var index = self.log.applied + 1
            let page = self.configuration.maxBytesPerMessage
            while index <= self.log.committed {
                guard let entries = self.log.entries(from: index, to: self.log.committed + 1, maxBytes: page),
                    let last = entries.last
                else { return false }
                if entries.contains(where: { $0.kind != .normal }) { return true }
                index = last.index + 1
            }
            return false
        }
    }

    private mutating func run(_ campaign: Campaign) {
        var request: RaftMessage
        if campaign == .preElection {
            self.becomePreCandidate()
            // For the term that would be.
            request = RaftMessage(.preVote, term: self.term + 1)
        } else {
            self.becomeCandidate()
            request = RaftMessage(.vote, term: self.term)
        }
        let last = self.log.last
        (request.index, request.logTerm) = (last.index, last.term)
        if campaign == .transfer { request.context = Self.transferContext }
        for id in self.tracker.voters {
            if id == self.id {
                // One's own vote counts once it is durable.
                self.send(RaftMessage(Self.response(to: request.kind), to: id, term: request.term))
            } else {
                request.to = id
                self.send(request)
            }
        }
    }

    private static func response(to request: RaftMessage.Kind) -> RaftMessage.Kind {
        request == .preVote ? .preVoteResponse : .voteResponse
    }

    /// Answers a (pre-)candidate. A learner votes too: it may have been made a voter and not know it.
    mutating func receiveVote(_ message: RaftMessage) {
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .votesTwice, message.kind == .vote { (self.vote, self.leader) = (0, 0) }
        #endif
        let canVote =
            self.vote == message.from || self.vote == 0 && self.leader == 0
            || message.kind == .preVote && message.term > self.term
        #if QUORATE_PLANTED_BUGS
            let isUpToDate =
                self.configuration.bug == .votesForShorterLogs
                || self.log.isUpToDate(EntryID(term: message.logTerm, index: message.index))
        #else
            let isUpToDate = self.log.isUpToDate(EntryID(term: message.logTerm, index: message.index))
        #endif
        guard canVote, isUpToDate else {
            return self.refuseVote(message)
        }
        // With the term of the request: to a pre-candidate, this member's own could be out of date.
        self.send(RaftMessage(Self.response(to: message.kind), to: message.from, term: message.term))
        if message.kind == .vote {
            self.electionElapsed = 0
            self.vote = message.from
        }
    }

    mutating func refuseVote(_ message: RaftMessage) {
        // A member that has seen no term yet has none to name.
        guard self.term != 0 else { return }
        var refusal = RaftMessage(Self.response(to: message.kind), to: message.from, term: self.term)
        refusal.reject = true
        self.send(refusal)
    }

    mutating func count(vote message: RaftMessage) {
        self.tracker.record(message.from, isGranted: !message.reject)
        switch self.tracker.election {
        case .pending: break
        case .lost: self.becomeFollower(term: self.term, leader: 0)
        case .won where self.role == .preCandidate: self.run(.election)
        case .won:
            self.becomeLeader()
            self.broadcastAppend()
        }
    }

    // MARK: Handing over

    /// Hands the leadership to a voter, once it has the whole log (thesis, 3.10). Proposals are dropped meanwhile. Given up
    /// after an election timeout. A follower asks its leader.
    public mutating func transferLeadership(to id: UInt64) {
        // Neither a leader nor a follower refuses this.
        self.receiveOwn(RaftMessage(.transferLeader, from: id))
    }

    mutating func transfer(to id: UInt64, _ position: Int) {
        guard !self.tracker.members[position].isLearner, self.leadTransferee != id else { return }
        self.leadTransferee = 0
        guard id != self.id else { return }
        self.electionElapsed = 0
        self.leadTransferee = id
        if self.tracker.members[position].match == self.log.lastIndex {
            self.send(RaftMessage(.timeoutNow, to: id))
        } else {
            self.sendAppend(position)
        }
    }

    /// Makes a follower not know its leader, so that it votes for another without waiting for the lease to end. For a driver
    /// that knows the leader to be gone.
    public mutating func forgetLeader() {
        guard self.role == .follower, self.configuration.readOnly == .safe else { return }
        self.leader = 0
    }
}
