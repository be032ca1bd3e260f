internal import ClusterAPI
internal import EtcdWire
internal import Runtimes

extension Draft {
    /// Makes the cluster, or brings back one whose data was kept. A member is started as part of a *new* cluster only
    /// while no cluster id was ever latched, and only when it never ran: `new` on an emptied disk would silently lose
    /// what the others acknowledged.
    mutating func bootstrap() -> Bool {
        guard self.status.clusterID == nil, self.operation?.type != .restore else { return false }
        if self.operation?.type != .bootstrap {
            let kept = self.view.members.filter { ($0.process?.data ?? .empty) != .empty }
            if kept.isEmpty, let restore = self.spec.bootstrap?.restore {
                return self.beginBootstrapRestore(from: restore)
            }
            self.planBootstrap(kept: kept)
        }
        let names = self.bootstrapNames
        if let missing = self.missingPlaces(names) {
            self.step("Provision")
            return self.act(.provision(members: missing), why: "The cluster's members need directories and ports.")
        }
        let places = names.compactMap { self.view[$0]?.process?.place }
        let initial = places.map { InitialMember(name: $0.name, peerURL: $0.peerURL) }
        if let starts = self.bootstrapStarts(names, initial) {
            self.step("Start")
            return self.act(.start(members: starts), why: "The cluster's members do not run yet.")
        }
        return self.latchBootstrap(peerURLs: Set(places.map(\.peerURL)))
    }

    private var bootstrapNames: [String] {
        (self.operation?.details["members"] ?? "").split(separator: ",").map(String.init)
    }

    private var isAdoption: Bool {
        self.operation?.details["adopt"] == "true"
    }

    private mutating func planBootstrap(kept: [MemberView]) {
        self.status.token = self.newToken()
        if kept.isEmpty {
            let names = (1...max(1, self.spec.replicas)).map { "\(self.name)-\($0)" }
            self.begin(.bootstrap, step: "Provision", intent: "Create a cluster of \(names.count).")
            self.operation?.details["members"] = names.joined(separator: ",")
        } else {
            let names = kept.map(\.name)
            self.begin(
                .bootstrap, step: "Start",
                intent: "Bring back the cluster whose data was kept: \(names.joined(separator: ", ")).")
            self.operation?.details["members"] = names.joined(separator: ",")
            self.operation?.details["adopt"] = "true"
        }
    }

    private func missingPlaces(_ names: [String]) -> [String]? {
        let missing = names.filter { self.view[$0]?.process == nil }
        return missing.isEmpty || self.isAdoption ? nil : missing
    }

    private func bootstrapStarts(_ names: [String], _ initial: [InitialMember]) -> [MemberStart]? {
        var starts: [MemberStart] = []
        for name in names {
            guard let member = self.view[name], let process = member.process, !member.isRunning else { continue }
            guard process.data != .lost else { continue }
            guard self.mayStart(name) else { continue }
            let state: StartOptions.ClusterState = process.data == .empty && !self.isAdoption ? .new : .existing
            starts.append(self.memberStart(name, self.startOptions(state, cluster: initial)))
        }
        return starts.isEmpty ? nil : starts
    }

    private mutating func latchBootstrap(peerURLs: Set<String>) -> Bool {
        guard self.view.isQuorate, let clusterID = self.view.clusterID else {
            if self.isAdoption || self.view.members.contains(where: { $0.process?.data == .lost }) {
                return self.quorumLoss()
            }
            self.step("Elect")
            return self.wait("Waiting for the members to elect a leader.")
        }
        let listed = Set(self.view.listed.flatMap { $0.entry?.peerURLs ?? [] })
        guard self.isAdoption || listed == peerURLs else {
            return self.wait("Waiting for the leader to list every member.")
        }
        self.status.clusterID = String(clusterID, radix: 16)
        self.event("ClusterCreated", "Cluster \(String(clusterID, radix: 16)) has \(listed.count) members.")
        self.operation = nil
        return self.wait("The cluster has a leader.")
    }
}
