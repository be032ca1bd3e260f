import ClusterAPI
import EtcdWire
import Runtimes
import Testing

@testable import Operator

@Suite("Another engine")
struct EngineChangeTests {
    /// A settled cluster on an engine.
    private static func play(_ kind: Engine.Kind, _ version: String = "3.5") -> Play {
        var play = Play(replicas: 3) { spec in
            (spec.engine.type, spec.engine.version) = (kind, version)
        }
        #expect(play.run { $0.isSettled })
        play.actions = []
        return play
    }

    private static func isMoved(_ play: Play) -> Bool {
        let engine = play.cluster.spec.engine
        return play.isSettled
            && play.model.nodes.allSatisfy { $0.engine.rawValue == engine.kind.rawValue && engine.isRelease($0.release) }
    }

    @Test(
        "Members are moved one by one, the leader last; plan tells it, and nothing else is done",
        arguments: [
            (Engine.Kind.etcd, "3.5", Engine.Kind.native, "3.5"), (.native, "3.5", .etcd, "3.5.1"),
            (.etcd, "3.4", .etcd, "3.5"),
            (.etcd, "3.4", .native, "3.5"),
        ])
    func moved(_ from: Engine.Kind, _ old: String, _ to: Engine.Kind, _ new: String) {
        var play = Self.play(from, old)
        let leader = play.status.leader ?? ""
        let ids = play.voters.map(\.id)
        (play.cluster.spec.engine.type, play.cluster.spec.engine.version) = (to, new)
        let plan = Planner.plan(play.input)
        #expect(plan.steps.map(\.action).contains("Restart \(leader) as \(to.rawValue) \(new)"))
        #expect(decide(play.input).status.conditions.first { $0.type == "AllMembersUpdated" }?.status == .false)
        let isMoved = play.run(until: Self.isMoved)
        #expect(isMoved)
        #expect(play.actionNames == ["Restart", "Restart", "MoveLeader", "Restart"])
        #expect(play.actions.last?.description == "Restart \(leader) as \(to.rawValue) \(new)")
        #expect(plan.steps.map(\.action) == play.actions.map(\.description))
        #expect(plan.steps.allSatisfy { $0.toleranceAfter >= 0 })
        #expect(play.voters.map(\.id) == ids, "no member changed its id")
        play.actions = []
        for _ in 0..<10 { play.step() }
        #expect(play.actions.isEmpty)
        #expect(play.status.members.allSatisfy { $0.engine == to.rawValue })
        #expect(play.cluster.engineWords == "\(to.rawValue) \(new)")
        #expect(decide(play.input).status.conditions.first { $0.type == "AllMembersUpdated" }?.status == .true)
    }

    @Test("Nobody is moved while a member is down, or has not caught up")
    func waits() throws {
        var play = Self.play(.etcd)
        play.cluster.spec.engine.type = .native
        let name = try #require(play.model.nodes.first { $0.place.name != play.status.leader }).place.name
        play.model.change(name) { $0.isHung = true }
        for _ in 0..<20 { play.step() }
        #expect(play.actions.isEmpty)
        #expect(play.status.blocked.contains { $0.action == "Restart as Native 3.5" && $0.reason.contains(name) })
        play.model.change(name) { $0.isHung = false }
        var input = play.input
        for index in input.observed.probes.indices where input.observed.probes[index].name == name {
            input.observed.probes[index].status?.raftAppliedIndex = 1
        }
        for index in input.observed.probes.indices { input.observed.probes[index].status?.raftIndex = 2_000 }
        for index in input.observed.probes.indices where input.observed.probes[index].name != name {
            input.observed.probes[index].status?.raftAppliedIndex = 2_000
        }
        let behind = decide(input)
        #expect(behind.action == nil)
        #expect(behind.blocked.contains { $0.reason == "\(name) not caught up" })
        let isMoved = play.run(until: Self.isMoved)
        #expect(isMoved)
    }

    @Test("From 3.5 no member goes back to 3.4, whether it runs or not", arguments: [Engine.Kind.etcd, .native])
    func downgrade(_ kind: Engine.Kind) throws {
        var play = Self.play(kind)
        (play.cluster.spec.engine.type, play.cluster.spec.engine.version) = (.etcd, "3.4")
        for _ in 0..<20 { play.step() }
        #expect(play.actions.isEmpty)
        let refused = try #require(play.status.conditions.first { $0.type == "AllMembersUpdated" })
        #expect(refused.status == .false && refused.reason == "DowngradeRefused" && refused.message.contains("cannot read"))
        #expect(play.status.blocked.contains { $0.action == "Restart as Etcd 3.4" })
        #expect(Planner.plan(play.input).steps.isEmpty)
        // One that ended stays down: it is not started with what cannot read its data.
        play.model.change("orders-2") { $0.pid = nil }
        for _ in 0..<20 { play.step() }
        #expect(play.actions.isEmpty)
        #expect(play.status.blocked.contains { $0.action == "Start orders-2" && $0.reason.contains("cannot read") })
        (play.cluster.spec.engine.type, play.cluster.spec.engine.version) = (kind, "3.5")
        let isBack = play.run(until: Self.isMoved)
        #expect(isBack && play.actionNames == ["Start"])
    }

    @Test("What the machine has no program for is not begun")
    func missing() {
        var play = Self.play(.etcd)
        play.cluster.spec.engine.type = .native
        let decision = decide(play.input)
        let action = decision.action
        #expect(action?.name == "Restart")
        if let action {
            let error = ActionError(action: action.description, reason: "EngineMissing", message: "no quorate")
            play.memory.note(error, of: action, at: play.now)
        }
        let next = decide(play.input)
        #expect(next.action == nil && next.blocked.contains { $0.reason == "no quorate" })
        #expect(next.status.conditions.first { $0.type == "Degraded" }?.reason == "EngineMissing")
    }

    @Test("An engine that is left out is kept, and of a new cluster the standard one")
    func leftOut() {
        func completed(_ type: Engine.Kind?, _ version: String, from existing: Engine.Kind?) -> Engine.Kind? {
            var engine = Engine()
            (engine.type, engine.version) = (type, version)
            engine.complete(
                from: existing.map { kind in
                    var engine = Engine()
                    engine.type = kind
                    return engine
                })
            return engine.type
        }
        #expect(completed(nil, "3.5", from: nil) == Engine.standard)
        for kind in Engine.Kind.allCases {
            #expect(completed(nil, "3.5", from: kind) == kind)
            #expect(completed(.native, "3.5", from: kind) == .native)
            #expect(completed(.etcd, "3.5", from: kind) == .etcd)
            // Only etcd has these.
            #expect(completed(nil, "3.4", from: kind) == .etcd)
            #expect(completed(nil, "3.5.1", from: kind) == .etcd)
        }
    }
}
