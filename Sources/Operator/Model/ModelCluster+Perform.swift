internal import Backups
internal import ClusterAPI
internal import EtcdWire
public import Platform
internal import Runtimes

extension ModelCluster {
    /// Carries out an action, as the machine and etcd would: refusing what they refuse.
    public mutating func perform(_ action: Action, now: Timestamp) throws(ActionError) -> Outcome {
        defer { self.settle() }
        switch action {
        case .provision(let members):
            for member in members { self.provision(member) }
        case .start(let members):
            for member in members { try self.start(member) }
        case .stop(let members, _):
            for member in members { self.change(member) { ($0.pid, $0.isHung) = (nil, false) } }
        case .restart(let member, _, _):
            self.change(member.name) { ($0.pid, $0.isHung) = (nil, false) }
            self.settle()
            try self.start(member)
        case .retire(let member, let label):
            return .movedAside(path: try self.retire(member, label))
        case .addLearner(let member, let peerURL, _):
            try self.addLearner(member, peerURL)
        case .promote(_, let id, _):
            try self.promote(id)
        case .removeMember(_, let id, _):
            try self.remove(id)
        case .moveLeader(_, let id, _):
            try self.changeAgreement(action) { $0.leader = id }
        case .compact(let revision, _):
            try self.changeAgreement(action) { $0.compacted = max($0.compacted, revision) }
        case .defragment(let member, _):
            self.change(member) { $0.dbSize = $0.dbSizeInUse }
        case .disarmNoSpace:
            try self.changeAgreement(action) { $0.noSpace = false }
        case .takeSnapshot(let name, let labels, _):
            return .snapshot(try self.snapshot(name, labels))
        case .removeSnapshot(let manifest):
            self.snapshots.removeAll { $0.name == manifest.name }
        case .verifySnapshot(let uri):
            guard let manifest = self.snapshots.first(where: { $0.uri == uri }) else {
                throw ActionError(action: action.name, reason: "BadSnapshot", message: "\(uri): no such snapshot")
            }
            return .snapshot(manifest)
        case .resolveTarget(let question):
            return .resolved(try self.resolve(question))
        case .restore(let member, let uri, let options):
            try self.restore(member, uri, options)
        case .deleteData:
            self.nodes = []
        case .forget:
            break
        }
        return .done
    }

    private mutating func provision(_ member: String) {
        guard self[node: member] == nil else { return }
        let place = MemberPlace(
            name: member, clientURL: "http://127.0.0.1:\(self.nextPort)", peerURL: "http://127.0.0.1:\(self.nextPort + 1)",
            dataDirectory: "\(self.dataDirectory)/\(member)/data")
        self.nextPort += 2
        self[node: member] = Node(place: place)
    }

    private mutating func start(_ start: MemberStart) throws(ActionError) {
        guard var node = self[node: start.name] else {
            throw ActionError(action: "Start", reason: "Other", message: "\(start.name) has no place")
        }
        guard node.pid == nil else { return }
        let release = Self.release(of: start.engine)
        switch (node.data, start.options.clusterState) {
        case (.present, _):
            let isRemoved = self.agreements.contains { $0.id == node.clusterID && $0.removed.contains(node.memberID) }
            guard !isRemoved else {
                throw ActionError(action: "Start", reason: "StartFailed", message: "the member has been permanently removed")
            }
            // 3.4 does not open what 3.5 wrote.
            guard !release.hasPrefix("3.4.") || node.release.hasPrefix("3.4.") else {
                throw ActionError(action: "Start", reason: "StartFailed", message: "cluster cannot be downgraded")
            }
        case (_, .new):
            self.joinNew(&node, start.options.initialCluster, token: start.options.token)
        case (_, .existing):
            try self.joinExisting(&node)
        }
        (node.engine, node.release) = (start.engine.type, release)
        node.pid = self.nextPid
        node.tuning = start.options.tuning
        self.nextPid += 1
        self[node: start.name] = node
    }

