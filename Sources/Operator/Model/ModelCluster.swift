public import Backups
public import EtcdWire
public import Runtimes

/// A cluster as a model: the machine's places and processes, what etcd's members hold, and the snapshots. It behaves as the
/// real ones do at the level the operator sees, with no time of its own. `plan` runs `decide` against it from what was
/// observed; simulation runs the whole controller against it, with faults.
public struct ModelCluster: Sendable, Hashable {
    /// One member's place, process and data.
    public struct Node: Sendable, Hashable {
        public var place: MemberPlace
        public var pid: Int32?
        public var data: DataState = .empty
        /// Which cluster the data is of, and under which member id.
        public var clusterID: UInt64 = 0
        public var memberID: UInt64 = 0
        public var applied: UInt64 = 0
        /// It runs and answers nobody.
        public var isHung = false
        /// What the process was started with.
        public var tuning: MemberTuning?
        /// What kind of program runs it, or ran it last, and which release.
        public var engine = EngineType.etcd
        public var release = "3.5.1"
        public var dbSize: Int64 = 20_480
        public var dbSizeInUse: Int64 = 16_384
    }

    /// What one etcd cluster agreed on.
    public struct Agreement: Sendable, Hashable {
        public var id: UInt64
        /// Sorted by id.
        public var entries: [Member]
        public var removed: Set<UInt64> = []
        public var revision: Int64 = 1
        public var index: UInt64 = 1
        public var term: UInt64 = 2
        public var leader: UInt64 = 0
        public var compacted: Int64 = 0
        public var noSpace = false
    }

    public var name: String
    public var dataDirectory: String
    /// Sorted by name.
    public var nodes: [Node] = []
    public var agreements: [Agreement] = []
    public var snapshots: [SnapshotManifest] = []
    /// Paths of what was moved aside.
    public var movedAside: [String] = []
    var nextPort = 20_000
    var nextPid: Int32 = 1_000
    var nextID: UInt64 = 0x1000

    public init(name: String, dataDirectory: String = "/model") {
        self.name = name
        self.dataDirectory = dataDirectory
    }

    /// The member of that name, if it has a place.
    public subscript(memberNamed name: String) -> Node? { self[node: name] }

    subscript(node name: String) -> Node? {
        get { self.nodes.first { $0.place.name == name } }
        set {
            self.nodes.removeAll { $0.place.name == name }
            if let newValue { self.nodes.append(newValue) }
            self.nodes.sort { $0.place.name.naturallyPrecedes($1.place.name) }
        }
    }

    /// Changes one node in place; nothing when it is not there.
    public mutating func change(_ name: String, _ body: (inout Node) -> Void) {
        guard let index = self.nodes.firstIndex(where: { $0.place.name == name }) else { return }
        body(&self.nodes[index])
    }

    // MARK: What etcd does by itself

    /// The nodes of an agreement that run, answer, and were not removed from it.
    func live(_ agreement: Agreement) -> [Node] {
        self.nodes.filter { node in
            node.pid != nil && !node.isHung && node.clusterID == agreement.id
                && agreement.entries.contains { $0.id == node.memberID }
        }
    }

    /// Whether a majority of an agreement's voters runs.
    public func isQuorate(_ agreement: Agreement) -> Bool {
        let voters = agreement.entries.filter { !$0.isLearner }
        let live = self.live(agreement)
        let running = voters.filter { voter in live.contains { $0.memberID == voter.id } }
        return !voters.isEmpty && running.count > voters.count / 2
    }

    /// Elects leaders where a majority runs and the leader does not, lets followers catch up, and ends the processes of
    /// removed members.
    public mutating func settle() {
        for index in self.agreements.indices {
            let agreement = self.agreements[index]
            guard self.isQuorate(agreement) else {
                self.agreements[index].leader = 0
                continue
            }
            let live = self.live(agreement)
            let voters = live.filter { node in agreement.entries.contains { $0.id == node.memberID && !$0.isLearner } }
            if !voters.contains(where: { $0.memberID == agreement.leader }) {
                self.agreements[index].leader = voters[0].memberID
                self.agreements[index].term += 1
                self.agreements[index].index += 1
            }
            let applied = self.agreements[index].index
            for node in live { self.change(node.place.name) { $0.applied = applied } }
            for node in self.nodes where node.clusterID == agreement.id && agreement.removed.contains(node.memberID) {
                self.change(node.place.name) { $0.pid = nil }
            }
        }
    }

    /// A client's write: it is acknowledged only by a quorate cluster.
    /// - Returns: Whether it was.
    @discardableResult
    public mutating func put() -> Bool {
        guard let index = self.agreements.lastIndex(where: { self.isQuorate($0) }) else { return false }
        self.agreements[index].revision += 1
        self.agreements[index].index += 1
        return true
    }

    // MARK: Observing

    public func observe() -> ObservedCluster {
        var observed = ObservedCluster()
        observed.processes = self.nodes.map { node in
            MemberProcess(
                place: node.place, pid: node.pid, startedAt: nil, data: node.data, tuning: node.pid == nil ? nil : node.tuning,
                engine: node.pid == nil ? nil : node.engine)
        }
        for node in self.nodes where node.pid != nil {
            let status = node.isHung ? nil : self.status(of: node)
            observed.probes.append(
                MemberProbe(name: node.place.name, status: status, failure: status == nil ? "deadline exceeded" : nil))
        }
        let current = self.agreements.filter { self.isQuorate($0) && $0.leader != 0 }
        if let agreement = current.last {
            observed.membership = Membership(clusterID: agreement.id, members: agreement.entries)
        }
        observed.snapshots = SnapshotListing(snapshots: self.snapshots, damaged: [:])
        return observed
    }

    private func status(of node: Node) -> StatusResponse {
        guard let agreement = self.agreements.first(where: { $0.id == node.clusterID }) else { return StatusResponse() }
        let isQuorate = self.isQuorate(agreement)
        var status = StatusResponse()
        status.header = ResponseHeader(
            clusterID: agreement.id, memberID: node.memberID, revision: agreement.revision, raftTerm: agreement.term)
        status.version = node.release
        status.leader = isQuorate ? agreement.leader : 0
        status.raftIndex = agreement.index
        status.raftAppliedIndex = node.applied
        status.raftTerm = agreement.term
        (status.dbSize, status.dbSizeInUse) = (node.dbSize, node.dbSizeInUse)
        status.isLearner = agreement.entries.first { $0.id == node.memberID }?.isLearner ?? false
        if agreement.noSpace { status.errors = ["memberID:\(node.memberID) alarm:NOSPACE "] }
        return status
    }
}
