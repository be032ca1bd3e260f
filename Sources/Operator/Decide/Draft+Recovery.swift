internal import ClusterAPI
internal import Platform
internal import Runtimes

extension Draft {
    /// Quorum is not there: what can be said for certain is said, and the spec's mode decides what is done. Members whose
    /// data is there were started before this is asked.
    mutating func quorumLoss() -> Bool {
        guard !self.view.isQuorate else {
            return false
        }
        let since = self.lostSince
        let survivors = self.survivors
        let certain = survivors.count < ClusterView.quorum(of: max(1, self.view.voters.count))
        let overdue = since + self.spec.recovery.quorumLossWaitFor <= self.now
        guard certain || overdue else {
            return self.wait("No quorum for \(Int((self.now - since).inSeconds)) s: waiting for members to come back.")
        }
        if self.status.phase != .quorumLost {
            self.event("QuorumLost", self.lossMessage(survivors, certain: certain), .warning)
        }
        self.status.phase = .quorumLost
        switch self.spec.recovery.quorumLossMode {
        case .manual:
            self.block("Restore", "recovery.quorumLoss.mode is Manual", until: "a person restores the cluster")
        case .approve:
            self.block(
                "Restore", "a restore needs approval", until: "quorate restore \(self.name) --approve",
                since: since)
            if self.input.cluster.status.phase != .quorumLost {
                self.event(
                    "RecoveryPlanned", "Quorum is lost; quorate restore \(self.name) shows what can be had back.", .warning)
            }
        case .automatic:
            guard overdue else { break }
            return self.requestAutomaticRestore(since: since)
        }
        return self.wait(self.lossMessage(survivors, certain: certain), for: .seconds(1))
    }

    /// Voters whose data is there.
    private var survivors: [MemberView] {
        self.view.voters.filter { $0.process?.data == .present }
    }

    var lostSince: Timestamp {
        let condition = self.input.cluster.status.conditions.first { $0.type == "Quorate" }
        if let condition, condition.status == .false { return condition.lastTransitionTime }
        return self.now
    }

    private func lossMessage(_ survivors: [MemberView], certain: Bool) -> String {
        let voters = self.view.voters.count
        let there =
            survivors.isEmpty ? "no member's data is" : "the data of \(survivors.map(\.name).joined(separator: ", ")) is"
        let verdict = certain ? "Quorum cannot come back by itself" : "Quorum did not come back"
        return "\(verdict): of \(voters) voters, \(there) there. quorate restore \(self.name) shows what can be had back."
    }

    private mutating func requestAutomaticRestore(since: Timestamp) -> Bool {
        let open = self.input.requests.restores.contains { $0.spec.approved }
        if !open {
            var restore = EtcdRestore(
                metadata: ObjectMeta(name: DerivedName.name(self.name, "auto-\(since.seconds)")),
                spec: EtcdRestoreSpec(clusterRef: self.name))
            restore.metadata.namespace = self.cluster.metadata.namespace
            restore.spec.approved = true
            self.restoreWrites.append(restore)
        }
        return self.wait("An automatic restore begins.")
    }
}
