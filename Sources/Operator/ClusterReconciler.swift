internal import Backups
public import ClusterAPI
public import Logging
public import Platform
public import Reconcile
internal import Synchronization

/// Brings one cluster a step nearer to its spec each time it is asked: looks, decides, writes down what it is about to do,
/// does it, and says when to look again. Holds nothing that matters: it may be killed between any two lines.
public final class ClusterReconciler: Sendable {
    let objects: ObjectStore
    let hands: any Hands
    let clock: any WallClock
    let requests: RequestSource
    private let zones: @Sendable (String) -> ZoneRules?
    private let log: Logger
    private let baseDirectory: String
    /// Whether this controller may act now: false once its election lease may have ended.
    let mayAct: @Sendable () -> Bool
    private let memories = Mutex<[String: ClusterMemory]>([:])

    /// The requests of a cluster that are not finished. They may be a little old: every write compares revisions.
    public typealias RequestSource = @Sendable (EtcdCluster) async throws -> Requests

    /// - Parameters:
    ///   - baseDirectory: What relative paths of a spec are relative to, if nothing was recorded at its creation: absolute.
    ///   - zones: The rules of a time zone, by IANA name.
    public init(
        objects: ObjectStore, hands: any Hands, clock: any WallClock, baseDirectory: String,
        requests: @escaping RequestSource, zones: @escaping @Sendable (String) -> ZoneRules?,
        mayAct: @escaping @Sendable () -> Bool, log: Logger
    ) {
        self.objects = objects
        self.hands = hands
        self.clock = clock
        self.baseDirectory = baseDirectory
        self.requests = requests
        self.zones = zones
        self.mayAct = mayAct
        self.log = log
    }

    /// One turn for one cluster.
    /// - Parameter onStatus: Told the cluster as it was found, whether or not that is written.
    /// - Returns: When to take the next; nil when the cluster is gone.
    /// - Throws: What the store answered when it could not be read or written; the turn is to be taken again.
    public func reconcile(
        _ namespace: String, _ name: String, onStatus: (EtcdCluster) -> Void = { _ in }
    ) async throws -> Duration? {
        let key = ObjectKey.key(plural: EtcdCluster.plural, namespace: namespace, name: name)
        guard var cluster = try await self.objects.get(EtcdCluster.self, key: key) else {
            self.memories.withLock { $0[key] = nil }
            return nil
        }
        guard self.mayAct() else { return Draft.steadyInterval }
        cluster = try await self.recordBaseDirectory(cluster)
        let stored = cluster
        let memory = self.memories.withLock { $0[key] ?? ClusterMemory() }
        let observed = await self.hands.observe(cluster)
        let decision = decide(
            DecisionInput(
                cluster: cluster, requests: try await self.requests(cluster), observed: observed, memory: memory,
                now: self.clock.now(), zones: self.zones(for: cluster.spec)))
        cluster.status = decision.status
        onStatus(cluster)
        return try await self.carryOut(decision, on: stored, key: key)
    }

    /// What `decide` would do, without doing or writing anything. See ``Planner``.
    public func plan(_ cluster: EtcdCluster) async throws -> Plan {
        let key = ObjectKey.key(plural: EtcdCluster.plural, namespace: cluster.metadata.namespace, name: cluster.metadata.name)
        var cluster = cluster
        if cluster.metadata.annotations[baseDirectoryAnnotation] == nil {
            cluster.metadata.annotations[baseDirectoryAnnotation] = self.baseDirectory
        }
        let memory = self.memories.withLock { $0[key] ?? ClusterMemory() }
        let observed = await self.hands.observe(cluster)
        return Planner.plan(
            DecisionInput(
                cluster: cluster, requests: try await self.requests(cluster), observed: observed, memory: memory,
                now: self.clock.now(), zones: self.zones(for: cluster.spec)))
    }

    // MARK: Carrying out

