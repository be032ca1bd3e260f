internal import ClusterAPI
internal import Platform

/// The printer columns of each resource.
enum Columns {
    static func clusters(_ clusters: [EtcdCluster], now: Timestamp, wide: Bool) -> TextTable {
        var table = TextTable(header: [
            "NAME", "READY", "QUORATE", "LEADER", "REVISION", "DB SIZE", "LAST SNAPSHOT", "PHASE", "AGE",
        ])
        if wide { table.header += ["ENGINE", "CLUSTER ID", "ENDPOINTS", "DOING"] }
        table.rows = clusters.map { cluster in
            let status = cluster.status
            let size = status.members.map(\.dbSize).max() ?? 0
            var row: [TextTable.Cell] = [
                .init(cluster.metadata.name),
                self.ready(cluster),
                self.verdict(cluster.condition("Quorate")?.status),
                .init(status.leader ?? "-"),
                .init(status.revision > 0 ? String(status.revision) : "-"),
                .init(size > 0 ? Human.bytes(size) : "-"),
                .init(Human.age(of: status.backup.lastSnapshot?.takenAt, at: now)),
                .init(self.phase(of: cluster).rawValue, self.colour(of: self.phase(of: cluster))),
                .init(Human.age(of: cluster.metadata.creationTimestamp, at: now)),
            ]
            if wide {
                let endpoints = status.members.map(\.endpoint).filter { !$0.isEmpty }
                row += [
                    .init(cluster.engineWords),
                    .init(status.clusterID ?? "-"),
                    .init(endpoints.isEmpty ? "-" : endpoints.joined(separator: ",")),
                    .init(cluster.doing ?? "-"),
                ]
            }
            return row
        }
        return table
    }

    static func members(_ members: [MemberStatus], wide: Bool) -> TextTable {
        var table = TextTable(header: ["MEMBER", "ROLE", "STATE", "ENGINE", "DB SIZE", "IN USE", "RAFT INDEX", "ENDPOINT"])
        if wide { table.header += ["ID", "PID"] }
        table.rows = members.map { member in
            var row: [TextTable.Cell] = [
                .init(member.name),
                .init(self.orDash(member.role)),
                .init(member.state.rawValue, self.colour(of: member.state)),
                .init(self.orDash([member.engine, member.version].filter { !$0.isEmpty }.joined(separator: " "))),
                .init(member.dbSize > 0 ? Human.bytes(member.dbSize) : "-"),
                .init(member.dbSizeInUse > 0 ? Human.bytes(member.dbSizeInUse) : "-"),
                .init(member.raftIndex > 0 ? String(member.raftIndex) : "-"),
                .init(self.orDash(member.endpoint)),
            ]
            if wide { row += [.init(self.orDash(member.id)), .init(member.pid.map { String($0) } ?? "-")] }
            return row
        }
        return table
    }

    static func snapshots(_ snapshots: [EtcdSnapshot], now: Timestamp, wide: Bool) -> TextTable {
        var table = TextTable(header: ["NAME", "CLUSTER", "PHASE", "REVISION", "SIZE", "AGE"])
        if wide { table.header += ["MEMBER", "SHA256", "URI", "MESSAGE"] }
        table.rows = snapshots.map { snapshot in
            let artifact = snapshot.status.artifact
            var row: [TextTable.Cell] = [
                .init(snapshot.metadata.name),
                .init(snapshot.spec.clusterRef),
                .init(snapshot.status.phase.rawValue, self.colour(of: snapshot.status.phase)),
                .init(artifact.map { String($0.revision) } ?? "-"),
                .init(artifact.map { Human.bytes($0.sizeBytes) } ?? "-"),
                .init(Human.age(of: artifact?.takenAt ?? snapshot.metadata.creationTimestamp, at: now)),
            ]
            if wide {
                row += [
                    .init(artifact?.member ?? "-"), .init(artifact.map { String($0.sha256.prefix(12)) } ?? "-"),
                    .init(artifact?.uri ?? "-"), .init(self.orDash(snapshot.status.message)),
                ]
            }
            return row
        }
        return table
    }

