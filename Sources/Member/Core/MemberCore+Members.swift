internal import EtcdWire
internal import Platform
internal import Raft
internal import Store

/// Changes of the cluster's members.
extension MemberCore {
    mutating func addMember(_ caller: Caller, _ request: MemberAddRequest) {
        guard !request.peerURLs.isEmpty, request.peerURLs.allSatisfy(PeerURL.isValid) else {
            return self.refuse(caller, .badPeerURLs)
        }
        let seconds = self.now.seconds
        let token = self.configuration.initialClusterToken
        let id = MemberIdentity.memberID(peerURLs: request.peerURLs, token: token, seconds: seconds)
        let taken = Set(self.store.members.flatMap(\.peerURLs))
        guard self.store.members.allSatisfy({ $0.id != id }) else { return self.refuse(caller, .memberExists) }
        guard taken.isDisjoint(with: request.peerURLs) else { return self.refuse(caller, .peerURLExists) }
        if !request.isLearner, let error = self.strictRefusal(addingVoter: true) { return self.refuse(caller, error) }
        let member = ClusterMember(id: id, peerURLs: request.peerURLs.sorted(), isLearner: request.isLearner)
        let kind: ConfChange.Kind = request.isLearner ? .addLearnerNode : .addNode
        self.propose(caller, .memberAdd(added: id), ConfChange(kind: kind, nodeID: id, context: member.changeContext()))
    }

    mutating func removeMember(_ caller: Caller, _ id: UInt64) {
        guard let member = self.store.members.first(where: { $0.id == id }) else { return self.refuse(caller, .memberNotFound) }
        if !member.isLearner, let error = self.strictRefusal(removing: id) { return self.refuse(caller, error) }
        self.propose(caller, .members, ConfChange(kind: .removeNode, nodeID: id))
    }

    mutating func updateMember(_ caller: Caller, _ request: MemberUpdateRequest) {
        guard let known = self.store.members.first(where: { $0.id == request.id }) else {
            return self.refuse(caller, .memberNotFound)
        }
        // etcd takes anything here, and its members fail when they dial it.
        guard !request.peerURLs.isEmpty, request.peerURLs.allSatisfy(PeerURL.isValid) else {
            return self.refuse(caller, .badPeerURLs)
        }
        let member = ClusterMember(id: request.id, peerURLs: request.peerURLs.sorted(), isLearner: known.isLearner)
        self.propose(
            caller, .members, ConfChange(kind: .updateNode, nodeID: request.id, context: member.json()))
    }

    mutating func promoteMember(_ caller: Caller, _ id: UInt64) {
        guard let member = self.store.members.first(where: { $0.id == id }) else { return self.refuse(caller, .memberNotFound) }
        guard member.isLearner else { return self.refuse(caller, .memberNotLearner) }
        guard self.isLeader else { return self.forward(.promote(caller, id), caller) }
        let match = self.raft.status.progress.first { $0.id == id }?.match ?? 0
        guard Double(match) >= 0.9 * Double(self.raft.lastIndex) else { return self.refuse(caller, .learnerNotReady) }
        if let error = self.strictRefusal(addingVoter: true) { return self.refuse(caller, error) }
        var promoted = member
        promoted.isLearner = false
        self.propose(
            caller, .members,
            ConfChange(kind: .addNode, nodeID: id, context: promoted.changeContext(isPromotion: true)))
    }

    mutating func moveLeader(_ caller: Caller, to id: UInt64) {
        guard self.isLeader else { return self.refuse(caller, .notLeader) }
        guard self.raft.confState.voters.contains(id) else { return self.refuse(caller, .badLeaderTransferee) }
        self.raft.transferLeadership(to: id)
        self.moves.append(LeaderMove(caller: caller, target: id, deadline: self.uptime + self.requestTimeout))
    }

