internal import ClusterAPI
internal import EtcdWire
internal import Operator
internal import Runtimes

/// What must hold after every effect, whatever faults it met.
enum Invariants {
    static func check(
        _ action: Action, on cluster: EtcdCluster, before: ModelCluster, after: ModelCluster, mayLackQuorum: Bool
    ) -> [String] {
        var found: [String] = []
        func violated(_ what: String) { found.append("\(action.description): \(what)") }

        if let agreement = after.agreements.last {
            if agreement.entries.count(where: \.isLearner) > 1 { violated("two members join at once") }
            if agreement.entries.contains(where: { agreement.removed.contains($0.id) }) { violated("a removed id came back") }
            let hadQuorum = before.agreements.last.map { before.isQuorate($0) && $0.id == agreement.id } ?? false
            if hadQuorum, !after.isQuorate(agreement), !mayLackQuorum, !self.stopsOnPurpose(action, cluster) {
                violated("quorum was lost by the controller's own hand")
            }
            if let old = before.agreements.last, old.id == agreement.id {
                let listed = Set(old.entries.filter { !$0.isLearner }.map(\.id))
                let lists = Set(agreement.entries.filter { !$0.isLearner }.map(\.id))
                if listed.symmetricDifference(lists).count > 1 { violated("two voters changed at once") }
                if agreement.revision < old.revision { violated("an acknowledged revision is gone") }
            }
        }
        if case .retire(let name, _) = action, let node = before[memberNamed: name], node.data == .present,
            cluster.status.operation?.type != .restore,
            before.agreements.contains(where: { $0.entries.contains { $0.id == node.memberID } && before.isQuorate($0) })
        {
            violated("the data of a listed member was moved aside")
        }
        if case .start(let starts) = action {
            for start in starts where start.options.clusterState == .new && before[memberNamed: start.name]?.data == .lost {
                violated("a member that lost its data was started as a new cluster")
            }
        }
        if action == .deleteData, cluster.spec.deletionPolicy == .retain { violated("data was deleted that is to be kept") }
        if Set(after.agreements.map(\.id)).count != after.agreements.count { violated("two clusters have one id") }
        let alive = after.agreements.filter { after.isQuorate($0) }
        if alive.count > 1 { violated("two clusters serve at once") }
        return found
    }

    /// A restore and a deletion stop what runs.
    private static func stopsOnPurpose(_ action: Action, _ cluster: EtcdCluster) -> Bool {
        guard case .stop = action else { return false }
        return cluster.status.operation?.type == .restore || cluster.metadata.deletionTimestamp != nil
    }
}
