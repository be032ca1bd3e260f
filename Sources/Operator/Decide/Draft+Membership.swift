internal import ClusterAPI
internal import EtcdWire
internal import Platform
internal import Runtimes

extension Draft {
    /// Brings the member list to what the spec wants: one change at a time, its intent in `operation` before it is carried
    /// out. The live list and the spec are compared anew before each step, so a change of mind midway is safe.
    mutating func membership() -> Bool {
        guard self.view.isQuorate else { return false }
        self.noteStrays()
        switch self.operation?.type {
        case .scaleUp: return self.continueGrowing()
        case .scaleDown, .replace: return self.continueRemoval()
        case .bootstrap, .restore, .snapshot, .delete: return false
        case .defragment, nil: break
        }
        return self.retireStray() || self.replaceBroken() || self.adoptLearner() || self.scale()
    }

    // MARK: Growing

    private mutating func scale() -> Bool {
        let voters = self.view.voters
        if voters.count < self.spec.replicas {
            guard self.allHealthy(toDo: "AddMember") else { return false }
            return self.beginGrowing(replacing: nil)
        }
        if voters.count > self.spec.replicas {
            guard let victim = self.victim() else { return false }
            self.begin(
                .scaleDown, step: "RemoveMember", member: victim.name,
                intent: "Scale from \(voters.count) to \(self.spec.replicas): remove \(victim.name).")
            return self.continueRemoval()
        }
        return false
    }

    mutating func beginGrowing(replacing old: String?) -> Bool {
        let name = self.freeName()
        let count = self.view.voters.count
        let intent =
            old.map { "Replace \($0) by \(name)." } ?? "Scale from \(count) to \(self.spec.replicas): add \(name)."
        self.begin(.scaleUp, step: "Provision", member: name, intent: intent)
        self.operation?.details["replaces"] = old
        return self.continueGrowing()
    }

    /// A learner of ours that no operation knows (the controller's memory was lost): its growing is taken up again.
    private mutating func adoptLearner() -> Bool {
        guard let learner = self.view.learners.first(where: { $0.process != nil }) else { return false }
        self.begin(.scaleUp, step: "Promote", member: learner.name, intent: "Promote the learner \(learner.name).")
        return self.continueGrowing()
    }

    private mutating func continueGrowing() -> Bool {
        guard let name = self.operation?.member else { return self.endOperation("The operation names no member.") }
        let member = self.view[name]
        if let member, member.entry != nil, !member.isLearner { return self.finishGrowing(member) }
        // The spec may have changed its mind: what was added and does not vote yet is taken back.
        if self.view.voters.count >= self.spec.replicas { return self.abandonGrowing(member) }
        guard let process = member?.process else {
            if let entry = member?.entry { return self.removeLearner(name, id: entry.id, "it has no place any more") }
            self.step("Provision")
            return self.act(.provision(members: [name]), why: "\(name) needs a directory and ports.")
        }
        guard let entry = member?.entry else {
            if process.data != .empty || process.pid != nil { return self.clearPlace(name, label: "leftover") }
            guard self.allHealthy(toDo: "AddLearner \(name)") else {
                return self.wait("Waiting for all members to be healthy.")
            }
            self.step("AddLearner")
            return self.act(
                .addLearner(member: name, peerURL: process.place.peerURL, via: self.view.endpoints),
                why: "A new member joins as a learner, so that it can not cost quorum.")
        }
        if process.data == .lost { return self.removeLearner(name, id: entry.id, "its data is lost") }
        if process.pid == nil { return self.startLearner(name) }
        return self.promoteWhenCaughtUp(name, id: entry.id)
    }

    private mutating func startLearner(_ name: String) -> Bool {
        guard let member = self.view[name], self.mayStart(name) else { return self.wait("Waiting to start \(name) again.") }
        self.step("Start")
        return self.act(
            .start(members: [self.memberStart(name, self.joinOptions(for: member))]),
            why: "The learner \(name) does not run yet.")
    }

