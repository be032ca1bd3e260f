public import EtcdWire

extension RaftNode {
    /// Proposes an entry. Whether it is committed shows only when it is applied: a proposal may be lost, and a follower's
    /// may come twice if it is repeated.
    ///
    /// - Throws: When the proposal is dropped at once.
    public mutating func propose(_ data: [UInt8]) throws(RaftRefusal) {
        try self.propose([RaftEntry(term: 0, index: 0, data: data)], from: self.id)
    }

    /// Proposes several entries, all or none of which are taken: one message carries them to each follower.
    public mutating func propose(_ batch: [[UInt8]]) throws(RaftRefusal) {
        guard !batch.isEmpty else { return }
        try self.propose(ArraySlice(batch.map { RaftEntry(term: 0, index: 0, data: $0) }), from: self.id)
    }

    /// Proposes a change of one member. One at a time: another one before it is applied becomes an empty entry.
    public mutating func proposeConfChange(_ change: ConfChange) throws(RaftRefusal) {
        try self.propose([RaftEntry(kind: .confChange, term: 0, index: 0, data: change.encoded())], from: self.id)
    }

    /// Proposes several changes at once; without any, to leave a joint configuration.
    public mutating func proposeConfChange(_ change: ConfChangeV2) throws(RaftRefusal) {
        try self.propose([RaftEntry(kind: .confChangeV2, term: 0, index: 0, data: change.encoded())], from: self.id)
    }

    mutating func propose(_ entries: ArraySlice<RaftEntry>, from: UInt64) throws(RaftRefusal) {
        switch self.role {
        case .leader: try self.leaderPropose(entries)
        case .candidate, .preCandidate: throw RaftRefusal(.noLeader)
        case .follower:
            guard self.leader != 0 else { throw RaftRefusal(.noLeader) }
            guard !self.configuration.disableProposalForwarding else { throw RaftRefusal(.forwardingDisabled) }
            var message = RaftMessage(.proposal, to: self.leader, from: from)
            message.entries = entries
            self.send(message)
        }
    }

    private mutating func leaderPropose(_ entries: ArraySlice<RaftEntry>) throws(RaftRefusal) {
        // Removed, and still leading until it steps down.
        guard self.tracker.position(self.id) != nil else { throw RaftRefusal(.removed) }
        guard self.leadTransferee == 0 else { throw RaftRefusal(.transferring) }
        var entries = entries
        var pending = self.pendingConfIndex
        if entries.contains(where: { $0.kind != .normal }) {
            pending = try self.check(confChangesIn: &entries)
        }
        guard self.append(entries) else { throw RaftRefusal(.tooMuchUncommitted) }
        self.pendingConfIndex = pending
        self.broadcastAppend()
    }

    /// Makes empty entries of the configuration changes that must not be made now; returns where the last one is that may.
    private func check(confChangesIn entries: inout ArraySlice<RaftEntry>) throws(RaftRefusal) -> UInt64 {
        var pending = self.pendingConfIndex
        let isJoint = !self.tracker.configuration.votersOutgoing.isEmpty
        for position in entries.indices where entries[position].kind != .normal {
            let change = try Self.confChange(in: entries[position])
            let isAllowed = pending <= self.log.applied && isJoint == change.changes.isEmpty
            if isAllowed || self.configuration.disableConfChangeValidation {
                pending = self.log.lastIndex + UInt64(position - entries.startIndex) + 1
            } else {
                entries[position] = RaftEntry()
            }
        }
        return pending
    }

    private static func confChange(in entry: RaftEntry) throws(RaftRefusal) -> ConfChangeV2 {
        do {
            return entry.kind == .confChangeV2
                ? try ConfChangeV2(decoding: entry.data) : ConfChangeV2(try ConfChange(decoding: entry.data))
        } catch {
            throw RaftRefusal(.impossible("a configuration change that is none: \(error)"))
        }
    }

    /// Appends entries to the leader's log; false if that is too much. Empty ones never are.
    mutating func append(_ entries: ArraySlice<RaftEntry>) -> Bool {
        let bytes = entries.payloadSize
        let limit = self.configuration.maxUncommittedBytes
        // Any size is taken while there is nothing else.
        if limit != 0, self.uncommittedBytes > 0, bytes > 0, self.uncommittedBytes + bytes > limit { return false }
        self.uncommittedBytes += bytes
        var index = self.log.lastIndex
        var appended: [RaftEntry] = []
        appended.reserveCapacity(entries.count)
        for entry in entries {
            index += 1
            appended.append(RaftEntry(kind: entry.kind, term: self.term, index: index, data: entry.data))
        }
        self.log.append(appended[...])
        // The leader's own acknowledgement: it counts once the entries are durable here.
        var own = RaftMessage(.appendResponse, to: self.id)
        own.index = index
        self.send(own)
        return true
    }
}
