internal import ClusterAPI
internal import EtcdWire
internal import Runtimes

extension Draft {
    /// Members that run with other options than the spec's.
    var outdated: [MemberView] {
        self.view.listed.filter { member in
            guard let tuning = member.process?.tuning else { return false }
            return tuning != self.wantedTuning
        }
    }

    /// Gives members changed options by a rolling restart: one at a time, the leader last and after leading elsewhere, each
    /// only while every member is healthy. Stopping is all that is done here: a member that should run is started anyway.
    mutating func rollOptions() -> Bool {
        guard self.view.isQuorate, self.operation == nil, !self.outdated.isEmpty else { return false }
        let sick = self.view.listed.filter { !$0.isHealthy }.map(\.name)
        guard sick.isEmpty else {
            self.block(
                "Restart with new options", "\(sick.joined(separator: ", ")) not healthy", until: "every member is healthy")
            return false
        }
        guard let next = self.outdated.first(where: { $0.name != self.view.leader }) ?? self.outdated.first else {
            return false
        }
        let heir = self.view.voters.first { $0.name != next.name }
        if next.name == self.view.leader, let heir, let id = heir.entry?.id, let endpoint = next.endpoint {
            return self.act(
                .moveLeader(to: heir.name, id: id, leader: endpoint), why: "\(next.name) leads and is to be restarted.")
        }
        return self.act(
            .stop(members: [next.name], grace: .seconds(5)), why: "\(next.name) is restarted with the options of the spec.")
    }
}
