internal import ClusterAPI
internal import Platform
internal import Testing

@testable internal import quorate

/// Objects to draw, and the moment they are drawn at.
enum Samples {
    static let now = Timestamp(seconds: 1_795_388_576)  // 2026-11-22T23:02:56Z

    /// A spec as its owner writes it; ends with the last field of `spec`.
    static let manifest = """
        apiVersion: quorate.dev/v1alpha1
        kind: EtcdCluster
        metadata:
          name: orders
        spec:
          replicas: 3

        """

    static func artifact(revision: Int64 = 41_900) -> SnapshotArtifact {
        SnapshotArtifact(
            uri: "file:///srv/backups/orders/orders-20261122T225756Z.snapshot", sizeBytes: 20_512,
            sha256: String(repeating: "ab", count: 32), revision: revision, raftIndex: 50_000, raftTerm: 3,
            clusterID: "cdf818194e3a8c32", takenAt: Self.now - .seconds(300), member: "orders-2")
    }

    static func member(_ number: Int, role: String = "Follower") -> MemberStatus {
        var member = MemberStatus(name: "orders-\(number)")
        member.id = "8e9e05c52164694\(number)"
        member.role = role
        member.state = .ready
        (member.engine, member.version) = ("Etcd", "3.5.1")
        member.dbSize = 20_480
        member.dbSizeInUse = 16_384
        member.raftIndex = 50_123
        member.endpoint = "http://127.0.0.1:4000\(number)"
        member.pid = 100 + Int32(number)
        member.dataDirectory = "/srv/data/orders/orders-\(number)"
        return member
    }

    static func cluster(_ name: String = "orders") -> EtcdCluster {
        var meta = ObjectMeta(name: name)
        meta.generation = 2
        meta.creationTimestamp = Self.now - .seconds(7200)
        var cluster = EtcdCluster(metadata: meta, spec: EtcdClusterSpec())
        var backup = BackupSpec()
        backup.schedule = "*/30 * * * *"
        cluster.spec.backup = backup
        cluster.spec.engine.type = .etcd
        cluster.status.observedGeneration = 2
        cluster.status.phase = .running
        cluster.status.clusterID = "cdf818194e3a8c32"
        cluster.status.leader = "orders-1"
        cluster.status.readyReplicas = 3
        cluster.status.revision = 42_000
        cluster.status.members = [Self.member(1, role: "Leader"), Self.member(2), Self.member(3)]
        cluster.status.backup.lastSnapshot = Self.artifact()
        cluster.status.conditions = [
            Condition(
                type: "Quorate", status: .true, reason: "QuorumReached", message: "3 of 3 members agree on a leader",
                observedGeneration: 2, lastTransitionTime: Self.now - .seconds(7000))
        ]
        return cluster
    }

    static func restore() -> EtcdRestore {
        var restore = EtcdRestore(metadata: ObjectMeta(name: "orders-1"), spec: EtcdRestoreSpec(clusterRef: "orders"))
        restore.status.report = RestoreResult(
            artifact: Self.artifact(), lastSeenRevision: 42_000, possiblyLost: 41_901...42_000, summary: "Restored.",
            movedAside: ["/srv/data/orders/removed/orders-1"])
        restore.status.startedAt = Self.now - .seconds(9)
        restore.status.completedAt = Self.now
        return restore
    }

    /// In the middle of growing, with something waiting.
    static func growing() -> EtcdCluster {
        var cluster = Self.cluster()
        cluster.metadata.generation = 3
        cluster.spec.replicas = 5
        cluster.status.phase = .scaling
        cluster.status.operation = OperationStatus(
            type: .scaleUp, step: "WaitCaughtUp", startedAt: Self.now - .seconds(12),
            intent: "add orders-4 as a learner, then promote it",
            member: "orders-4")
        cluster.status.blocked = [
            BlockedAction(
                action: "Defragment orders-2", reason: "a change of membership is in flight", since: Self.now - .seconds(12),
                unblockedWhen: "orders-4 is promoted")
        ]
        return cluster
    }
}

/// Golden text: what is drawn, line for line.
func expectLines(_ lines: [String], _ golden: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let text = lines.joined(separator: "\n")
    #expect(text == golden, "drawn instead:\n\(text)", sourceLocation: sourceLocation)
}
