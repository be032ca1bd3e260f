public import ClusterAPI
internal import EtcdClient
internal import Logging
internal import Operator
internal import Platform
public import Reconcile

/// One run of the real controller in a simulated world: turns are taken in virtual time, and a controller that died is
/// begun anew with nothing but what is in the store and in the world.
public struct Runner {
    public let world: World
    public let clock: VirtualClock
    /// The store as a user reaches it: without faults.
    public let objects: ObjectStore
    private var reconciler: ClusterReconciler
    /// Controllers that died.
    public private(set) var crashes = 0

    public init(plan: FaultPlan = FaultPlan()) {
        self.clock = VirtualClock()
        self.world = World(clock: self.clock, plan: plan)
        self.objects = ObjectStore(SimulatedStore(self.world, isFaulty: false))
        self.reconciler = Self.controller(self.world)
    }

    private static func controller(_ world: World) -> ClusterReconciler {
        let objects = ObjectStore(SimulatedStore(world))
        var log = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        log.logLevel = .critical
        return ClusterReconciler(
            objects: objects, hands: SimulatedHands(world), clock: world.clock, baseDirectory: "/model",
            requests: ClusterReconciler.listedRequests(objects), zones: { _ in .utc }, mayAct: { true }, log: log)
    }

    /// One turn for one cluster; time passes until the next is due.
    /// - Returns: Whether the cluster is still there.
    public mutating func turn(_ name: String) async -> Bool {
        var pause: Duration? = .milliseconds(100)
        do {
            pause = try await self.reconciler.reconcile("default", name)
        } catch {
            pause = .milliseconds(100)
        }
        if self.world.isCrashed {
            self.crashes += 1
            self.world.revive()
            self.reconciler = Self.controller(self.world)
            pause = .seconds(1)
        }
        self.clock.advance(by: pause ?? .zero)
        return pause != nil
    }

    /// Takes turns until `isDone` holds, at most `limit` of them.
    /// - Returns: Whether it came to hold.
    public mutating func run(_ name: String, limit: Int = 2_000, until isDone: (World, EtcdCluster?) -> Bool) async -> Bool {
        for _ in 0..<limit {
            let cluster = await self.cluster(name)
            if isDone(self.world, cluster) { return true }
            _ = await self.turn(name)
        }
        return false
    }

    /// Makes a cluster and takes turns until it is as its spec says.
    /// - Returns: Whether it came to be.
    public mutating func settle(_ name: String, replicas: Int) async -> Bool {
        var metadata = ObjectMeta(name: name)
        metadata.uid = name
        metadata.generation = 1
        metadata.creationTimestamp = self.clock.now()
        var spec = EtcdClusterSpec()
        spec.replicas = replicas
        _ = try? await self.objects.create(EtcdCluster(metadata: metadata, spec: spec))
        return await self.run(name) { _, cluster in
            cluster?.status.phase == .running && cluster?.status.operation == nil && cluster?.status.readyReplicas == replicas
        }
    }

    /// The object as it is stored.
    public func cluster(_ name: String) async -> EtcdCluster? {
        let key = ObjectKey.key(plural: EtcdCluster.plural, namespace: "default", name: name)
        return try? await self.objects.get(EtcdCluster.self, key: key)
    }

    /// Changes the object as a user does.
    public func change(_ name: String, _ body: @Sendable (inout EtcdCluster) -> Void) async {
        guard var cluster = await self.cluster(name) else { return }
        body(&cluster)
        cluster.metadata.generation += 1
        _ = try? await self.objects.update(cluster)
    }
}

extension Runner {
    /// An object as it is stored.
    func object<Object: Resource & StoredObject>(_ type: Object.Type, _ name: String) async -> Object? {
        let key = ObjectKey.key(plural: Object.plural, namespace: "default", name: name)
        return try? await self.objects.get(type, key: key)
    }
}