    /// A learner is promoted once it is within 1,000 entries of the leader at two looks in a row. A share of the log, as
    /// others use, would mean millions of entries on an old cluster.
    private mutating func promoteWhenCaughtUp(_ name: String, id: UInt64) -> Bool {
        self.step("Promote")
        guard let leader = self.view.leader.flatMap({ self.view[$0]?.answer }), let answer = self.view[name]?.answer else {
            self.memory.caughtUp[name] = nil
            return self.wait("Waiting for the learner \(name) to answer.")
        }
        let lag = leader.raftIndex > answer.raftAppliedIndex ? leader.raftIndex - answer.raftAppliedIndex : 0
        guard answer.leader != 0, lag <= 1_000 else {
            self.memory.caughtUp[name] = nil
            self.block("Promote \(name)", "it is \(lag) entries behind", until: "it is within 1,000 entries")
            return self.wait("Waiting for \(name) to catch up: \(lag) entries to go.", for: .milliseconds(500))
        }
        self.memory.caughtUp[name, default: 0] += 1
        guard self.memory.caughtUp[name, default: 0] >= 2 else { return self.wait("\(name) has caught up; looking once more.") }
        return self.act(
            .promote(member: name, id: id, via: self.view.endpoints), why: "\(name) has caught up (\(lag) entries behind).")
    }

    private mutating func finishGrowing(_ member: MemberView) -> Bool {
        guard member.isHealthy else {
            if member.isLost || self.isOverdue(member) { return self.endOperation("\(member.name) votes but is not healthy.") }
            return self.wait("Waiting for \(member.name) to follow the leader.")
        }
        self.memory.caughtUp[member.name] = nil
        self.event("MemberPromoted", "\(member.name) votes now.")
        if let old = self.operation?.details["replaces"] {
            self.event("MemberReplaced", "\(old) was replaced by \(member.name).")
        }
        return self.endOperation("\(member.name) is a member.")
    }

    private mutating func abandonGrowing(_ member: MemberView?) -> Bool {
        guard let member else { return self.endOperation("No further member is wanted.") }
        if let entry = member.entry { return self.removeLearner(member.name, id: entry.id, "no further member is wanted") }
        return self.clearPlace(member.name, label: "unwanted")
    }

    private mutating func removeLearner(_ name: String, id: UInt64, _ reason: String) -> Bool {
        self.begin(.scaleDown, step: "RemoveMember", member: name, intent: "Remove the learner \(name): \(reason).")
        return self.continueRemoval()
    }

    // MARK: Helpers

    mutating func endOperation(_ why: String) -> Bool {
        self.operation = nil
        return self.wait(why, for: .milliseconds(10))
    }

    /// Stops what runs in a place that no listed member has, then moves it aside.
    mutating func clearPlace(_ name: String, label: String) -> Bool {
        guard let process = self.view[name]?.process else { return self.endOperation("\(name) is gone.") }
        if process.pid != nil {
            self.step("Stop")
            return self.act(.stop(members: [name], grace: .seconds(5)), why: "\(name) is no member any more.")
        }
        self.step("Retire")
        return self.act(.retire(member: name, label: label), why: "\(name) is no member any more; its data is moved aside.")
    }

    /// No member is added while one is unhealthy: every loss of margin comes one at a time.
    private mutating func allHealthy(toDo action: String) -> Bool {
        let sick = self.view.listed.filter { !$0.isHealthy }.map(\.name)
        guard !sick.isEmpty else { return true }
        self.block(action, "\(sick.joined(separator: ", ")) not healthy", until: "every member is healthy, or replaced")
        return false
    }

    func isOverdue(_ member: MemberView) -> Bool {
        guard let since = member.previous?.unhealthySince else { return false }
        return since + self.spec.recovery.memberLossReplaceAfter <= self.now
    }
}
