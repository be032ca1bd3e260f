internal import ClusterAPI
internal import Platform

/// What a restore would do, and what one did.
enum RestoreView {
    static func proposal(for cluster: EtcdCluster, by restore: EtcdRestore, now: Timestamp) -> [String] {
        let status = cluster.status
        let first = restore.status.report.map { Self.isWhole($0) } ?? true
        var lines = [
            "Restoring \(cluster.metadata.name) would:", "",
            "  1. take this snapshot, which was read and is whole\(first ? "" : ", and what was archived around it")",
        ]
        if let report = restore.status.report {
            lines += self.moment(report).map { DescribeView.field($0.0, $0.1, indent: 5) }
            lines += DescribeView.artifact(report.artifact, now: now).map { DescribeView.field($0.0, $0.1, indent: 5) }
        }
        let old = status.clusterID.map { "; the cluster id \($0) ends, a new one begins" } ?? ""
        lines += [
            "  2. stop what still runs of the old members",
            "  3. move the old data aside; nothing is deleted",
            "  4. start one member from the snapshot, as a new cluster\(old)",
            "  5. grow to \(Human.count(cluster.spec.replicas, "member"))",
        ]
        if let report = restore.status.report {
            lines += ["", "What may be lost: \(self.lost(report)). In words: \(report.summary)"]
        }
        if cluster.condition("Quorate")?.status == .true {
            let what = first ? "after the snapshot" : "after that"
            lines.append("The cluster has quorum now: what was written to it \(what) would be gone from it.")
        }
        return lines
    }

    private static func isWhole(_ report: RestoreResult) -> Bool { report.target == .latest }

    /// What was asked for, and what it comes to.
    private static func moment(_ report: RestoreResult) -> [(String, String)] {
        guard !self.isWhole(report) else { return [] }
        return [("Target", "\(report.target)"), ("That is", report.resolved)] + report.timing.map { ("When", $0) }
    }

    private static func lost(_ report: RestoreResult) -> String {
        guard let lost = report.possiblyLost else { return "nothing that can be named" }
        return lost.count == 1 ? "revision \(lost.lowerBound)" : "revisions \(lost.lowerBound) to \(lost.upperBound)"
    }

    static func report(_ restore: EtcdRestore, now: Timestamp) -> [String] {
        guard let report = restore.status.report else { return [restore.status.message].filter { !$0.isEmpty } }
        var lines = [report.summary, ""]
        lines += (self.moment(report) + DescribeView.artifact(report.artifact, now: now)).map { DescribeView.field($0.0, $0.1) }
        lines.append(DescribeView.field("Possibly lost", self.lost(report)))
        lines += report.sources.map { DescribeView.field("From", $0) }
        if report.startRevision > 0 { lines.append(DescribeView.field("Goes on from", "revision \(report.startRevision)")) }
        lines += report.movedAside.map { DescribeView.field("Moved aside", $0) }
        if let started = restore.status.startedAt, let completed = restore.status.completedAt {
            lines.append(DescribeView.field("Took", Human.age(completed - started)))
        }
        return lines
    }
}
