internal import Backups
public import ClusterAPI
internal import EtcdWire
internal import Operator
internal import Platform
internal import Reconcile
internal import Runtimes

/// A story: a cluster as it is made, what then happens to it, one thing after another, and when each is over.
public struct Scenario: Sendable, CustomStringConvertible {
    /// One thing that happens once the one before it is over.
    public enum Step: Sendable {
        case scale(Int)
        /// Scales, and takes it back after so many turns.
        case scaleBriefly(to: Int, turns: Int, back: Int)
        /// A member's process hangs for good.
        case hang(String)
        case kill(String)
        case loseDisk(String)
        case loseEverything
        /// Has the members run another engine.
        case engine(Engine.Kind)
        case write(Int)
        case snapshot(String)
        case restore(TargetSpec = .latest)
        case delete
    }

    public var name: String
    public var spec: EtcdClusterSpec
    public var steps: [Step]

    public var description: String { self.name }

    public init(_ name: String, replicas: Int, steps: [Step] = [], _ change: (inout EtcdClusterSpec) -> Void = { _ in }) {
        self.name = name
        self.spec = EtcdClusterSpec()
        self.spec.replicas = replicas
        self.spec.recovery.memberLossReplaceAfter = .seconds(30)
        change(&self.spec)
        self.steps = steps
    }

    /// What every operator must get right, each from a fresh world.
    public static let all: [Scenario] = [
        Scenario("create 1", replicas: 1),
        Scenario("create 3", replicas: 3),
        Scenario("create 5", replicas: 5),
        Scenario("scale up", replicas: 3, steps: [.scale(5)]),
        Scenario("scale down", replicas: 5, steps: [.scale(1)]),
        Scenario("replace a hung member", replicas: 3, steps: [.hang("orders-2")]),
        Scenario("disk lost", replicas: 3, steps: [.loseDisk("orders-1")]),
        Scenario("another engine, and back", replicas: 3, steps: [.write(3), .engine(.native), .write(2), .engine(.etcd)]) {
            $0.engine.type = .etcd
        },
        Scenario("snapshot", replicas: 3, steps: [.write(7), .snapshot("first"), .write(5), .snapshot("second")]),
        Scenario("restore", replicas: 3, steps: [.write(7), .snapshot("first"), .write(5), .loseEverything, .restore()]),
        Scenario("roll back", replicas: 3, steps: [.write(7), .snapshot("first"), .write(5), .restore()]),
        Scenario(
            "roll back to a revision", replicas: 1, steps: [.write(7), .snapshot("first"), .write(5), .restore(.revision(10))]),
        Scenario("delete", replicas: 3, steps: [.delete]),
        Scenario("delete with a last snapshot", replicas: 3, steps: [.write(3), .delete]) {
            $0.deletionPolicy = .snapshotThenDelete
        },
        Scenario("spec changed midway", replicas: 3, steps: [.scaleBriefly(to: 5, turns: 9, back: 1), .scale(3)]),
    ]
}

/// How a run ended.
public struct RunResult: Sendable, Hashable {
    /// What the end state is, without what differs between any two runs (times, process ids, ports).
    public var end: [String]
    /// Invariants that did not hold, and steps that never ended.
    public var violations: [String]
    public var effects: Int
    public var crashes: Int
    public var trace: [String]
    /// Writes to the store, and the most probes of one member, over the turns after all was over.
    public var steadyWrites: Int
    public var steadyProbes: Int
}

extension Scenario {
    static let cluster = "orders"
    /// Figures and wording are refreshed once more, up to ten seconds after the last change.
    static let refreshTurns = 6

    /// Plays the story to its end under a plan of faults.
    /// - Parameter steadyTurns: For how many turns it is then watched whether anything is still done.
    public func run(_ plan: FaultPlan = FaultPlan(), steadyTurns: Int = 5) async -> RunResult {
        var runner = Runner(plan: plan)
        await self.create(&runner)
        var unfinished: [String] = []
        if await !runner.run(Self.cluster, until: Self.isSettled) { unfinished.append("creating never ended") }
        for step in self.steps {
            if await !self.play(step, &runner) { unfinished.append("\(step) never ended") }
        }
        let isThere = await runner.cluster(Self.cluster) != nil
        for _ in 0..<Self.refreshTurns where isThere { _ = await runner.turn(Self.cluster) }
        let writes = runner.world.storeWrites
        _ = runner.world.takeProbes()
        for _ in 0..<steadyTurns where isThere { _ = await runner.turn(Self.cluster) }
        return RunResult(
            end: await self.end(&runner), violations: runner.world.violations + unfinished, effects: runner.world.effects,
            crashes: runner.crashes, trace: runner.world.trace, steadyWrites: runner.world.storeWrites - writes,
            steadyProbes: runner.world.takeProbes())
    }

    private func create(_ runner: inout Runner) async {
        var metadata = ObjectMeta(name: Self.cluster)
        metadata.uid = "8a5c1e02"
        metadata.generation = 1
        metadata.creationTimestamp = runner.clock.now()
        _ = try? await runner.objects.create(EtcdCluster(metadata: metadata, spec: self.spec))
    }

