public import ClusterAPI
public import EtcdClient
public import Logging
public import Platform
public import Reconcile

/// The controller while it leads: copies of all objects kept up to date by watches, a queue of clusters to look at, and
/// the reconciler that looks. All it writes carries the fence of its term.
public final class ClusterController: Sendable {
    private let client: any StoreClient
    private let hands: any Hands
    private let clock: any WallClock
    private let baseDirectory: String
    private let zones: @Sendable (String) -> ZoneRules?
    private let metrics: ControllerMetrics
    private let log: Logger

    /// Clusters looked at side by side.
    static let concurrency = 8

    /// - Parameters:
    ///   - baseDirectory: See ``ClusterReconciler``.
    ///   - zones: The rules of a time zone, by IANA name.
    public init(
        client: any StoreClient, hands: any Hands, clock: any WallClock, baseDirectory: String,
        zones: @escaping @Sendable (String) -> ZoneRules?, metrics: ControllerMetrics, log: Logger
    ) {
        self.client = client
        self.hands = hands
        self.clock = clock
        self.baseDirectory = baseDirectory
        self.zones = zones
        self.metrics = metrics
        self.log = log
    }

    /// Leads for one term; returns when the task is cancelled.
    /// - Parameter beside: What else is done while leading, with a store that writes under the same fence.
    public func lead(_ term: Leadership, beside: @escaping @Sendable (ObjectStore) async -> Void) async {
        let objects = ObjectStore(self.client, fence: term.fence)
        let queue = WorkQueue(concurrency: Self.concurrency, clock: self.clock, seed: UInt64(self.clock.now().nanoseconds))
        let copies = Copies(client: self.client, clock: self.clock, log: self.log, queue: queue)
        let reconciler = self.reconciler(objects, requests: copies.requests) { [clock] in
            term.isHeld(now: clock.uptime())
        }
        self.metrics.isLeader.set(1)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await copies.clusters.run() }
            group.addTask { await copies.snapshots.run() }
            group.addTask { await copies.restores.run() }
            group.addTask { await beside(objects) }
            group.addTask {
                // An empty copy is no reason to do anything: nothing is looked at before all are filled.
                await copies.waitUntilFilled()
                await queue.run { key in await self.turn(key, reconciler, queue) }
            }
            await group.waitForAll()
        }
        self.metrics.isLeader.set(0)
    }

    /// What would be done for a cluster now.
    public func plan(for cluster: EtcdCluster) async throws -> Plan {
        let objects = ObjectStore(self.client)
        return try await self.reconciler(objects, requests: ClusterReconciler.listedRequests(objects)) { false }.plan(cluster)
    }

    private func reconciler(
        _ objects: ObjectStore, requests: @escaping ClusterReconciler.RequestSource, mayAct: @escaping @Sendable () -> Bool
    ) -> ClusterReconciler {
        ClusterReconciler(
            objects: objects, hands: self.hands, clock: self.clock, baseDirectory: self.baseDirectory, requests: requests,
            zones: self.zones, mayAct: mayAct, log: self.log)
    }

    private func turn(_ key: String, _ reconciler: ClusterReconciler, _ queue: WorkQueue) async -> WorkQueue.Outcome {
        let parts = key.split(separator: "/")
        guard parts.count >= 2 else { return .done }
        let (namespace, name) = (String(parts[parts.count - 2]), String(parts[parts.count - 1]))
        let began = self.clock.uptime()
        defer {
            self.metrics.reconcileDuration.observe((self.clock.uptime() - began).inSeconds, EtcdCluster.kind)
            self.metrics.queueDepth.set(Double(queue.depth))
        }
        do {
            guard let pause = try await reconciler.reconcile(namespace, name, onStatus: self.measure) else { return .done }
            return .again(after: pause)
        } catch let error as StoreError where error.code == .conflict {
            return .again(after: .milliseconds(20))
        } catch {
            if Task.isCancelled { return .done }
            self.metrics.reconcileErrors.increment(EtcdCluster.kind, name)
            self.log.warning("reconciling failed: \(error)", metadata: ["cluster": "\(name)"])
            return .failed
        }
    }

    private func measure(_ cluster: EtcdCluster) {
        let (name, status) = (cluster.metadata.name, cluster.status)
        self.metrics.desiredMembers.set(Double(cluster.spec.replicas), name)
        for state in MemberState.allCases {
            self.metrics.members.set(Double(status.members.count { $0.state == state }), name, state.rawValue)
        }
        let quorate = status.conditions.first { $0.type == "Quorate" }?.status == .true
        self.metrics.isQuorate.set(quorate ? 1 : 0, name)
        for member in status.members { self.metrics.databaseSize.set(Double(member.dbSize), name, member.name) }
        if let last = status.backup.lastSnapshot { self.metrics.lastBackupSuccess.set(Double(last.takenAt.seconds), name) }
    }
}

/// Copies of the objects that decisions are made from, kept up to date by watches.
private struct Copies: Sendable {
    let clusters: Informer<EtcdCluster>
    let snapshots: Informer<EtcdSnapshot>
    let restores: Informer<EtcdRestore>

    init(client: any StoreClient, clock: any WallClock, log: Logger, queue: WorkQueue) {
        let seed = UInt64(clock.now().nanoseconds)
        self.clusters = Informer(client: client, clock: clock, seed: seed, logger: log) { key in queue.add(key) }
        // A request concerns its cluster; which one that is, is in the object: the clusters all look.
        let clusters = self.clusters
        let onRequest: @Sendable (String) -> Void = { _ in
            for cluster in clusters.snapshot.sorted { queue.add(cluster.storeKey) }
        }
        self.snapshots = Informer(client: client, clock: clock, seed: seed &+ 1, logger: log, onChange: onRequest)
        self.restores = Informer(client: client, clock: clock, seed: seed &+ 2, logger: log, onChange: onRequest)
    }

    func waitUntilFilled() async {
        await self.clusters.waitUntilFilled()
        await self.snapshots.waitUntilFilled()
        await self.restores.waitUntilFilled()
    }

    var requests: ClusterReconciler.RequestSource {
        { cluster in
            Requests(of: cluster, snapshots: self.snapshots.snapshot.sorted, restores: self.restores.snapshot.sorted)
        }
    }
}
