internal import ClusterAPI
internal import Platform

/// One cluster in full, top to bottom: what it is, what is done, what is not and why, and what happened.
struct DescribeView {
    var cluster: EtcdCluster
    var events: [Event]
    var snapshots: [EtcdSnapshot]
    var now: Timestamp
    var style = Style.plain

    func lines() -> [String] {
        self.heading() + self.operation() + self.blocked() + self.members() + self.conditions() + self.backup()
            + self.maintenance() + self.history()
    }

    private func heading() -> [String] {
        let (meta, spec, status) = (self.cluster.metadata, self.cluster.spec, self.cluster.status)
        var fields: [(String, String)] = [
            ("Name", meta.name),
            ("Namespace", meta.namespace),
            ("Phase", self.style.paint(status.phase.rawValue, Columns.colour(of: status.phase))),
            ("Replicas", "\(status.readyReplicas) ready of \(spec.replicas)"),
            ("Engine", cluster.engineWords),
            ("Cluster ID", status.clusterID ?? "-"),
            ("Leader", status.leader ?? "-"),
            ("Revision", status.revision > 0 ? String(status.revision) : "-"),
            ("Generation", self.generation()),
            ("Created", self.moment(meta.creationTimestamp)),
            ("Deletion", spec.deletionPolicy.rawValue),
        ]
        if let deleted = meta.deletionTimestamp { fields.append(("Being deleted", self.moment(deleted))) }
        if spec.paused { fields.append(("Paused", "yes: nothing is changed until  quorate resume \(meta.name)")) }
        return fields.map { self.field($0.0, $0.1) }
    }

    private func generation() -> String {
        let (wanted, seen) = (self.cluster.metadata.generation, self.cluster.status.observedGeneration)
        return wanted == seen ? "\(wanted)" : "\(wanted), of which the status below still shows \(seen)"
    }

    private func operation() -> [String] {
        guard let operation = self.cluster.status.operation else { return self.section("In flight", ["  nothing"]) }
        var lines = [
            "  \(operation.type.rawValue): \(operation.intent)",
            "  step \(operation.step), since \(self.moment(operation.startedAt))",
        ]
        if let member = operation.member { lines.append("  member \(member)") }
        if let progress = operation.details["progress"] { lines.append("  \(progress)") }
        let (ready, wanted) = (self.cluster.status.readyReplicas, self.cluster.spec.replicas)
        if ready < wanted { lines.append("  \(ready) of \(Human.count(wanted, "member")) ready (\(ready * 100 / wanted) %)") }
        return self.section("In flight", lines)
    }

    private func blocked() -> [String] {
        let blocked = self.cluster.status.blocked
        guard !blocked.isEmpty else { return [] }
        return self.section("Blocked", Self.blocked(blocked, now: self.now))
    }

    /// What waits, why, since when, and until when.
    static func blocked(_ blocked: [BlockedAction], now: Timestamp) -> [String] {
        blocked.flatMap { action in
            [
                "  \(action.action)", "    why      \(action.reason)",
                "    since    \(action.since) (\(Human.age(now - action.since)))",
                "    until    \(action.unblockedWhen)",
            ]
        }
    }

    private func members() -> [String] {
        let members = self.cluster.status.members
        guard !members.isEmpty else { return self.section("Members", ["  none yet"]) }
        var lines = Columns.members(members, wide: true).lines(style: self.style, indent: 2)
        for member in members {
            for error in member.errors { lines.append(self.style.paint("  \(member.name): \(error)", .red)) }
            if let since = member.unhealthySince {
                lines.append(self.style.paint("  \(member.name): not healthy since \(self.moment(since))", .yellow))
            }
        }
        lines += members.filter { !$0.dataDirectory.isEmpty }.map { "  \($0.name): data in \($0.dataDirectory)" }
        return self.section("Members", lines)
    }

    private func conditions() -> [String] {
        let conditions = self.cluster.status.conditions
        guard !conditions.isEmpty else { return [] }
        return self.section("Conditions", Columns.conditions(conditions, now: self.now).lines(style: self.style, indent: 2))
    }