    private func carryOut(_ decision: Decision, on cluster: EtcdCluster, key: String) async throws -> Duration? {
        var memory = decision.memory
        var cluster = cluster
        try await self.writeRequests(decision)
        if Self.isWorthWriting(cluster.status, decision.status, memory.lastStatusWrite, self.clock.now()) {
            cluster.status = decision.status
            cluster = try await self.objects.update(cluster)
            memory.lastStatusWrite = self.clock.now()
        }
        for event in decision.events { await self.record(event, on: cluster) }
        guard let action = decision.action else {
            self.keep(memory, for: key)
            return decision.requeueAfter
        }
        guard self.mayAct() else { return Draft.steadyInterval }
        cluster.status = decision.status
        if action == .forget { return try await self.forget(cluster) }
        // What is only asked for once more, since it came too early, is told once.
        let isAgain = memory.failures[action.retryKey]?.isTooEarly(at: self.clock.now()) ?? false
        self.log.log(
            level: isAgain ? .debug : .info, "\(action.description)",
            metadata: ["cluster": "\(cluster.metadata.name)", "why": "\(decision.why)"])
        do {
            let outcome = try await self.perform(action, on: cluster)
            self.note(outcome, of: action, in: &memory)
            if case .removeSnapshot(let manifest) = action { await self.removeObject(of: manifest.name, cluster) }
            if let event = Self.event(of: action) { await self.record(event, on: cluster) }
        } catch let error as ActionError {
            let before = memory.failures[action.retryKey]
            memory.note(error, of: action, at: self.clock.now())
            await self.tell(error, of: action, before: before, on: cluster)
        }
        self.keep(memory, for: key)
        return .milliseconds(1)
    }

    private func forget(_ cluster: EtcdCluster) async throws -> Duration? {
        try await self.objects.delete(cluster)
        self.memories.withLock { $0[cluster.storeKey] = nil }
        self.log.info("The cluster is gone", metadata: ["cluster": "\(cluster.metadata.name)"])
        return nil
    }

    private func keep(_ memory: ClusterMemory, for key: String) {
        var memory = memory
        // A failure that was not repeated for two minutes stands in nobody's way any more.
        let horizon = self.clock.now() - .seconds(120)
        memory.failures = memory.failures.filter { $0.value.last > horizon }
        self.memories.withLock { $0[key] = memory }
    }

    private func note(_ outcome: Outcome, of action: Action, in memory: inout ClusterMemory) {
        memory.failures[action.retryKey] = nil
        let now = self.clock.now()
        switch (action, outcome) {
        case (.start(let members), _):
            for member in members {
                memory.restarts[member.name] = .init(count: (memory.restarts[member.name]?.count ?? 0) + 1, last: now)
            }
        case (.restart(let member, _, _), _): memory.restarts[member.name] = .init(count: 1, last: now)
        case (.compact(let revision, _), _): memory.compaction = .init(time: now, revision: revision)
        case (.defragment(let member, _), _): memory.defragmented[member] = now
        case (.verifySnapshot(let uri), .snapshot(let manifest)): memory.verified[uri] = manifest
        case (.resolveTarget(let question), .resolved(let resolved)): memory.note(resolved, of: question)
        case (.retire, .movedAside(let path?)): memory.movedAside.append(path)
        default: break
        }
    }

    /// A failure is an event the first time, and when it fails another way; else a line of the log. What came too early is
    /// neither.
    private func tell(
        _ error: ActionError, of action: Action, before: ClusterMemory.Failure?, on cluster: EtcdCluster
    ) async {
        let isEarly = error.reason == ActionError.tooEarly
        guard isEarly || before?.message == error.message else {
            return await self.record(
                EventDraft(.warning, "\(action.name)Failed", "\(action.description): \(error.message)"), on: cluster)
        }
        self.log.log(
            level: isEarly ? .debug : .warning, "\(action.description) failed: \(error.message)",
            metadata: ["cluster": "\(cluster.metadata.name)"])
    }

    // MARK: Requests

    /// Reads the requests from the store at each turn.
    public static func listedRequests(_ objects: ObjectStore) -> RequestSource {
        { cluster in
            let namespace = cluster.metadata.namespace
            let snapshots = try await objects.list(
                EtcdSnapshot.self, prefix: ObjectKey.prefix(plural: EtcdSnapshot.plural, namespace: namespace))
            let restores = try await objects.list(
                EtcdRestore.self, prefix: ObjectKey.prefix(plural: EtcdRestore.plural, namespace: namespace))
            return Requests(of: cluster, snapshots: snapshots.items, restores: restores.items)
        }
    }

    private func writeRequests(_ decision: Decision) async throws {
        for snapshot in decision.snapshots { try await self.write(snapshot) }
        for restore in decision.restores { try await self.write(restore) }
    }

    /// Updates an object, or makes one that was never stored. One that is there already was made before a crash.
    private func write<Object: Resource & StoredObject>(_ object: Object) async throws {
        if object.modRevision > 0 {
            _ = try await self.objects.update(object)
            return
        }
        var object = object
        object.metadata.creationTimestamp = self.clock.now()
        object.metadata.generation = 1
        object.metadata.uid = "\(object.metadata.name)-\(self.clock.now().nanoseconds)"
        do throws(StoreError) {
            _ = try await self.objects.create(object)
        } catch {
            if error.code != .alreadyExists { throw error }
        }
    }