    /// The release that there is of an engine.
    private static func release(of engine: EngineChoice) -> String {
        if engine.type == .native { return "3.5.21" }
        return engine.version.split(separator: ".").count > 2 ? engine.version : "\(engine.version).1"
    }

    /// A member of a cluster in the making: its id and the cluster's follow from the peer URLs and the token, as etcd's do.
    private mutating func joinNew(_ node: inout Node, _ initialCluster: [InitialMember], token: String) {
        let seed = token + initialCluster.map(\.peerURL).sorted().joined()
        let clusterID = FNV1a.checksum((seed).utf8)
        if !self.agreements.contains(where: { $0.id == clusterID }) {
            let entries = initialCluster.map { member in
                Member(
                    id: FNV1a.checksum(((member.peerURL + token)).utf8), name: member.name, peerURLs: [member.peerURL])
            }
            self.agreements.append(Agreement(id: clusterID, entries: entries.sorted { $0.id < $1.id }))
        }
        node.clusterID = clusterID
        node.memberID = FNV1a.checksum(((node.place.peerURL + token)).utf8)
        node.data = .present
    }

    private mutating func joinExisting(_ node: inout Node) throws(ActionError) {
        guard let index = self.agreements.lastIndex(where: { self.isQuorate($0) }),
            let entry = self.agreements[index].entries.firstIndex(where: { $0.peerURLs == [node.place.peerURL] })
        else {
            throw ActionError(
                action: "Start", reason: "StartFailed", message: "cannot fetch cluster info from peer urls: member not listed")
        }
        self.agreements[index].entries[entry].name = node.place.name
        node.clusterID = self.agreements[index].id
        node.memberID = self.agreements[index].entries[entry].id
        node.data = .present
    }

    private mutating func retire(_ member: String, _ label: String) throws(ActionError) -> String? {
        guard let node = self[node: member] else { return nil }
        guard node.pid == nil else {
            throw ActionError(action: "Retire", reason: "Refused", message: "\(member) still runs")
        }
        let path = "\(self.dataDirectory)/removed/\(member)-\(label)-\(self.movedAside.count)"
        self.movedAside.append(path)
        self[node: member] = nil
        return path
    }

    // MARK: Membership

    private mutating func changeAgreement(_ action: Action, _ body: (inout Agreement) -> Void) throws(ActionError) {
        guard let index = self.agreements.lastIndex(where: { self.isQuorate($0) }) else {
            throw ActionError(action: action.name, reason: "Unreachable", message: "etcdserver: request timed out")
        }
        body(&self.agreements[index])
        self.agreements[index].index += 1
    }

    private mutating func addLearner(_ member: String, _ peerURL: String) throws(ActionError) {
        let action = Action.addLearner(member: member, peerURL: peerURL, via: [])
        let entries = self.agreements.last { self.isQuorate($0) }?.entries ?? []
        if entries.contains(where: { $0.peerURLs == [peerURL] }) { return }
        guard !entries.contains(where: \.isLearner) else {
            throw ActionError(
                action: action.name, reason: "Refused", message: "etcdserver: too many learner members in cluster")
        }
        let id = self.nextID
        self.nextID += 1
        try self.changeAgreement(action) { agreement in
            agreement.entries.append(Member(id: id, peerURLs: [peerURL], isLearner: true))
            agreement.entries.sort { $0.id < $1.id }
        }
    }

    private mutating func promote(_ id: UInt64) throws(ActionError) {
        let action = Action.promote(member: "", id: id, via: [])
        guard let node = self.nodes.first(where: { $0.memberID == id }), node.pid != nil, !node.isHung else {
            throw ActionError(
                action: action.name, reason: "Refused",
                message: "etcdserver: can only promote a learner member which is in sync with leader")
        }
        try self.changeAgreement(action) { agreement in
            guard let index = agreement.entries.firstIndex(where: { $0.id == id }) else { return }
            agreement.entries[index].isLearner = false
        }
    }