    private func backup() -> [String] {
        guard let spec = self.cluster.spec.backup else {
            return self.section("Backup", ["  none: add spec.backup to be able to restore this cluster"])
        }
        let status = self.cluster.status.backup
        var lines: [String] = []
        let zone = spec.timeZone.map { " \($0)" } ?? " UTC"
        let schedule = spec.schedule.map { "\($0)\(zone)\(spec.suspend ? " (suspended)" : "")" }
        lines.append(self.field("Schedule", schedule ?? "none, by hand only", indent: 2))
        if let next = status.nextScheduledTime, !spec.suspend { lines.append(self.field("Next", "\(next)", indent: 2)) }
        if status.missedRuns > 0 { lines.append(self.field("Missed", "\(status.missedRuns)", indent: 2)) }
        if let window = status.recoveryWindow {
            lines.append(self.field("Restorable", "\(window.earliest) to \(window.latest)", indent: 2))
        }
        if let lag = status.archiveLag, lag.revisions > 0 {
            lines.append(self.field("Not archived", "\(lag.revisions) entries, since \(lag.seconds) s", indent: 2))
        }
        if let failure = status.lastFailure { lines.append(self.field("Last failure", failure, indent: 2)) }
        guard let last = status.lastSnapshot else {
            return self.section("Backup", lines + [self.field("Last", "none yet", indent: 2)])
        }
        lines += Self.artifact(last, now: self.now).map { self.field($0.0, $0.1, indent: 2) }
        if !self.snapshots.isEmpty {
            let newest = self.snapshots.sorted { $0.metadata.name > $1.metadata.name }.prefix(10)
            let table = Columns.snapshots(Array(newest), now: self.now, wide: false)
            lines += [""] + table.lines(style: self.style, indent: 2)
        }
        return self.section("Backup", lines)
    }

    /// One snapshot, as names and values.
    static func artifact(_ artifact: SnapshotArtifact, now: Timestamp) -> [(String, String)] {
        [
            ("Snapshot", artifact.uri),
            ("Taken", "\(artifact.takenAt) (\(Human.age(now - artifact.takenAt)) ago) from \(artifact.member)"),
            ("Revision", String(artifact.revision)),
            ("Size", "\(Human.bytes(artifact.sizeBytes)) (\(artifact.sizeBytes) bytes)"),
            ("SHA-256", artifact.sha256),
        ]
    }

    private func maintenance() -> [String] {
        let status = self.cluster.status.maintenance
        var lines: [String] = []
        if status.lastCompactedRevision > 0 {
            let moment = self.moment(status.lastCompactionTime)
            lines.append(self.field("Compacted", "to revision \(status.lastCompactedRevision), \(moment)", indent: 2))
        }
        for (member, time) in status.lastDefragmentation.sorted(by: { $0.key < $1.key }) {
            lines.append(self.field("Defragmented", "\(member), \(self.moment(time))", indent: 2))
        }
        return lines.isEmpty ? [] : self.section("Maintenance", lines)
    }

    private func history() -> [String] {
        Self.history(self.events, now: self.now, style: self.style)
    }

    /// What happened to an object, the latest first.
    static func history(_ events: [Event], now: Timestamp, style: Style) -> [String] {
        let title = ["", style.paint("Events", .bold)]
        guard !events.isEmpty else { return title + ["  none in the last hour"] }
        let newest = events.sorted { ($0.lastSeen, $0.reason) > ($1.lastSeen, $1.reason) }.prefix(20)
        return title + Columns.events(Array(newest), now: now).lines(style: style, indent: 2)
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        ["", self.style.paint(title, .bold)] + lines
    }

    private func field(_ name: String, _ value: String, indent: Int = 0) -> String {
        Self.field(name, value, indent: indent)
    }

    /// A name, padded, and its value.
    static func field(_ name: String, _ value: String, indent: Int = 0) -> String {
        let pad = String(repeating: " ", count: max(2, 15 - indent - name.count))
        return String(repeating: " ", count: indent) + name + pad + value
    }

    private func moment(_ time: Timestamp?) -> String {
        guard let time else { return "-" }
        return "\(time) (\(Human.age(self.now - time)) ago)"
    }
}
