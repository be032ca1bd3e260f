public import ClusterAPI
internal import EtcdClient
internal import EtcdWire
public import Operator
internal import Platform
internal import Runtimes
internal import Store
internal import Synchronization

/// Everything outside the controller: the clusters, and the store that holds its objects. One effect after another passes
/// through here, is counted, and meets the fault that the plan has for it; after each, what must hold is checked.
public final class World: Sendable {
    struct State: ~Copyable {
        var clusters: [String: ModelCluster] = [:]
        var store = Store.inMemory()
        var entries: UInt64 = 0
        var effects = 0
        var storeWrites = 0
        var probes: [String: Int] = [:]
        var plan: FaultPlan
        /// The controller is dead: nothing it still tries has an effect.
        var isCrashed = false
        var violations: [String] = []
        /// What each effect was, in order: equal runs have equal traces.
        var trace: [String] = []
        /// Clusters whose quorum the scenario itself took away.
        var broken: Set<String> = []
    }

    public let clock: VirtualClock
    private let state: Mutex<State>

    public init(clock: VirtualClock, plan: FaultPlan = FaultPlan()) {
        self.clock = clock
        self.state = Mutex(State(plan: plan))
    }

    func with<Value: Sendable>(_ body: (inout State) throws -> Value) rethrows -> Value {
        try self.state.withLock { try body(&$0) }
    }

    public var effects: Int { self.with { $0.effects } }
    public var storeWrites: Int { self.with { $0.storeWrites } }
    public var violations: [String] { self.with { $0.violations } }
    public var trace: [String] { self.with { $0.trace } }
    public var isCrashed: Bool { self.with { $0.isCrashed } }

    public func revive() { self.with { $0.isCrashed = false } }

    /// Changes a cluster from outside, as the scenario wants it.
    public func disturb(_ name: String, losesQuorum: Bool = false, _ body: @Sendable (inout ModelCluster) -> Void) {
        self.with { state in
            if losesQuorum { state.broken.insert(name) }
            var cluster = state.clusters[name] ?? ModelCluster(name: name)
            body(&cluster)
            cluster.settle()
            state.clusters[name] = cluster
        }
    }

    public func cluster(_ name: String) -> ModelCluster? { self.with { $0.clusters[name] } }

    /// The most probes one member got, and forgets them.
    public func takeProbes() -> Int {
        self.with { state in
            defer { state.probes = [:] }
            return state.probes.values.max() ?? 0
        }
    }

    // MARK: Effects

    enum Verdict { case happens, happensTwice, fails, diesBefore, diesAfter, replyLost }

    /// Counts an effect and says what becomes of it.
    static func meet(_ state: inout State, _ what: String, clock: VirtualClock) -> Verdict {
        guard !state.isCrashed else { return .diesBefore }
        state.effects += 1
        state.trace.append("\(state.effects) \(what)")
        switch state.plan.faults[state.effects] {
        case nil: return .happens
        case .crashBefore:
            state.isCrashed = true
            return .diesBefore
        case .crashAfter:
            state.isCrashed = true
            return .diesAfter
        case .dropped: return .fails
        case .replyLost: return .replyLost
        case .duplicated: return .happensTwice
        case .delayed:
            clock.advance(by: .seconds(5))
            return .happens
        }
    }
}

// MARK: Hands

/// The operator's hands on the simulated clusters.
public struct SimulatedHands: Hands {
    let world: World

    public init(_ world: World) {
        self.world = world
    }

    public func observe(_ cluster: EtcdCluster) async -> ObservedCluster {
        let name = cluster.metadata.name
        return self.world.with { state in
            state.clusters[name]?.settle()
            let observed = state.clusters[name]?.observe() ?? ModelCluster(name: name).observe()
            for probe in observed.probes { state.probes[probe.name, default: 0] += 1 }
            return observed
        }
    }

    public func perform(_ action: Action, on cluster: EtcdCluster) async throws -> Outcome {
        let name = cluster.metadata.name
        let clock = self.world.clock
        return try self.world.with { state in
            let lost = ActionError(action: action.description, reason: "Unreachable", message: "no reply")
            let verdict = World.meet(&state, action.description, clock: clock)
            if verdict == .diesBefore { throw lost }
            let before = state.clusters[name] ?? ModelCluster(name: name)
            var after = before
            if verdict == .fails {
                // A restart has two halves: the first happened.
                guard case .restart(let member, _, _) = action else { throw lost }
                after.change(member.name) { $0.pid = nil }
                after.settle()
                state.clusters[name] = after
                state.violations += Invariants.check(action, on: cluster, before: before, after: after, mayLackQuorum: false)
                throw lost
            }
            var outcome: Result<Outcome, ActionError> = .success(.done)
            for _ in 0..<(verdict == .happensTwice ? 2 : 1) {
                do throws(ActionError) {
                    outcome = .success(try after.perform(action, now: clock.now()))
                } catch {
                    outcome = .failure(error)
                }
                // The second of two equal effects may be refused: it was done already.
                if verdict == .happensTwice, case .failure = outcome, after != before { outcome = .success(.done) }
            }
            state.clusters[name] = after
            let broken = state.broken.contains(name)
            state.violations += Invariants.check(action, on: cluster, before: before, after: after, mayLackQuorum: broken)
            if verdict == .diesAfter || verdict == .replyLost { throw lost }
            return try outcome.get()
        }
    }
}