    static func restores(_ restores: [EtcdRestore], now: Timestamp, wide: Bool) -> TextTable {
        var table = TextTable(header: ["NAME", "CLUSTER", "PHASE", "APPROVED", "REVISION", "AGE"])
        if wide { table.header += ["FROM", "MESSAGE"] }
        table.rows = restores.map { restore in
            let artifact = restore.status.report?.artifact
            var row: [TextTable.Cell] = [
                .init(restore.metadata.name),
                .init(restore.spec.clusterRef),
                .init(restore.status.phase.rawValue, self.colour(of: restore.status.phase)),
                .init(restore.spec.approved ? "Yes" : "No"),
                .init(artifact.map { String($0.revision) } ?? "-"),
                .init(Human.age(of: restore.metadata.creationTimestamp, at: now)),
            ]
            if wide {
                row += [
                    .init(restore.spec.source.from ?? artifact?.uri ?? "-"), .init(self.orDash(restore.status.message)),
                ]
            }
            return row
        }
        return table
    }

    static func conditions(_ conditions: [Condition], now: Timestamp) -> TextTable {
        TextTable(
            header: ["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"],
            rows: conditions.map { condition in
                [
                    .init(condition.type),
                    .init(condition.status.rawValue),
                    .init(Human.age(of: condition.lastTransitionTime, at: now)),
                    .init(condition.reason),
                    .init(condition.message),
                ]
            })
    }

    static func events(_ events: [Event], now: Timestamp) -> TextTable {
        TextTable(
            header: ["LAST SEEN", "TYPE", "REASON", "MESSAGE"],
            rows: events.map { event in
                [
                    .init(Human.age(of: event.lastSeen, at: now)),
                    .init(event.type.rawValue, event.type == .warning ? .yellow : nil),
                    .init(event.reason),
                    .init(event.count > 1 ? "\(event.message) (x\(event.count))" : event.message),
                ]
            })
    }
}

extension Columns {
    static func orDash(_ text: String) -> String { text.isEmpty ? "-" : text }

    /// A cluster that was deleted a moment ago is shown so before the controller has seen it.
    private static func phase(of cluster: EtcdCluster) -> ClusterPhase {
        cluster.metadata.deletionTimestamp == nil ? cluster.status.phase : .deleting
    }

    private static func ready(_ cluster: EtcdCluster) -> TextTable.Cell {
        let (ready, wanted) = (cluster.status.readyReplicas, cluster.spec.replicas)
        return .init("\(ready)/\(wanted)", ready == wanted ? nil : .yellow)
    }

    private static func verdict(_ status: Condition.Status?) -> TextTable.Cell {
        switch status ?? .unknown {
        case .true: .init("True")
        case .false: .init("False", .red)
        case .unknown: .init("Unknown", .yellow)
        }
    }

    static func colour(of phase: ClusterPhase) -> Style.Colour? {
        switch phase {
        case .running: .green
        case .pending, .creating, .scaling, .degraded, .recovering, .paused, .deleting: .yellow
        case .quorumLost: .red
        }
    }

    private static func colour(of state: MemberState) -> Style.Colour? {
        switch state {
        case .ready: .green
        case .starting, .learner, .removing: .yellow
        case .unhealthy: .red
        }
    }

    private static func colour(of phase: SnapshotPhase) -> Style.Colour? {
        switch phase {
        case .succeeded: .green
        case .failed: .red
        case .pending, .inProgress: .yellow
        }
    }

    private static func colour(of phase: RestorePhase) -> Style.Colour? {
        switch phase {
        case .succeeded: .green
        case .failed: .red
        default: .yellow
        }
    }
}

extension EtcdCluster {
    func condition(_ type: String) -> Condition? {
        self.status.conditions.first { $0.type == type }
    }

    /// The change in flight, or else what keeps one from happening, in one line.
    var doing: String? {
        if let operation = self.status.operation { return "\(operation.type.rawValue): \(operation.step)" }
        return self.status.blocked.first.map { "blocked: \($0.action): \($0.reason)" }
    }
}