    /// A move of the leadership is done once this member knows that its target leads. etcd waits for as long as the client
    /// does.
    mutating func answerMoves() {
        guard !self.moves.isEmpty else { return }
        let moves = self.moves
        self.moves = []
        for move in moves {
            if move.target == self.leader {
                // Without a header, as etcd's.
                self.effects.answers.append((move.caller, .success(.other(HeaderResponse()))))
            } else if move.deadline <= self.uptime {
                self.refuse(move.caller, .leaderMoveTimedOut)
            } else {
                self.moves.append(move)
            }
        }
    }

    private mutating func refuse(_ caller: Caller, _ error: StoreError) {
        self.effects.answers.append((caller, .failure(error)))
    }

    private mutating func propose(_ caller: Caller, _ kind: Proposals<Caller>.Kind, _ change: ConfChange) {
        var change = change
        change.id = self.proposals.add(caller, kind, until: self.uptime + self.requestTimeout)
        // After what came before it in this turn.
        self.proposeBatch()
        do throws(RaftRefusal) { try self.raft.proposeConfChange(change) } catch {
            guard let waiter = self.proposals.take(change.id) else { return }
            self.refuse(waiter.caller, error.reason == .noLeader ? .noLeader : .unhealthy)
        }
    }

    /// Whether the voters that have started would still be a quorum after the change (etcd's `--strict-reconfig-check`).
    private func strictRefusal(addingVoter: Bool = false, removing id: UInt64 = 0) -> StoreError? {
        guard self.configuration.strictReconfigCheck else { return nil }
        let voters = self.store.members.filter { !$0.isLearner }
        let started = voters.count { !$0.name.isEmpty && $0.id != id }
        if addingVoter {
            if started == 1, voters.count == 1 { return nil }
            return started < (voters.count + 1) / 2 + 1 ? .notEnoughStarted : nil
        }
        guard voters.count > 1 else { return nil }
        return started < (voters.count - 1) / 2 + 1 ? .notEnoughStarted : nil
    }

    // MARK: What members tell of themselves

    private var ownRow: ClusterMember? { self.store.members.first { $0.id == self.identity.memberID } }

    /// Whether the cluster knows this member by its name and client URLs, as far as this member has applied.
    package var isPublished: Bool {
        guard let own = self.ownRow else { return false }
        return own.name == self.configuration.name && own.clientURLs == self.configuration.advertiseClientURLs
    }

    /// Tells the cluster this member's name and client URLs until it knows them; and as its leader, its version.
    mutating func publish() {
        guard self.leader != 0 else { return }
        if let last = self.lastPublication, self.uptime - last < self.requestTimeout { return }
        var isNew = false
        if !self.isPublished, var member = self.ownRow {
            (member.name, member.clientURLs) = (self.configuration.name, self.configuration.advertiseClientURLs)
            self.put("/0/members/\(String(member.id, radix: 16))/attributes", member.attributes())
            isNew = true
        }
        if self.isLeader, self.store.clusterVersion == nil, self.store.members.count == 1 {
            self.put("/0/version", MemberVersion.cluster)
            isNew = true
        }
        if isNew { self.lastPublication = self.uptime }
    }

    /// As the leader: the cluster is of the oldest release that one of its members has. Before all are known it is of the
    /// oldest there is.
    mutating func agreeOnVersion(_ versions: [UInt64: String?]) {
        guard self.isLeader else { return }
        let agreed = ClusterVersion.decide(
            own: MemberVersion.server, others: versions, current: self.store.clusterVersion)
        if let agreed { self.put("/0/version", agreed) }
    }

    /// A put to the older store, which is how releases up to 3.5 tell such things.
    private mutating func put(_ path: String, _ value: String) {
        var request = V2Request(method: "PUT", path: path, value: value)
        request.id = self.proposals.makeID()
        self.batch.append(request.encoded())
    }
}

/// A move of the leadership that a client waits for.
struct LeaderMove<Caller: Sendable>: Sendable {
    var caller: Caller
    var target: UInt64
    var deadline: Duration
}
