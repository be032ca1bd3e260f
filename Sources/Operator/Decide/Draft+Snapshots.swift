internal import Backups
internal import ClusterAPI
internal import EtcdWire
internal import Platform

extension Draft {
    /// Takes the snapshots that were asked for, and asks for those that are due.
    mutating func snapshots() -> Bool {
        self.closeDeliveredSnapshots()
        if let pending = self.openSnapshots.first { return self.take(pending) }
        guard let backup = self.spec.backup, let schedule = backup.schedule else { return false }
        guard !backup.suspend else {
            self.block("Snapshot", "spec.backup.suspend is true", until: "it is false")
            return false
        }
        guard let rules = self.zone(backup.timeZone, of: "spec.backup", toDo: "Snapshot") else {
            self.status.backup.nextScheduledTime = nil
            return false
        }
        return self.requestDueSnapshot(schedule, rules)
    }

    private var openSnapshots: [EtcdSnapshot] {
        self.input.requests.snapshots.filter { snapshot in
            let written = self.snapshotWrites.first { $0.metadata.name == snapshot.metadata.name } ?? snapshot
            return written.status.phase == .pending || written.status.phase == .inProgress
        }
    }

    /// A snapshot that the store lists is whole, whatever the object says of it.
    private mutating func closeDeliveredSnapshots() {
        guard let listing = self.input.observed.snapshots else { return }
        for var snapshot in self.input.requests.snapshots {
            guard let manifest = listing.snapshots.first(where: { $0.name == snapshot.metadata.name }) else { continue }
            snapshot.status.phase = .succeeded
            snapshot.status.artifact = manifest.artifact
            snapshot.status.message = ""
            snapshot.status.completedAt = snapshot.status.completedAt ?? self.now
            self.snapshotWrites.append(snapshot)
            self.status.backup.lastFailure = nil
            self.event(
                "SnapshotSucceeded", "\(manifest.name): revision \(manifest.contents.revision), \(manifest.sizeBytes) bytes.")
        }
    }

    private mutating func take(_ pending: EtcdSnapshot) -> Bool {
        var pending = pending
        guard let source = self.snapshotSource(), let endpoint = source.endpoint else {
            self.block("Snapshot \(pending.metadata.name)", "no healthy member", until: "a member is healthy")
            return false
        }
        guard self.input.observed.snapshots != nil else {
            let why = self.input.observed.backupFailure ?? "the backup store is not known"
            self.block("Snapshot \(pending.metadata.name)", why, until: "the backup store can be read")
            return false
        }
        let labels = SnapshotLabels(
            cluster: self.name, clusterID: self.status.clusterID ?? "", member: source.name, takenAt: self.now)
        let action = Action.takeSnapshot(name: pending.metadata.name, labels: labels, endpoint: endpoint)
        if let failure = self.memory.failures[action.retryKey], failure.count >= 3 {
            pending.status.phase = .failed
            pending.status.message = failure.message
            pending.status.completedAt = self.now
            self.snapshotWrites.append(pending)
            self.status.backup.lastFailure = "\(pending.metadata.name): \(failure.message)"
            self.memory.failures[action.retryKey] = nil
            self.event("SnapshotFailed", "\(pending.metadata.name): \(failure.message)", .warning)
            return self.wait("Snapshot \(pending.metadata.name) failed.")
        }
        let failure = self.memory.failures[action.retryKey].map { "\($0.message); it is tried again" }
        if pending.status.phase != .inProgress || failure.map({ $0 != pending.status.message }) ?? false {
            pending.status.phase = .inProgress
            pending.status.message = failure ?? "streaming from \(source.name)"
            self.snapshotWrites.append(pending)
        }
        return self.act(
            action, why: "Snapshot \(pending.metadata.name) was asked for; \(source.name) costs least to read.",
            yielding: true)
    }

