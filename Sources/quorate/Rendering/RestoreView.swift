internal import ClusterAPI
internal import Platform

/// What a restore would do, and what one did.
enum RestoreView {
    /// - Parameters:
    ///   - source: A snapshot's URI as it was given; the cluster's last one when nil.
    ///   - artifact: What is known of that snapshot; nil for one that the controller has not made.
    static func proposal(
        for cluster: EtcdCluster, source: String?, artifact: SnapshotArtifact?, now: Timestamp
    ) -> [String] {
        let status = cluster.status
        var lines = ["Restoring \(cluster.metadata.name) would:", ""]
        if let artifact {
            lines.append("  1. verify and read the snapshot")
            lines += DescribeView.artifact(artifact, now: now).map { DescribeView.field($0.0, $0.1, indent: 5) }
        } else {
            lines.append("  1. verify and read the snapshot \(source ?? "-"), of which this controller knows no more")
        }
        let members = Human.count(max(status.members.count, cluster.spec.replicas), "member")
        lines += [
            "  2. stop what still runs of the \(members)",
            "  3. move the old data aside; nothing is deleted",
            "  4. start one member from the snapshot, as a new cluster: the cluster id \(status.clusterID ?? "-") ends, "
                + "a new one begins",
            "  5. grow to \(Human.count(cluster.spec.replicas, "member"))", "", Self.loss(status, artifact),
        ]
        if cluster.condition("Quorate")?.status == .true {
            lines.append("The cluster has quorum now: what was written to it after the snapshot would be gone from it.")
        }
        return lines
    }

    private static func loss(_ status: EtcdClusterStatus, _ artifact: SnapshotArtifact?) -> String {
        guard let artifact else { return "Revisions after those in the snapshot would be lost." }
        guard status.revision > artifact.revision else {
            return "No later revision than the snapshot's \(artifact.revision) was seen; one written since would be lost."
        }
        return
            "Revisions \(artifact.revision + 1) to \(status.revision) may be lost, and any that were written unseen after them."
    }

    static func report(_ restore: EtcdRestore, now: Timestamp) -> [String] {
        guard let report = restore.status.report else { return [restore.status.message].filter { !$0.isEmpty } }
        var lines = [report.summary, ""]
        lines += DescribeView.artifact(report.artifact, now: now).map { DescribeView.field($0.0, $0.1) }
        let lost = report.possiblyLost.map { "revisions \($0.lowerBound) to \($0.upperBound)" }
        lines.append(DescribeView.field("Possibly lost", lost ?? "none that can be named"))
        lines += report.movedAside.map { DescribeView.field("Moved aside", $0) }
        if let started = restore.status.startedAt, let completed = restore.status.completedAt {
            lines.append(DescribeView.field("Took", Human.age(completed - started)))
        }
        return lines
    }
}
