internal import Backups
internal import EtcdWire
internal import Runtimes

extension ModelCluster {
    /// A model that starts from what was observed, so that what would follow can be played through.
    init(name: String, observed: ObservedCluster) {
        self.init(name: name)
        // Places that are only planned must not look like any that is there.
        (self.nextPort, self.nextPid, self.nextID) = (50_000, 1 << 24, 1 << 63)
        var agreement = observed.membership.map { Agreement(id: $0.clusterID, entries: $0.members) }
        for process in observed.processes {
            var node = Node(place: process.place)
            node.pid = process.pid
            (node.data, node.tuning) = (process.data, process.tuning)
            node.engine = process.engine ?? node.engine
            let answer = observed.probes.first { $0.name == process.place.name }?.status
            node.isHung = process.pid != nil && answer == nil
            node.memberID =
                agreement?.entries.first { $0.peerURLs.contains(process.place.peerURL) }?.id ?? answer?.header.memberID ?? 0
            node.clusterID = answer?.header.clusterID ?? agreement?.id ?? 0
            if let answer {
                (node.dbSize, node.dbSizeInUse, node.applied) = (answer.dbSize, answer.dbSizeInUse, answer.raftAppliedIndex)
                if !answer.version.isEmpty { node.release = answer.version }
                agreement?.learn(from: answer)
            }
            self[node: process.place.name] = node
        }
        // Data that is there and answers nobody belongs to the last cluster known, whose voters these were.
        if agreement == nil {
            let kept = self.nodes.filter { $0.data == .present }
            for (offset, node) in kept.enumerated() {
                self.change(node.place.name) { ($0.clusterID, $0.memberID) = (1, UInt64(offset + 1)) }
            }
            if !kept.isEmpty {
                let entries = kept.enumerated().map { offset, node in
                    Member(id: UInt64(offset + 1), name: node.place.name, peerURLs: [node.place.peerURL])
                }
                agreement = Agreement(id: 1, entries: entries)
            }
        }
        if let agreement { self.agreements = [agreement] }
        self.snapshots = observed.snapshots?.snapshots ?? []
        self.settle()
    }
}

extension ModelCluster.Agreement {
    fileprivate mutating func learn(from answer: StatusResponse) {
        self.revision = max(self.revision, answer.header.revision)
        self.index = max(self.index, answer.raftIndex)
        if answer.leader != 0 { self.leader = answer.leader }
        if answer.errors.contains(where: { $0.contains("NOSPACE") }) { self.noSpace = true }
    }
}
