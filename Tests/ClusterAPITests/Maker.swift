import ClusterAPI
import Platform

/// Makes values of every type with every field set now and then, all of it out of a seed.
struct Maker {
    private var random: SeededRandom

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self.random)]
    }

    private mutating func maybe<Value>(_ make: (inout Maker) -> Value) -> Value? {
        self.random.chance(0.6) ? make(&self) : nil
    }

    private mutating func list<Value>(_ make: (inout Maker) -> Value) -> [Value] {
        (0..<Int.random(in: 0...3, using: &self.random)).map { _ in make(&self) }
    }

    private mutating func text() -> String {
        self.pick([
            "", "a", "orders-1", "true", "1", "line\nline", "\u{0}\u{7F}", "\"'\\", "日本 😀",
            "\u{2028}\u{FEFF}", "a: b # c", "~",
        ])
    }

    private mutating func label() -> String {
        self.pick(["a", "orders", "orders-2", "0x9", String(repeating: "n", count: 63)])
    }
    private mutating func path() -> String {
        self.pick(["./data", "/var/lib/x", "a b/ü", "-", "{}"])
    }
    private mutating func time() -> Timestamp {
        Timestamp(
            nanoseconds: self.pick([
                0, 1, 1_795_000_000_123_456_789, -5, 1_700_000_000_000_000_000, 999_999_999,
            ]))
    }
    private mutating func int<Number: FixedWidthInteger>() -> Number {
        self.pick([0, 1, 1000, .max, .min, .max - 1])
    }
    private mutating func span() -> Duration {
        .nanoseconds(
            self.pick([
                1_000_000_000, 1_500_000_000, 3_600_000_000_001, 90_061_000_000_000,
                315_360_000_000_000_000,
            ]))
    }

    private mutating func target() -> TargetSpec {
        self.pick([
            .latest, .revision(1), .revision(.max), .time(self.time()), .beforeDelete("/a/b"), .beforeDelete("日本 \\xff"),
        ])
    }

    private mutating func metadata() -> ObjectMeta {
        var meta = ObjectMeta(name: self.label())
        meta.namespace = self.label()
        meta.uid = self.text()
        meta.resourceVersion = self.pick(["", "12"])
        meta.generation = self.int()
        meta.creationTimestamp = self.maybe { $0.time() }
        meta.deletionTimestamp = self.maybe { $0.time() }
        meta.finalizers = self.list { $0.text() }
        for _ in 0..<3 {
            meta.labels[self.pick(["a", "b.c", "example.com/x_y"])] = self.pick([
                "", "v", "a.b-c", "true",
            ])
        }
        for _ in 0..<3 { meta.annotations[self.pick(["a", "b.c", "example.com/x_y"])] = self.text() }
        return meta
    }

    mutating func cluster() -> EtcdCluster {
        var cluster = EtcdCluster(metadata: self.metadata(), spec: self.spec())
        cluster.status = self.status()
        return cluster
    }

    mutating func spec() -> EtcdClusterSpec {
        var spec = EtcdClusterSpec()
        spec.replicas = self.pick([1, 3, 8, 9])
        spec.engine.type = self.pick([nil, .etcd, .native])
        if spec.engine.type != .native { spec.engine.version = self.pick(["3.4", "3.5", "3.5.1", "3.4.23"]) }
        spec.engine.binaryDirectory = self.maybe { $0.path() }
        spec.runtime.process.host = self.pick([
            "127.0.0.1", "::1", "localhost", "db-1.example.com", "fe80::1:2", "10.0.0.255",
        ])
        spec.runtime.process.dataDirectory = self.maybe { $0.path() }
        spec.storage.quota = self.pick([1, 1023, 1 << 20, 2 << 30, .max, 1_000_000_000, 3 << 60])
        spec.options.heartbeatInterval = .milliseconds(self.pick([1, 100, 999, 10_000]))
        spec.options.electionTimeout = .milliseconds(50_000)
        spec.options.snapshotCount = self.pick([1, 10_000, 1_000_000_000])
        spec.backup = self.maybe { make in
            var backup = BackupSpec()
            backup.store.directory = make.maybe { DirectoryStoreSpec(path: $0.path()) }
            backup.schedule = make.maybe { $0.pick(["* * * * *", "@daily", "*/30 1,2-4 * JAN-MAR mon"]) }
            backup.timeZone = make.maybe {
                $0.pick(["UTC", "Europe/Berlin", "Etc/GMT+3", "America/Argentina/Salta"])
            }
            backup.suspend = make.pick([true, false])
            backup.archive = make.maybe { make in
                var archive = ArchiveSpec()
                archive.maxLag = make.pick([.milliseconds(500), .seconds(5), .seconds(3600)])
                return archive
            }
            backup.retention.keepLast = make.pick([1, 10, 100_000])
            backup.retention.hourly = make.pick([0, 24])
            backup.retention.daily = make.pick([0, 7])
            return backup
        }
        spec.maintenance.compaction = self.maybe { make in
            make.pick([.periodic(retention: make.span()), .revision(retention: make.pick([1, .max]))])
        }
        spec.maintenance.defragmentation = self.maybe { make in
            var defragmentation = DefragmentationSpec()
            defragmentation.schedule = make.maybe { _ in "0 4 * * *" }
            defragmentation.timeZone = make.maybe { _ in "Asia/Kolkata" }
            defragmentation.minFragmentation = make.pick([0, 45, 100])
            defragmentation.minReclaim = make.pick([0, 1, 100 << 20, .max])
            return defragmentation
        }
        spec.recovery.quorumLossMode = self.pick(RecoverySpec.Mode.allCases)
        spec.recovery.quorumLossWaitFor = self.span()
        spec.recovery.memberLossReplaceAfter = self.span()
        spec.bootstrap = self.maybe { make in
            var bootstrap = BootstrapSpec()
            bootstrap.restore = make.maybe { make in
                RestoreSource(from: make.maybe { $0.pick(["file:///a/b", "./x"]) }, target: make.target())
            }
            return bootstrap
        }
        spec.paused = self.pick([true, false])
        spec.deletionPolicy = self.pick(DeletionPolicy.allCases)
        return spec
    }

    private mutating func artifact() -> SnapshotArtifact {
        SnapshotArtifact(
            uri: self.text(), sizeBytes: self.int(), sha256: self.text(), revision: self.int(),
            raftIndex: self.int(),
            raftTerm: self.int(), clusterID: self.text(), takenAt: self.time(), member: self.text())
    }

    private mutating func member() -> MemberStatus {
        var member = MemberStatus(name: self.text())
        member.id = self.text()
        member.role = self.text()
        member.state = self.pick(MemberState.allCases)
        member.version = self.text()
        member.engine = self.pick(["Etcd", "Native"])
        member.dbSize = self.int()
        member.dbSizeInUse = self.int()
        member.raftIndex = self.int()
        member.raftTerm = self.int()
        member.endpoint = self.text()
        member.peerURL = self.text()
        member.pid = self.maybe { $0.int() }
        member.dataDirectory = self.text()
        member.unhealthySince = self.maybe { $0.time() }
        member.errors = self.list { $0.text() }
        return member
    }

    private mutating func blocked() -> BlockedAction {
        BlockedAction(
            action: self.text(), reason: self.text(), since: self.time(), unblockedWhen: self.text())
    }

    mutating func status() -> EtcdClusterStatus {
        var status = EtcdClusterStatus()
        status.observedGeneration = self.int()
        status.phase = self.pick(ClusterPhase.allCases)
        status.clusterID = self.maybe { $0.text() }
        status.token = self.maybe { $0.text() }
        status.leader = self.maybe { $0.text() }
        status.readyReplicas = self.int()
        status.revision = self.int()
        status.members = self.list { $0.member() }
        status.backup.lastSnapshot = self.maybe { $0.artifact() }
        status.backup.lastScheduledTime = self.maybe { $0.time() }
        status.backup.nextScheduledTime = self.maybe { $0.time() }
        status.backup.missedRuns = self.int()
        status.backup.lastFailure = self.maybe { $0.text() }
        status.backup.recoveryWindow = self.maybe { RecoveryWindow(earliest: $0.time(), latest: $0.time()) }
        status.backup.archiveLag = self.maybe { ArchiveLag(revisions: $0.int(), seconds: $0.int()) }
        status.maintenance.lastCompactedRevision = self.int()
        status.maintenance.lastCompactionTime = self.maybe { $0.time() }
        status.maintenance.defragmentationCycle = self.maybe { $0.time() }
        for _ in 0..<3 { status.maintenance.lastDefragmentation[self.text()] = self.time() }
        status.operation = self.maybe { make in
            var operation = OperationStatus(
                type: make.pick(OperationType.allCases), step: make.text(), startedAt: make.time(),
                intent: make.text(),
                member: make.maybe { $0.text() })
            for _ in 0..<3 { operation.details[make.text()] = make.text() }
            return operation
        }
        status.blocked = self.list { $0.blocked() }
        status.conditions = self.list { make in
            Condition(
                type: make.text(), status: make.pick(Condition.Status.allCases), reason: make.text(),
                message: make.text(),
                observedGeneration: make.int(), lastTransitionTime: make.time())
        }
        return status
    }

    mutating func snapshot() -> EtcdSnapshot {
        var snapshot = EtcdSnapshot(
            metadata: self.metadata(), spec: EtcdSnapshotSpec(clusterRef: self.label()))
        snapshot.status.phase = self.pick(SnapshotPhase.allCases)
        snapshot.status.artifact = self.maybe { $0.artifact() }
        snapshot.status.message = self.text()
        snapshot.status.completedAt = self.maybe { $0.time() }
        return snapshot
    }

    mutating func restore() -> EtcdRestore {
        var restore = EtcdRestore(
            metadata: self.metadata(), spec: EtcdRestoreSpec(clusterRef: self.label()))
        restore.spec.source.from = self.maybe { $0.pick(["file:///a/b", "./x"]) }
        restore.spec.source.target = self.target()
        restore.spec.approved = self.pick([true, false])
        restore.status.phase = self.pick(RestorePhase.allCases)
        restore.status.message = self.text()
        restore.status.startedAt = self.maybe { $0.time() }
        restore.status.completedAt = self.maybe { $0.time() }
        restore.status.report = self.maybe { make in
            var report = RestoreResult(
                artifact: make.artifact(), lastSeenRevision: make.int(),
                possiblyLost: make.maybe { $0.pick([5...9, 7...7, 0...Int64.max]) }, summary: make.text(),
                movedAside: make.list { $0.text() })
            (report.sources, report.startRevision) = (make.list { $0.text() }, make.int())
            (report.target, report.resolved) = (make.target(), make.text())
            (report.revision, report.timing) = (make.int(), make.list { $0.text() })
            return report
        }
        return restore
    }

    mutating func event() -> Event {
        var event = Event(
            regarding: self.text(), type: self.pick(Event.Kind.allCases), reason: self.text(),
            message: self.text(),
            time: self.time())
        event.lastSeen = self.time()
        event.count = self.pick([0, 1, .max])
        return event
    }

    mutating func plan() -> Plan {
        Plan(
            steps: self.list { make in
                PlanStep(
                    action: make.text(), why: make.text(), risk: make.pick(PlanStep.Risk.allCases),
                    toleranceBefore: make.int(),
                    toleranceAfter: make.int())
            }, blocked: self.list { $0.blocked() }, summary: self.text())
    }
}