    /// The object goes with the snapshot it stands for.
    private func removeObject(of name: String, _ cluster: EtcdCluster) async {
        let key = ObjectKey.key(plural: EtcdSnapshot.plural, namespace: cluster.metadata.namespace, name: name)
        guard let snapshot = try? await self.objects.get(EtcdSnapshot.self, key: key) else { return }
        _ = try? await self.objects.delete(snapshot)
    }

    // MARK: Small things

    private func zones(for spec: EtcdClusterSpec) -> [String: ZoneRules] {
        var zones: [String: ZoneRules] = [:]
        for name in [spec.backup?.timeZone, spec.maintenance.defragmentation?.timeZone].compactMap({ $0 }) {
            zones[name] = self.zones(name)
        }
        return zones
    }

    /// Relative paths mean the same after a restart elsewhere: what they are relative to is written down once.
    private func recordBaseDirectory(_ cluster: EtcdCluster) async throws -> EtcdCluster {
        guard cluster.metadata.annotations[baseDirectoryAnnotation] == nil else { return cluster }
        var cluster = cluster
        cluster.metadata.annotations[baseDirectoryAnnotation] = self.baseDirectory
        return try await self.objects.update(cluster)
    }

    private func record(_ draft: EventDraft, on cluster: EtcdCluster) async {
        let event = Event(
            regarding: "\(EtcdCluster.kind)/\(cluster.metadata.name)", type: draft.type, reason: draft.reason,
            message: draft.message, time: self.clock.now())
        let level: Logger.Level = draft.type == .warning ? .warning : .info
        self.log.log(level: level, "\(draft.reason): \(draft.message)", metadata: ["cluster": "\(cluster.metadata.name)"])
        await EventRecorder(objects: self.objects).record(event, namespace: cluster.metadata.namespace)
    }

    private static func event(of action: Action) -> EventDraft? {
        switch action {
        case .addLearner(let member, _, _): EventDraft(.normal, "MemberAdded", "\(member) joined as a learner.")
        case .moveLeader(let to, _, _): EventDraft(.normal, "LeaderMoved", "\(to) leads now.")
        case .compact(let revision, _):
            EventDraft(.normal, "CompactionSucceeded", "History before revision \(revision) is gone.")
        case .defragment(let member, _): EventDraft(.normal, "DefragmentationSucceeded", "\(member) was defragmented.")
        default: nil
        }
    }

    /// A status is written when what it means changed; figures that always move, and wording, are refreshed now and then,
    /// so that a cluster in a steady state costs no write at all.
    static func isWorthWriting(
        _ old: EtcdClusterStatus, _ new: EtcdClusterStatus, _ last: Timestamp?, _ now: Timestamp
    ) -> Bool {
        if old == new { return false }
        if old.withoutFigures != new.withoutFigures { return true }
        let pause: Duration = new.operation != nil ? .seconds(1) : old.isOlder(than: new) ? .seconds(60) : .seconds(10)
        return last.map { now - $0 >= pause } ?? true
    }
}

/// Where relative paths of a spec start.
public let baseDirectoryAnnotation = "quorate.dev/base-directory"

extension EtcdClusterStatus {
    /// Whether nothing but time has passed since.
    fileprivate func isOlder(than new: EtcdClusterStatus) -> Bool {
        var old = self
        old.backup.recoveryWindow = new.backup.recoveryWindow
        return old == new
    }

    /// The status without what moves by itself: revisions, indexes, sizes, wording.
    var withoutFigures: EtcdClusterStatus {
        var status = self
        status.revision = 0
        status.backup.recoveryWindow?.latest = Timestamp(seconds: 0)
        if status.backup.archiveLag != nil { status.backup.archiveLag = ArchiveLag(revisions: 0, seconds: 0) }
        for index in status.members.indices {
            (status.members[index].dbSize, status.members[index].dbSizeInUse) = (0, 0)
            (status.members[index].raftIndex, status.members[index].raftTerm) = (0, 0)
            status.members[index].errors = []
        }
        for index in status.conditions.indices { status.conditions[index].message = "" }
        for index in status.blocked.indices {
            (status.blocked[index].reason, status.blocked[index].unblockedWhen) = ("", "")
            status.blocked[index].since = Timestamp(seconds: 0)
        }
        return status
    }
}