    /// Refuses, as etcd's strict check does, what would leave the started members without quorum.
    private mutating func remove(_ id: UInt64) throws(ActionError) {
        let action = Action.removeMember(member: "", id: id, via: [])
        guard let agreement = self.agreements.last(where: { self.isQuorate($0) }) else {
            throw ActionError(action: action.name, reason: "Unreachable", message: "etcdserver: request timed out")
        }
        guard agreement.entries.contains(where: { $0.id == id }) else { return }
        let rest = agreement.entries.filter { $0.id != id && !$0.isLearner }
        let live = self.live(agreement)
        let running = rest.filter { voter in live.contains { $0.memberID == voter.id } }
        guard !rest.isEmpty, running.count > rest.count / 2 else {
            throw ActionError(
                action: action.name, reason: "Refused",
                message: "etcdserver: re-configuration failed due to not enough started members")
        }
        try self.changeAgreement(action) { agreement in
            agreement.entries.removeAll { $0.id == id }
            agreement.removed.insert(id)
        }
    }

    // MARK: Snapshots

    private mutating func snapshot(_ name: String, _ labels: SnapshotLabels) throws(ActionError) -> SnapshotManifest {
        if let done = self.snapshots.first(where: { $0.name == name }) { return done }
        guard let node = self[node: labels.member], node.pid != nil, !node.isHung,
            let agreement = self.agreements.first(where: { $0.id == node.clusterID })
        else {
            throw ActionError(action: "TakeSnapshot", reason: "Unreachable", message: "\(labels.member) does not answer")
        }
        let manifest = SnapshotManifest(
            name: name, uri: "file:///model/backups/\(name).snapshot", labels: labels, sizeBytes: node.dbSize,
            sha256: String(FNV1a.checksum(("\(name)\(agreement.revision)").utf8), radix: 16),
            contents: SnapshotContents(
                revision: agreement.revision, compactRevision: agreement.compacted, raftIndex: agreement.index,
                raftTerm: agreement.term, keys: agreement.revision, rows: agreement.revision,
                members: agreement.entries.map { String($0.id, radix: 16) }),
            previous: self.snapshots.last?.sha256 ?? "")
        self.snapshots.append(manifest)
        return manifest
    }

    private mutating func restore(_ member: String, _ uri: String, _ options: RestoreOptions) throws(ActionError) {
        guard var node = self[node: member], node.pid == nil, node.data == .empty else {
            throw ActionError(action: "Restore", reason: "Refused", message: "\(member) has no place, runs, or has data")
        }
        guard let manifest = self.snapshots.first(where: { $0.uri == uri }), options.sha256 == manifest.sha256 else {
            throw ActionError(action: "Restore", reason: "BadSnapshot", message: "\(uri): no such snapshot")
        }
        self.joinNew(&node, [InitialMember(name: member, peerURL: node.place.peerURL)], token: options.token)
        self[node: member] = node
        guard let index = self.agreements.firstIndex(where: { $0.id == node.clusterID }) else { return }
        var revision = manifest.contents.revision
        if options.target != .latest { revision = max(1, self.reach(options.target, from: manifest)) }
        self.agreements[index].revision = revision
        self.agreements[index].compacted = manifest.contents.compactRevision
    }

    /// A model keeps no keys and no times: only a revision can be told from the newest.
    private func reach(_ target: TargetSpec, from manifest: SnapshotManifest) -> Int64 {
        if case .revision(let revision) = target { return revision }
        return manifest.contents.revision
    }

    private func resolve(_ question: TargetQuestion) throws(ActionError) -> ResolvedTarget {
        let known = self.snapshots.filter { question.snapshots.contains($0.uri) }
        guard let newest = known.last else {
            throw ActionError(action: "ResolveTarget", reason: "NotReachable", message: "there is no such snapshot")
        }
        let revision = self.reach(question.target, from: newest)
        let base = known.last { $0.contents.revision <= revision } ?? known[0]
        guard revision >= base.contents.compactRevision else {
            throw ActionError(action: "ResolveTarget", reason: "NotReachable", message: "revision \(revision) was compacted")
        }
        return ResolvedTarget(revision: revision, snapshot: base.uri, words: "revision \(revision)")
    }
}
