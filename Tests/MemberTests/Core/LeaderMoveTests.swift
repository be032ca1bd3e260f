import EtcdWire
import Store
import Testing

@testable import Member

@Suite("Moves of the leadership")
struct LeaderMoveTests {
    private func move(_ cluster: CoreCluster, from leader: Int, to target: Int) -> Int {
        cluster.call(leader, .moveLeader(MoveLeaderRequest(targetID: cluster.machines[target].id)))
    }

    @Test("One is answered once its target leads")
    func answered() throws {
        let cluster = try CoreCluster(3)
        #expect(try cluster.run { cluster.leader != nil })
        for _ in 0..<5 {
            let leader = try #require(cluster.leader)
            let target = (leader + 1) % 3
            let call = self.move(cluster, from: leader, to: target)
            try cluster.step()
            #expect(cluster.answers[call] == nil, "the target has not even heard of it")
            #expect(try cluster.run { cluster.answers[call] != nil })
            guard case .success = cluster.answers[call] else {
                Issue.record("\(String(describing: cluster.answers[call]))")
                return
            }
            #expect(cluster.leader == target && cluster.machines[leader].leader == cluster.machines[target].id)
        }
    }

    @Test("To the one that leads, at once")
    func same() throws {
        let cluster = try CoreCluster(3)
        #expect(try cluster.run { cluster.leader != nil })
        let leader = try #require(cluster.leader)
        let call = self.move(cluster, from: leader, to: leader)
        try cluster.step()
        guard case .success = cluster.answers[call] else {
            Issue.record("\(String(describing: cluster.answers[call]))")
            return
        }
    }

    @Test("To one that does not answer, it fails when its time is over; the leader stays, and others can follow")
    func lateTarget() throws {
        let cluster = try CoreCluster(3)
        #expect(try cluster.run { cluster.leader != nil })
        let leader = try #require(cluster.leader)
        let (absent, present) = ((leader + 1) % 3, (leader + 2) % 3)
        cluster.cutOff = [absent]
        let call = self.move(cluster, from: leader, to: absent)
        let begin = cluster.uptime
        #expect(try cluster.run { cluster.answers[call] != nil })
        guard case .failure(let error) = cluster.answers[call] else {
            Issue.record("\(String(describing: cluster.answers[call]))")
            return
        }
        #expect(
            error == StoreError(code: 2, message: "etcdserver: request timed out, leader transfer took too long")
                && cluster.leader == leader && cluster.uptime - begin > .seconds(7) && cluster.uptime - begin < .seconds(8))
        let next = self.move(cluster, from: leader, to: present)
        #expect(try cluster.run { cluster.answers[next] != nil })
        #expect(cluster.leader == present)
    }
}
