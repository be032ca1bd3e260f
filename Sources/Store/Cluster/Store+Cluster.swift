public import EtcdWire

extension Store {
    /// The members, by id.
    public var members: [ClusterMember] { self.membership.all }

    /// Ids that were members and never come back, ascending.
    public var removedMembers: [UInt64] {
        var ids: [UInt64] = []
        self.membership.removed.forEach { id, _ in
            ids.append(id)
            return true
        }
        return ids
    }

    /// The version that all members have at least, such as `3.5.0`; nil until they have agreed on one.
    public var clusterVersion: String? { self.membership.clusterVersion }
    public var downgrade: DowngradeInfo? { self.membership.downgrade }
    /// Who votes and who learns.
    public var confState: ConfState { self.membership.confState }

    /// Members and version as a `.snap` file carries them.
    public func v2Membership() -> V2Membership {
        V2Membership(members: self.members, removed: self.removedMembers, clusterVersion: self.clusterVersion)
    }

    mutating func loadMembership() throws(StoreError) {
        var membership = Membership()
        try self.backend.forEach(in: .members, from: [], to: nil) { (key, value) throws(StoreError) in
            let member = try ClusterMember(json: [UInt8](bytesOf: value))
            let name = [UInt8](bytesOf: key)
            guard name == ClusterMember.key(of: member.id) else { throw .damaged(.members, name, "holds another member") }
            membership.members.set(member.id, member)
            return true
        }
        try self.backend.forEach(in: .membersRemoved, from: [], to: nil) { (key, _) throws(StoreError) in
            let name = [UInt8](bytesOf: key)
            guard let id = UInt64(String(decoding: name, as: UTF8.self), radix: 16) else {
                throw .damaged(.membersRemoved, name, "is no member's id")
            }
            membership.removed.set(id, ())
            return true
        }
        if let version = try self.backend.value(ClusterKey.version, in: .cluster) {
            membership.clusterVersion = String(decoding: version, as: UTF8.self)
        }
        if let downgrade = try self.backend.value(ClusterKey.downgrade, in: .cluster) {
            membership.downgrade = try DowngradeInfo(json: downgrade)
        }
        if let state = try self.backend.value(Meta.confState, in: .meta) {
            membership.confState = try ConfState(json: state)
        } else {
            // Before 3.5 it was written nowhere but beside the log.
            let members = membership.all
            membership.confState = ConfState(
                voters: members.filter { !$0.isLearner }.map(\.id), learners: members.filter(\.isLearner).map(\.id))
        }
        self.membership = membership
    }

    // MARK: Entries

    /// Applies a change of members. One that makes no sense any more when its turn comes changes nothing.
    mutating func apply(_ change: ConfChange) throws(StoreError) -> [ClusterMember] {
        let context = change.kind == .removeNode ? nil : try ChangeContext(json: change.context)
        if let context, context.member.id != change.nodeID {
            throw .fatal("the log entry at index \(self.appliedIndex) changes member \(change.nodeID) and speaks of another")
        }
        try self.membership.check(change, context)
        self.membership.configure(change)
        switch (change.kind, context) {
        case (.addNode, let context?), (.addLearnerNode, let context?):
            if context.isPromotion {
                try self.updateMember(change.nodeID) { $0.isLearner = false }
            } else {
                try self.set(context.member)
            }
        case (.updateNode, let context?):
            try self.updateMember(change.nodeID) {
                ($0.peerURLs, $0.isLearner) = (context.member.peerURLs, context.member.isLearner)
            }
        default:
            let key = ClusterMember.key(of: change.nodeID)
            try self.backend.remove(key, in: .members)
            try self.backend.put(key, Array("removed".utf8), in: .membersRemoved)
            self.membership.members.remove(change.nodeID)
            self.membership.removed.set(change.nodeID, ())
        }
        return self.members
    }

    /// What members say of themselves and of the cluster's version, as releases from 3.6 on write it.
    mutating func applyToCluster(_ operation: InternalRaftRequest.Operation) throws(StoreError) -> ApplyResponse {
        switch operation {
        case .clusterVersionSet(let request):
            try self.setClusterVersion(request.ver)
        case .clusterMemberAttrSet(let request):
            let attributes = request.memberAttributes ?? MemberAttributes()
            try self.updateMember(request.memberID) { ($0.name, $0.clientURLs) = (attributes.name, attributes.clientURLs) }
        case .downgradeInfoSet(let request):
            let info = DowngradeInfo(targetVersion: request.enabled ? request.ver : "", isEnabled: request.enabled)
            try self.backend.put(ClusterKey.downgrade, info.json(), in: .cluster)
            self.membership.downgrade = info
        default: throw .unknownRequest
        }
        return .nothing
    }

    /// The same as releases up to 3.5 write it: as requests of the older store. All else in that store is none of ours.
    mutating func apply(_ request: V2Request) throws(StoreError) -> ApplyResponse {
        guard request.method == "PUT", request.prevExist == nil, request.prevIndex == 0, request.prevValue.isEmpty else {
            return .nothing
        }
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: false)
        switch parts.count {
        case 3 where parts == ["", "0", "version"]:
            try self.setClusterVersion(request.value)
        case 5 where parts[...2] == ["", "0", "members"] && parts[4] == "attributes":
            guard let id = UInt64(parts[3], radix: 16) else { break }
            let attributes = try JSONObject(Array(request.value.utf8), "the attributes of member \(parts[3])")
            try self.updateMember(id) {
                ($0.name, $0.clientURLs) = (attributes.string("name") ?? "", attributes.strings("clientURLs") ?? [])
            }
        default: break
        }
        return .nothing
    }

    private mutating func setClusterVersion(_ version: String) throws(StoreError) {
        try self.backend.put(ClusterKey.version, Array(version.utf8), in: .cluster)
        self.membership.clusterVersion = version
    }

    private mutating func set(_ member: ClusterMember) throws(StoreError) {
        try self.backend.put(ClusterMember.key(of: member.id), member.json(), in: .members)
        self.membership.members.set(member.id, member)
    }

    /// Changes a member; one that is gone stays gone.
    private mutating func updateMember(_ id: UInt64, _ body: (inout ClusterMember) -> Void) throws(StoreError) {
        guard var member = self.membership.members[id] else { return }
        body(&member)
        try self.set(member)
    }
}

/// The keys of the bucket `cluster`.
private enum ClusterKey {
    static let version = Array("clusterVersion".utf8)
    static let downgrade = Array("downgrade".utf8)
}
