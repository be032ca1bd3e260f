internal import Backups
internal import ClusterAPI
internal import EtcdWire
internal import Platform
internal import Runtimes

extension Draft {
    /// The whole decision: the status that describes what was seen and what is about to be done.
    mutating func finish() -> Decision {
        self.reportArchive()
        self.blockFailures()
        var status = self.status
        status.operation = self.operation
        status.members = self.memberStatuses()
        status.leader = self.view.isQuorate ? self.view.leader : nil
        status.readyReplicas = status.members.count { $0.state == .ready }
        status.backup.lastSnapshot = self.input.observed.snapshots?.snapshots.last?.artifact ?? status.backup.lastSnapshot
        status.blocked = self.blocked
        status.phase = self.phase(status)
        status.conditions = Conditions(draft: self, status: status).all()
        status.observedGeneration = self.cluster.metadata.generation
        return Decision(
            status: status, action: self.action, why: self.why, requeueAfter: self.requeueAfter, events: self.events,
            memory: self.memory, snapshots: self.snapshotWrites, restores: self.restoreWrites)
    }

    private func phase(_ status: EtcdClusterStatus) -> ClusterPhase {
        switch self.status.phase {
        case .deleting, .paused: return self.status.phase
        default: break
        }
        if self.operation?.type == .restore { return .recovering }
        if status.clusterID == nil { return self.status.phase == .quorumLost ? .quorumLost : .creating }
        if !self.view.isQuorate { return self.status.phase == .quorumLost ? .quorumLost : .degraded }
        switch self.operation?.type {
        case .scaleUp, .scaleDown, .replace: return .scaling
        default: break
        }
        return status.readyReplicas == self.spec.replicas ? .running : .degraded
    }

    private func memberStatuses() -> [MemberStatus] {
        if self.operation?.type == .restore, self.status.members.isEmpty,
            !self.view.members.contains(where: { $0.process != nil })
        {
            return []
        }
        return self.view.members.map(self.memberStatus)
    }

    private func memberStatus(_ view: MemberView) -> MemberStatus {
        var member = view.previous ?? MemberStatus(name: view.name)
        if let id = view.id, id != 0 { member.id = String(id, radix: 16) }
        if let place = view.process?.place {
            (member.endpoint, member.peerURL, member.dataDirectory) = (place.clientURL, place.peerURL, place.dataDirectory)
        } else if let peerURL = view.entry?.peerURLs.first {
            member.peerURL = peerURL
        }
        member.pid = view.process?.pid
        if let engine = view.process?.engine { member.engine = engine.rawValue }
        member.errors = []
        if let answer = view.answer {
            member.version = answer.version
            (member.dbSize, member.dbSizeInUse) = (answer.dbSize, answer.dbSizeInUse)
            (member.raftIndex, member.raftTerm) = (answer.raftIndex, answer.raftTerm)
            member.errors = answer.errors
        } else if let failure = self.input.observed.probes.first(where: { $0.name == view.name })?.failure {
            member.errors = [failure]
        } else if let words = view.process?.lastWords, view.process?.pid == nil {
            member.errors = [words]
        }
        if view.process?.data == .lost { member.errors.append("its data directory is lost") }
        member.state = self.state(of: view)
        member.role = self.role(of: view)
        let healthy = member.state == .ready || (member.state == .learner && view.isHealthy)
        member.unhealthySince = healthy ? nil : (member.unhealthySince ?? self.now)
        return member
    }

    private func state(of view: MemberView) -> MemberState {
        if let operation = self.operation, operation.member == view.name,
            operation.type == .scaleDown || operation.type == .replace
        {
            return .removing
        }
        if view.isLost { return .unhealthy }
        if view.isHealthy { return view.isLearner ? .learner : .ready }
        if view.isLearner { return .learner }
        let wasReady = view.previous?.state == .ready || view.previous?.state == .unhealthy
        return wasReady ? .unhealthy : .starting
    }

    private func role(of view: MemberView) -> String {
        guard view.isHealthy else { return "" }
        if view.isLearner { return "Learner" }
        return view.name == self.view.leader ? "Leader" : "Follower"
    }
}
