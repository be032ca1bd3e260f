internal import EtcdWire

/// Who is in the cluster, who was, and what all of them can do.
struct Membership: Sendable {
    var members = SortedMap<UInt64, ClusterMember>()
    /// Ids that were members; they never come back.
    var removed = SortedMap<UInt64, Void>()
    /// Such as `3.5.0`.
    var clusterVersion: String?
    var downgrade: DowngradeInfo?
    /// Who votes and who learns.
    var confState = ConfState()

    /// Learners a cluster may have at a time.
    private static var maximumLearners: Int { 1 }

    var all: [ClusterMember] {
        var all: [ClusterMember] = []
        self.members.forEach { _, member in
            all.append(member)
            return true
        }
        return all
    }

    /// Whether the cluster's version is known and not older than another.
    func isAtLeast(_ major: Int, _ minor: Int) -> Bool {
        let parts = (self.clusterVersion ?? "").split(separator: ".").map { Int($0) }
        guard parts.count >= 2, let ours = parts[0], let ourMinor = parts[1] else { return false }
        return (ours, ourMinor) >= (major, minor)
    }

    /// Whether a change still makes sense now that it is its turn. The context of an addition or an update has been read.
    func check(_ change: ConfChange, _ context: ChangeContext?) throws(StoreError) {
        guard self.removed[change.nodeID] == nil else { throw .memberNotFound }
        let known = self.members[change.nodeID]
        switch change.kind {
        case .addNode, .addLearnerNode:
            if context?.isPromotion == true {
                guard let known else { throw .memberNotFound }
                guard known.isLearner else { throw .memberNotLearner }
                return
            }
            guard known == nil else { throw .memberExists }
            try self.checkURLs(of: context?.member)
            guard context?.member.isLearner == true else { return }
            guard self.all.count(where: \.isLearner) < Self.maximumLearners else { throw .tooManyLearners }
        case .removeNode:
            guard known != nil else { throw .memberNotFound }
        case .updateNode:
            guard known != nil else { throw .memberNotFound }
            try self.checkURLs(of: context?.member)
        }
    }

    private func checkURLs(of member: ClusterMember?) throws(StoreError) {
        guard let member else { return }
        for other in self.all where other.id != member.id {
            guard !other.peerURLs.contains(where: { member.peerURLs.contains($0) }) else { throw .peerURLExists }
        }
    }

    /// Raft's own part of a change: who votes and who learns from now on.
    mutating func configure(_ change: ConfChange) {
        let id = change.nodeID
        var (voters, learners) = (self.confState.voters, self.confState.learners)
        switch change.kind {
        case .addNode:
            learners.removeAll { $0 == id }
            if !voters.contains(id) { voters.append(id) }
        case .addLearnerNode:
            voters.removeAll { $0 == id }
            if !learners.contains(id) { learners.append(id) }
        case .removeNode:
            voters.removeAll { $0 == id }
            learners.removeAll { $0 == id }
        case .updateNode: break
        }
        (self.confState.voters, self.confState.learners) = (voters.sorted(), learners.sorted())
    }
}

/// The member that a change adds, promotes or updates.
struct ChangeContext: Sendable {
    var member: ClusterMember
    var isPromotion: Bool

    init(json: [UInt8]) throws(StoreError) {
        self.member = try ClusterMember(json: json)
        self.isPromotion = try JSONObject(json, "a change of members").bool("isPromote") ?? false
    }
}
