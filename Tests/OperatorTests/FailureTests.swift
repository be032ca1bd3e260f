import ClusterAPI
import EtcdClient
import Platform
import Testing

@testable import Operator

@Suite("Failures")
struct FailureTests {
    private static let unhealthy = EtcdError(.unavailable, "etcdserver: unhealthy cluster", isUnsent: true)

    /// A cluster of three that is to be five, at the step that adds the first learner.
    private static func growing() -> (play: Play, action: Action?) {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        play.cluster.spec.replicas = 5
        for _ in 0..<20 {
            let decision = decide(play.input)
            if let action = decision.action, action.name == "AddLearner" {
                play.cluster.status = decision.status
                return (play, action)
            }
            play.step()
        }
        return (play, nil)
    }

    @Test("What etcd does not take yet is asked for again twice a second, without growing pauses and without alarm")
    func tooEarly() throws {
        #expect(Self.unhealthy.reason == ActionError.tooEarly)
        #expect(EtcdError(.unknown, "etcdserver: no leader").reason != ActionError.tooEarly)
        var (play, maybe) = Self.growing()
        let action = try #require(maybe)
        var tries = 0
        let start = play.now
        while play.now - start < .seconds(8) {
            let decision = decide(play.input)
            play.memory = decision.memory
            play.cluster.status = decision.status
            #expect(decision.events.isEmpty)
            let degraded = decision.status.conditions.first { $0.type == "Degraded" }
            #expect(degraded?.reason == "TooFewMembers")
            if tries > 0 {
                let block = try #require(decision.blocked.first { $0.action == action.retryKey })
                #expect(block.reason.contains("etcdserver: unhealthy cluster") && block.reason.contains("5 s"))
                #expect(block.since == play.memory.failures[action.retryKey]?.first)
            }
            guard let next = decision.action else {
                #expect(decision.requeueAfter <= .milliseconds(500))
                play.now = play.now + decision.requeueAfter
                continue
            }
            #expect(next == action)
            tries += 1
            play.memory.note(
                ActionError(action: action.description, reason: Self.unhealthy.reason, message: Self.unhealthy.explanation),
                of: action, at: play.now)
        }
        #expect((16...17).contains(tries))
        // Then it is taken, and nothing of the wait stays.
        play.memory.failures[action.retryKey] = nil
        #expect(play.run { $0.isSettled })
        #expect(play.status.blocked.isEmpty)
    }

    @Test("What is too early for half a minute is a failure like any other")
    func tooEarlyForLong() throws {
        var (play, maybe) = Self.growing()
        let action = try #require(maybe)
        let error = ActionError(
            action: action.description, reason: ActionError.tooEarly, message: "etcdserver: unhealthy cluster")
        for _ in 0..<70 {
            play.memory.note(error, of: action, at: play.now)
            play.now = play.now + .milliseconds(500)
        }
        let decision = decide(play.input)
        #expect(decision.status.conditions.first { $0.type == "Degraded" }?.reason == ActionError.tooEarly)
        #expect(decision.requeueAfter > .seconds(1))
    }

    @Test("A failure is shown with its words from the first time on, also when something else takes the turn")
    func shownAtOnce() throws {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        let action = Action.defragment(member: "orders-2", endpoint: "")
        let error = ActionError(action: action.description, reason: "Unreachable", message: "no answer within 600 seconds")
        for count in 1...3 {
            play.memory.note(error, of: action, at: play.now)
            let decision = decide(play.input)
            let block = try #require(decision.blocked.first { $0.action == "Defragment orders-2" })
            #expect(block.reason == "no answer within 600 seconds")
            let degraded = try #require(decision.status.conditions.first { $0.type == "Degraded" })
            #expect(degraded.status == (count < 3 ? .false : .true))
            if count == 3 { #expect(degraded.message == error.message) }
        }
    }

    @Test("A compaction that fails pauses longer each time, though its revision is another each time")
    func compaction() {
        var play = Play(replicas: 1) { $0.maintenance.compaction = .revision(retention: 10) }
        #expect(play.run { $0.isSettled })
        var tries = 0
        let start = play.now
        while play.now - start < .seconds(20) {
            for _ in 0..<50 { play.model.put() }
            let decision = decide(play.input)
            play.memory = decision.memory
            if let action = decision.action, action.name == "Compact" {
                tries += 1
                play.memory.note(
                    ActionError(action: action.description, reason: "Refused", message: "no"), of: action, at: play.now)
            }
            play.now = play.now + .milliseconds(100)
        }
        #expect((3...9).contains(tries))
    }
}
