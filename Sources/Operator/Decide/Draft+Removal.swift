internal import ClusterAPI
internal import EtcdWire

extension Draft {
    /// Which voter goes next when there are too many: one that lost its data, one that is not healthy, else the highest
    /// ordinal; the leader last.
    mutating func victim() -> MemberView? {
        let voters = self.view.voters
        let surplus = voters.count - self.spec.replicas
        guard surplus > 0 else { return nil }
        let ranked = voters.sorted { left, right in
            let ranks = (self.removalRank(left), self.removalRank(right))
            return ranks.0 == ranks.1 ? right.name.naturallyPrecedes(left.name) : ranks.0 < ranks.1
        }
        let candidates = ranked.prefix(surplus)
        return candidates.first { $0.name != self.view.leader } ?? candidates.first
    }

    private func removalRank(_ member: MemberView) -> Int {
        member.isLost ? 0 : member.isHealthy ? 2 : 1
    }

    /// A voter that is lost, or was not healthy for as long as the spec allows, is removed; growing then replaces it, under
    /// a new id. Removing first costs nothing: with one voter down, V and V-1 members tolerate the same.
    mutating func replaceBroken() -> Bool {
        for member in self.view.listed where member.isLost || (!member.isHealthy && self.isOverdue(member)) {
            guard self.isOurs(member) else {
                self.block(
                    "Replace \(member.name)", "it is not a member that this controller made",
                    until: "it is removed by hand: etcdctl member remove \(String(member.entry?.id ?? 0, radix: 16))")
                continue
            }
            let reason = member.isLost ? "its data is lost" : "it has not been healthy for too long"
            guard self.mayRemove(member) else { continue }
            self.begin(.replace, step: "RemoveMember", member: member.name, intent: "Replace \(member.name): \(reason).")
            return self.continueRemoval()
        }
        return false
    }

    private func isOurs(_ member: MemberView) -> Bool {
        member.process != nil || member.previous != nil
    }

    /// The gates: what stays must be a healthy quorum of what stays; and a healthy member goes only when all others are
    /// healthy.
    mutating func mayRemove(_ member: MemberView) -> Bool {
        if member.isLearner { return true }
        let rest = self.view.voters.filter { $0.name != member.name }
        let healthy = rest.filter(\.isHealthy)
        let action = "RemoveMember \(member.name)"
        guard !rest.isEmpty else {
            self.block(action, "it is the last member", until: "there is another")
            return false
        }
        guard healthy.count >= ClusterView.quorum(of: rest.count) else {
            self.block(
                action, "only \(healthy.count) of the \(rest.count) that would stay are healthy",
                until: "a majority of those that stay is healthy")
            return false
        }
        if member.isHealthy, !member.isLost, healthy.count < rest.count {
            let sick = rest.filter { !$0.isHealthy }.map(\.name).joined(separator: ", ")
            self.block(action, "\(sick) not healthy", until: "every other member is healthy")
            return false
        }
        return true
    }

    mutating func continueRemoval() -> Bool {
        guard let operation = self.operation, let name = operation.member else { return self.endOperation("No member named.") }
        guard let member = self.view[name], member.process != nil || member.entry != nil else {
            return self.finishRemoval(name)
        }
        guard let entry = member.entry else { return self.clearRemoved(member) }
        // The list is live: a spec that grew back in the meantime ends the removal before it happened.
        if operation.type == .scaleDown, !member.isLearner, self.view.voters.count <= self.spec.replicas {
            return self.endOperation("The spec wants \(name) after all.")
        }
        if operation.type == .replace, member.isHealthy, !member.isLost {
            return self.endOperation("\(name) is healthy again.")
        }
        guard self.mayRemove(member) else { return self.wait("Removing \(name) waits.", for: .milliseconds(500)) }
        if name == self.view.leader, let step = self.moveLeaderAway(from: member) { return step }
        self.step("RemoveMember")
        self.operation?.details["id"] = String(entry.id, radix: 16)
        return self.act(
            .removeMember(member: name, id: entry.id, via: self.view.endpoints), why: operation.intent)
    }

    /// Nil when there is nobody to lead instead.
    private mutating func moveLeaderAway(from member: MemberView) -> Bool? {
        let others = self.view.voters.filter { $0.name != member.name && $0.isHealthy }
        guard let heir = others.first, let id = heir.entry?.id, let endpoint = member.endpoint else { return nil }
        self.step("MoveLeader")
        return self.act(
            .moveLeader(to: heir.name, id: id, leader: endpoint), why: "\(member.name) leads and is to be removed.")
    }

    private mutating func clearRemoved(_ member: MemberView) -> Bool {
        let label = self.operation?.details["id"] ?? "removed"
        return self.clearPlace(member.name, label: label)
    }

    private mutating func finishRemoval(_ name: String) -> Bool {
        let wasReplace = self.operation?.type == .replace
        self.event("MemberRemoved", "\(name) is no member any more; its data was moved aside.")
        self.operation = nil
        if wasReplace, self.view.voters.count < self.spec.replicas { return self.beginGrowing(replacing: name) }
        return self.wait("\(name) was removed.", for: .milliseconds(10))
    }

    // MARK: Strays

    /// Counts how often in a row a place is seen whose member etcd does not list.
    mutating func noteStrays() {
        let strays = self.view.members.filter { $0.process != nil && $0.entry == nil && $0.name != self.operation?.member }
        self.memory.strays = self.memory.strays.filter { name, _ in strays.contains { $0.name == name } }
        for stray in strays { self.memory.strays[stray.name, default: 0] += 1 }
    }

    /// Moves aside what an interrupted removal or addition left, once it was seen three times: one list may be old.
    mutating func retireStray() -> Bool {
        guard
            let stray = self.view.members.first(where: {
                $0.process != nil && $0.entry == nil && self.memory.strays[$0.name] ?? 0 >= 3
            })
        else { return false }
        self.begin(
            .scaleDown, step: "Stop", member: stray.name, intent: "Clear the place of \(stray.name), which is no member.")
        return self.continueRemoval()
    }
}
