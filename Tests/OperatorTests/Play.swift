import Backups
import ClusterAPI
import EtcdWire
import Platform
import Runtimes

@testable import Operator

/// Plays `decide` against a model cluster, as the controller would with a world that never fails.
struct Play {
    var cluster: EtcdCluster
    var model: ModelCluster
    var memory = ClusterMemory()
    var requests = Requests()
    var now = Timestamp(seconds: 1_800_000_000)
    var actions: [Action] = []
    var events: [EventDraft] = []
    /// The time zones that the machine knows.
    var zones: [String: ZoneRules] = [:]

    init(_ name: String = "orders", replicas: Int = 3, _ change: (inout EtcdClusterSpec) -> Void = { _ in }) {
        var spec = EtcdClusterSpec()
        spec.replicas = replicas
        change(&spec)
        var metadata = ObjectMeta(name: name)
        metadata.uid = "0f3d"
        metadata.generation = 1
        metadata.creationTimestamp = self.now
        self.cluster = EtcdCluster(metadata: metadata, spec: spec)
        self.model = ModelCluster(name: name)
    }

    var status: EtcdClusterStatus { self.cluster.status }
    var actionNames: [String] { self.actions.map(\.name) }

    var input: DecisionInput {
        DecisionInput(
            cluster: self.cluster, requests: self.requests, observed: self.model.observe(), memory: self.memory, now: self.now,
            zones: self.zones)
    }

    @discardableResult
    mutating func step() -> Decision {
        self.model.settle()
        let decision = decide(self.input)
        self.memory = decision.memory
        self.cluster.status = decision.status
        self.requests.apply(decision)
        self.events += decision.events
        self.now = self.now + max(decision.requeueAfter, .milliseconds(10))
        guard let action = decision.action else { return decision }
        self.actions.append(action)
        do {
            let outcome = try self.model.perform(action, now: self.now)
            self.note(action, outcome)
        } catch {
            self.memory.note(error, of: action, at: self.now)
        }
        return decision
    }

    private mutating func note(_ action: Action, _ outcome: Outcome) {
        switch (action, outcome) {
        case (.compact(let revision, _), _): self.memory.compaction = .init(time: self.now, revision: revision)
        case (.defragment(let member, _), _): self.memory.defragmented[member] = self.now
        case (.verifySnapshot(let uri), .snapshot(let manifest)): self.memory.verified[uri] = manifest
        case (.resolveTarget(let question), .resolved(let resolved)): self.memory.note(resolved, of: question)
        case (.retire, .movedAside(let path?)): self.memory.movedAside.append(path)
        default: break
        }
    }

    /// Steps until it holds, at most 300 times; whether it came to hold.
    mutating func run(until isDone: (Play) -> Bool) -> Bool {
        for _ in 0..<300 {
            if isDone(self) { return true }
            self.step()
        }
        return isDone(self)
    }

    /// As the spec says, with nothing in flight.
    var isSettled: Bool {
        self.status.phase == .running && self.status.operation == nil && self.status.readyReplicas == self.cluster.spec.replicas
            && self.model.nodes.count == self.cluster.spec.replicas
    }

    var voters: [Member] {
        (self.model.agreements.last?.entries ?? []).filter { !$0.isLearner }
    }
}
