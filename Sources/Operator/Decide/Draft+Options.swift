internal import ClusterAPI
internal import EtcdWire
internal import Runtimes

extension Draft {
    /// Members that run another engine than the spec's, or with other options.
    var outdated: [MemberView] {
        self.view.listed.filter { self.runsOtherEngine($0) || self.hasOtherOptions($0) }
    }

    func runsOtherEngine(_ member: MemberView) -> Bool {
        guard let engine = member.process?.engine else { return false }
        if engine != self.wantedEngine.type { return true }
        guard let release = member.answer?.version, !release.isEmpty else { return false }
        return !self.spec.engine.isRelease(release)
    }

    private func hasOtherOptions(_ member: MemberView) -> Bool {
        guard let tuning = member.process?.tuning else { return false }
        return tuning != self.wantedTuning
    }

    /// Why no member may be started with the engine that the spec names: its data is of a later release.
    var downgradeRefusal: String? {
        let members = self.view.members.map { member in
            var status = member.previous ?? MemberStatus(name: member.name)
            if let answer = member.answer { status.version = answer.version }
            return status
        }
        return self.spec.engine.downgrade(of: members)
    }

    /// Gives members another engine or changed options by a rolling restart: one at a time, the leader last and after leading
    /// elsewhere, each only while every member is healthy and has what the leader has.
    mutating func rollOptions() -> Bool {
        guard self.view.isQuorate, self.operation == nil, !self.outdated.isEmpty else { return false }
        let changesEngine = self.outdated.contains { self.runsOtherEngine($0) }
        let what = changesEngine ? "Restart as \(self.engineWords)" : "Restart with new options"
        if changesEngine, let refusal = self.downgradeRefusal {
            self.block(what, refusal, until: "spec.engine names another")
            return false
        }
        let sick = self.view.listed.filter { !$0.isHealthy }.map(\.name)
        guard sick.isEmpty else {
            self.block(what, "\(sick.joined(separator: ", ")) not healthy", until: "every member is healthy")
            return false
        }
        let behind = self.view.listed.filter { self.lag(of: $0) > 1_000 }.map(\.name)
        guard behind.isEmpty else {
            self.block(what, "\(behind.joined(separator: ", ")) not caught up", until: "every member is within 1,000 entries")
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
        return self.restart(next)
    }

    private mutating func restart(_ member: MemberView) -> Bool {
        let start = self.memberStart(member.name, self.joinOptions(for: member))
        let changesEngine = self.runsOtherEngine(member)
        let why =
            changesEngine
            ? "\(member.name) runs \(self.words(of: member)); the spec says \(self.engineWords). Its data stays."
            : "\(member.name) is restarted with the options of the spec."
        return self.act(
            .restart(member: start, changes: changesEngine ? "as \(self.engineWords)" : "with new options", grace: .seconds(5)),
            why: why)
    }

    /// Entries that a member has not applied and the leader has.
    private func lag(of member: MemberView) -> UInt64 {
        let leader = self.view.leader.flatMap { self.view[$0]?.answer }?.raftIndex ?? 0
        let applied = member.answer?.raftAppliedIndex ?? 0
        return leader > applied ? leader - applied : 0
    }

    /// `Native 3.5`
    var engineWords: String { "\(self.wantedEngine.type.rawValue) \(self.wantedEngine.version)" }

    /// What a member runs: `Etcd 3.5.1`
    private func words(of member: MemberView) -> String {
        [member.process?.engine?.rawValue, member.answer?.version].compactMap { $0 }.joined(separator: " ")
    }
}
