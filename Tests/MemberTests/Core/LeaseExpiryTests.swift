import EtcdWire
import Testing

@testable import Member

@Suite("The end of leases")
struct LeaseExpiryTests {
    @Test("A lease that runs out while leadership is being handed over in vain is revoked all the same")
    func duringMove() throws {
        let cluster = try CoreCluster(3)
        #expect(try cluster.run { cluster.leader != nil })
        let leader = try #require(cluster.leader)
        let grant = cluster.call(leader, .leaseGrant(LeaseGrantRequest(ttl: 2, id: 7)))
        #expect(try cluster.run { cluster.answers[grant] != nil })
        #expect(cluster.machines[leader].leases == [7])
        let granted = cluster.uptime
        #expect(try cluster.run { cluster.uptime - granted >= .milliseconds(1500) })
        // Until the election timeout is over the leader takes no proposals, and its own are lost.
        let absent = (leader + 1) % 3
        cluster.cutOff = [absent]
        _ = cluster.call(leader, .moveLeader(MoveLeaderRequest(targetID: cluster.machines[absent].id)))
        #expect(try cluster.run(upTo: .seconds(10)) { cluster.machines[leader].leases.isEmpty })
        #expect(cluster.leader == leader && cluster.uptime - granted > .seconds(2))
        cluster.cutOff = []
        #expect(try cluster.run(upTo: .seconds(5)) { cluster.machines.allSatisfy(\.leases.isEmpty) })
    }
}
