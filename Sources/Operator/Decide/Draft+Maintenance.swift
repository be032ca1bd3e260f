internal import ClusterAPI
internal import EtcdWire
internal import Platform

extension Draft {
    // MARK: Compaction

    mutating func compaction() -> Bool {
        if let done = self.memory.compaction {
            self.status.maintenance.lastCompactedRevision = max(self.status.maintenance.lastCompactedRevision, done.revision)
            self.status.maintenance.lastCompactionTime = done.time
        }
        guard self.view.isQuorate, let rule = self.spec.maintenance.compaction else { return false }
        switch rule {
        case .periodic(let retention): return self.compactPeriodically(keeping: retention)
        case .revision(let retention): return self.compactByRevision(keeping: retention)
        }
    }

    /// As etcd's own periodic compactor: once per retention (at most an hour), to the revision of that long ago.
    private mutating func compactPeriodically(keeping retention: Duration) -> Bool {
        let spacing = max(retention / 20, .seconds(1))
        if (self.memory.samples.last.map { self.now - $0.time >= spacing }) ?? true {
            self.memory.samples.append(.init(time: self.now, revision: self.view.revision))
        }
        let horizon = self.now - retention
        guard let old = self.memory.samples.last(where: { $0.time <= horizon }) else { return false }
        self.memory.samples.removeAll { $0.time < old.time }
        if let last = self.status.maintenance.lastCompactionTime, self.now - last < min(retention, .seconds(3600)) {
            return false
        }
        guard old.revision > self.status.maintenance.lastCompactedRevision else { return false }
        return self.act(
            .compact(revision: old.revision, via: self.view.endpoints), why: "History older than the retention is compacted.",
            yielding: true)
    }

    /// In steps of a tenth of the retention, so that a busy cluster is not compacted at every look.
    private mutating func compactByRevision(keeping retention: Int64) -> Bool {
        let target = self.view.revision - retention
        let behind = target - self.status.maintenance.lastCompactedRevision
        guard target > 1, behind >= max(1, retention / 10) else { return false }
        if let last = self.status.maintenance.lastCompactionTime, self.now - last < .seconds(10) { return false }
        return self.act(
            .compact(revision: target, via: self.view.endpoints), why: "\(behind) revisions more than the retention are kept.",
            yielding: true)
    }

    // MARK: Defragmentation

    /// One member at a time, the leader last, and only while every member is healthy.
    mutating func defragmentation() -> Bool {
        self.mergeDefragmented()
        guard let rule = self.spec.maintenance.defragmentation else { return false }
        self.openDefragmentationCycle(rule)
        guard let cycle = self.status.maintenance.defragmentationCycle else { return false }
        let waiting = self.followersFirst.filter { member in
            (self.status.maintenance.lastDefragmentation[member.name] ?? Timestamp(seconds: 0)) < cycle
                && Self.isFragmented(member, rule)
        }
        guard let next = waiting.first, let endpoint = next.endpoint else { return false }
        guard self.operation == nil, self.view.isQuorate, self.view.listed.allSatisfy({ $0.isHealthy && !$0.isLearner }) else {
            self.block("Defragment \(next.name)", "not every member is healthy", until: "every member is healthy")
            if self.input.cluster.status.blocked.allSatisfy({ $0.action != "Defragment \(next.name)" }) {
                self.event("DefragmentationDeferred", "\(next.name): not every member is healthy.")
            }
            return false
        }
        return self.act(
            .defragment(member: next.name, endpoint: endpoint),
            why: "\(next.name) would win back \((next.answer?.dbSize ?? 0) - (next.answer?.dbSizeInUse ?? 0)) bytes.",
            yielding: true)
    }

    private mutating func mergeDefragmented() {
        for name in self.memory.defragmented.keys.sorted() {
            let time = self.memory.defragmented[name] ?? self.now
            if self.status.maintenance.lastDefragmentation[name] ?? Timestamp(seconds: 0) < time {
                self.status.maintenance.lastDefragmentation[name] = time
            }
        }
        self.memory.defragmented = [:]
    }

    private mutating func openDefragmentationCycle(_ rule: DefragmentationSpec) {
        let last = self.status.maintenance.defragmentationCycle
        if let schedule = rule.schedule {
            guard let cron = try? Cron(schedule),
                let rules = self.zone(rule.timeZone, of: "spec.maintenance.defragmentation", toDo: "Defragment")
            else { return }
            let anchor = last ?? self.cluster.metadata.creationTimestamp ?? self.now
            if let due = cron.next(after: anchor, in: rules), due <= self.now {
                self.status.maintenance.defragmentationCycle = self.now
            }
        } else if last.map({ self.now - $0 >= .seconds(600) }) ?? true,
            self.view.members.contains(where: { $0.entry != nil && Self.isFragmented($0, rule) })
        {
            self.status.maintenance.defragmentationCycle = self.now
        }
    }

    private static func isFragmented(_ member: MemberView, _ rule: DefragmentationSpec) -> Bool {
        guard let answer = member.answer, answer.dbSize > 0 else { return false }
        let free = answer.dbSize - answer.dbSizeInUse
        return free >= rule.minReclaim && Double(free) * 100 >= Double(answer.dbSize) * Double(rule.minFragmentation)
    }

    private var followersFirst: [MemberView] {
        let healthy = self.view.voters.filter(\.isHealthy)
        return healthy.filter { $0.name != self.view.leader } + healthy.filter { $0.name == self.view.leader }
    }

    // MARK: No space

    /// The NOSPACE alarm: compact what may be compacted, defragment every member, disarm once there is room again.
    mutating func spaceAlarm() -> Bool {
        let isRaised = self.view.members.contains { $0.answer?.errors.contains { $0.contains("NOSPACE") } ?? false }
        guard isRaised else {
            if self.operation?.type == .defragment {
                self.event("AlarmDisarmed", "NOSPACE is over.")
                return self.endOperation("The space alarm is over.")
            }
            return false
        }
        guard self.view.isQuorate else { return false }
        if self.operation == nil {
            self.event("AlarmRaised", "NOSPACE: a member's database reached its quota.", .warning)
            self.begin(.defragment, step: "Compact", intent: "Win back space: compact, defragment, disarm.")
        }
        guard self.operation?.type == .defragment, let cycle = self.operation?.startedAt else { return false }
        if (self.memory.compaction?.time ?? Timestamp(seconds: 0)) < cycle {
            return self.act(
                .compact(revision: self.view.revision, via: self.view.endpoints), why: "Old revisions are the first to go.")
        }
        self.mergeDefragmented()
        self.step("Defragment")
        for member in self.followersFirst
        where (self.status.maintenance.lastDefragmentation[member.name] ?? Timestamp(seconds: 0)) < cycle {
            guard let endpoint = member.endpoint else { continue }
            return self.act(
                .defragment(member: member.name, endpoint: endpoint), why: "\(member.name) gives back what is free.")
        }
        return self.disarm(cycle)
    }

    private mutating func disarm(_ cycle: Timestamp) -> Bool {
        let full = self.view.listed.filter { Double($0.answer?.dbSize ?? 0) >= 0.9 * Double(self.spec.storage.quota) }
        guard full.isEmpty else {
            let names = full.map(\.name).joined(separator: ", ")
            self.block(
                "Disarm NOSPACE", "\(names) still above 90 % of the quota",
                until: "keys are deleted, or spec.storage.quota is raised", since: cycle)
            if self.now - cycle >= .seconds(600) { self.operation = nil }
            return false
        }
        self.step("Disarm")
        return self.act(.disarmNoSpace(via: self.view.endpoints), why: "Every member is below 90 % of its quota.")
    }
}