    /// The member that costs least: a follower in step with the leader, the furthest along first; else the leader.
    private func snapshotSource() -> MemberView? {
        let healthy = self.view.voters.filter(\.isHealthy)
        let leader = healthy.first { $0.name == self.view.leader }
        let head = leader?.answer?.raftIndex ?? 0
        let followers = healthy.filter { $0.name != leader?.name && ($0.answer?.raftAppliedIndex ?? 0) + 1_000 >= head }
        return followers.max { ($0.answer?.raftAppliedIndex ?? 0) < ($1.answer?.raftAppliedIndex ?? 0) } ?? leader
    }

    /// Writes down the snapshot that is due, as an object of its own; taking it is the next turn.
    private mutating func requestDueSnapshot(_ schedule: String, _ rules: ZoneRules) -> Bool {
        guard let due = self.dueRun(schedule, rules, after: self.status.backup.lastScheduledTime) else { return false }
        guard self.view.isQuorate else { return false }
        self.status.backup.missedRuns += due.missed
        self.status.backup.lastScheduledTime = due.time
        var snapshot = EtcdSnapshot(
            metadata: ObjectMeta(name: DerivedName.name(self.name, "scheduled-\(due.time.namePart)")),
            spec: EtcdSnapshotSpec(clusterRef: self.name))
        snapshot.metadata.namespace = self.cluster.metadata.namespace
        snapshot.metadata.labels["quorate.dev/schedule"] = "true"
        self.snapshotWrites.append(snapshot)
        let missed = due.missed > 0 ? " (\(due.missed) earlier runs were missed)" : ""
        return self.wait("The snapshot of \(due.time) is due\(missed).", for: .milliseconds(10))
    }

    /// The newest run at or before now that was not taken, and how many before it were not either. The first snapshot of
    /// a cluster that has none is due at once.
    private mutating func dueRun(
        _ schedule: String, _ rules: ZoneRules, after last: Timestamp?
    ) -> (time: Timestamp, missed: Int64)? {
        guard let cron = try? Cron(schedule) else { return nil }
        guard let anchor = last else { return (self.now, 0) }
        var due: Timestamp?
        var missed: Int64 = -1
        var next = cron.next(after: anchor, in: rules)
        while let run = next, run <= self.now, missed < 10_000 {
            due = run
            missed += 1
            next = cron.next(after: run, in: rules)
        }
        self.status.backup.nextScheduledTime = next
        return due.map { ($0, missed) }
    }

    /// The rules of a schedule's time zone. Nil when this machine does not know it: then the schedule waits, since run at
    /// another time it would be another schedule.
    mutating func zone(_ name: String?, of field: String, toDo action: String) -> ZoneRules? {
        guard let name else { return .utc }
        if let rules = self.input.zones[name] { return rules }
        self.block(
            action, "\(field).timeZone: this machine does not know the time zone \(name)",
            until: "the spec names one that it knows, or its zone database (tzdata) has it")
        return nil
    }

    /// The time zones of schedules that this machine does not know, with their fields.
    var unknownZones: [String] {
        let backup = self.spec.backup.map { ("spec.backup", $0.schedule, $0.timeZone) }
        let defragmentation = self.spec.maintenance.defragmentation.map {
            ("spec.maintenance.defragmentation", $0.schedule, $0.timeZone)
        }
        return [backup, defragmentation].compactMap { rule in
            guard let (field, schedule, zone) = rule, schedule != nil, let zone, self.input.zones[zone] == nil else {
                return nil
            }
            return "\(field).timeZone (\(zone))"
        }
    }

    /// Removes what the retention rule no longer keeps: one a turn, oldest first, never the last good one.
    mutating func retention() -> Bool {
        guard let backup = self.spec.backup, let listing = self.input.observed.snapshots, self.operation == nil else {
            return false
        }
        let rule = Retention(
            keepLast: backup.retention.keepLast, hourly: backup.retention.hourly, daily: backup.retention.daily)
        let verdicts = rule.keep(listing.snapshots)
        guard let oldest = verdicts.first(where: { !$0.isKept })?.snapshot else { return false }
        let kept = verdicts.count(where: \.isKept)
        return self.act(.removeSnapshot(oldest), why: "The retention rule keeps \(kept) newer ones.", yielding: true)
    }
}