    private func play(_ step: Step, _ runner: inout Runner) async -> Bool {
        let name = Self.cluster
        switch step {
        case .scale(let replicas):
            await runner.change(name) { $0.spec.replicas = replicas }
        case .scaleBriefly(let replicas, let turns, let back):
            await runner.change(name) { $0.spec.replicas = replicas }
            for _ in 0..<turns { _ = await runner.turn(name) }
            await runner.change(name) { $0.spec.replicas = back }
        case .hang(let member):
            let id = runner.world.cluster(name)?[memberNamed: member]?.memberID
            runner.world.disturb(name) { $0.change(member) { $0.isHung = true } }
            return await runner.run(name) { world, cluster in
                let entries = world.cluster(name)?.agreements.last?.entries ?? []
                return !entries.contains { $0.id == id } && Self.isSettled(world, cluster)
            }
        case .kill(let member):
            runner.world.disturb(name) { $0.change(member) { $0.pid = nil } }
        case .loseDisk(let member):
            runner.world.disturb(name) { $0.change(member) { ($0.pid, $0.data) = (nil, .lost) } }
        case .loseEverything:
            runner.world.disturb(name, losesQuorum: true) { model in
                for node in model.nodes { model.change(node.place.name) { ($0.pid, $0.data) = (nil, .lost) } }
            }
            return await runner.run(name) { _, cluster in cluster?.status.phase == .quorumLost }
        case .engine(let kind):
            await runner.change(name) { $0.spec.engine.type = kind }
        case .write(let count):
            runner.world.disturb(name) { model in for _ in 0..<count { model.put() } }
            for _ in 0..<Self.refreshTurns { _ = await runner.turn(name) }
            return true
        case .snapshot(let snapshot):
            return await self.takeSnapshot(snapshot, &runner)
        case .restore(let target):
            return await self.restore(target, &runner)
        case .delete:
            await self.delete(&runner)
            return await runner.run(name) { _, cluster in cluster == nil }
        }
        return await runner.run(name, until: Self.isSettled)
    }

    private func takeSnapshot(_ name: String, _ runner: inout Runner) async -> Bool {
        let snapshot = EtcdSnapshot(metadata: ObjectMeta(name: name), spec: EtcdSnapshotSpec(clusterRef: Self.cluster))
        _ = try? await runner.objects.create(snapshot)
        for _ in 0..<500 {
            if await runner.object(EtcdSnapshot.self, name)?.status.phase == .succeeded { return true }
            _ = await runner.turn(Self.cluster)
        }
        return false
    }

    private func restore(_ target: TargetSpec, _ runner: inout Runner) async -> Bool {
        var restore = EtcdRestore(metadata: ObjectMeta(name: "back"), spec: EtcdRestoreSpec(clusterRef: Self.cluster))
        restore.spec.source.target = target
        restore.spec.approved = true
        _ = try? await runner.objects.create(restore)
        for _ in 0..<1_000 {
            let status = await runner.object(EtcdRestore.self, "back")?.status
            let isDone = status?.phase == .succeeded && status?.report?.target == target
            let cluster = await runner.cluster(Self.cluster)
            if isDone, Self.isSettled(runner.world, cluster), Self.isAt(target, runner.world) { return true }
            _ = await runner.turn(Self.cluster)
        }
        return false
    }

    /// Whether the cluster is at a revision that was asked for.
    private static func isAt(_ target: TargetSpec, _ world: World) -> Bool {
        guard case .revision(let revision) = target else { return true }
        return world.cluster(self.cluster)?.agreements.last?.revision == revision
    }

    private func delete(_ runner: inout Runner) async {
        let now = runner.clock.now()
        await runner.change(Self.cluster) { $0.metadata.deletionTimestamp = now }
    }

    /// As the spec says, and nothing in flight.
    static func isSettled(_ world: World, _ cluster: EtcdCluster?) -> Bool {
        guard let cluster, let model = world.cluster(self.cluster) else { return false }
        let status = cluster.status
        return status.observedGeneration == cluster.metadata.generation && status.phase == .running && status.operation == nil
            && model.nodes.count == cluster.spec.replicas && model.nodes.allSatisfy { $0.pid != nil && !$0.isHung }
            && model.nodes.allSatisfy { $0.engine.rawValue == cluster.spec.engine.kind.rawValue }
    }

    private func end(_ runner: inout Runner) async -> [String] {
        var end: [String] = []
        let model = runner.world.cluster(Self.cluster)
        for node in model?.nodes ?? [] { end.append("\(node.place.name) \(node.data) runs: \(node.pid != nil)") }
        let entries = model?.agreements.last { model?.isQuorate($0) ?? false }?.entries ?? []
        end.append("voters \(entries.count { !$0.isLearner }), learners \(entries.count(where: \.isLearner))")
        end.append("snapshots \((model?.snapshots ?? []).map { $0.name.prefix(12) })")
        if let status = await runner.cluster(Self.cluster)?.status {
            end.append("phase \(status.phase), members \(status.members.map { "\($0.name) \($0.state)" })")
        } else {
            end.append("no object")
        }
        return end
    }
}
