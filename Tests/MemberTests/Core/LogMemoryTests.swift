import EtcdWire
import Testing

@testable import Member

/// What a member keeps of its log in memory, so that others can catch up from it.
@Suite("The log in memory")
struct LogMemoryTests {
    private static let (valueBytes, snapshotBytes, catchUpBytes) = (50_000, 500_000, 1_000_000)

    private func cluster() throws -> CoreCluster {
        let cluster = try CoreCluster(3) {
            ($0.snapshotBytes, $0.snapshotCatchUpBytes) = (Self.snapshotBytes, Self.catchUpBytes)
        }
        #expect(try cluster.run { cluster.leader != nil })
        return cluster
    }

    /// Puts so many values, ten at a time, and returns the most bytes that a member held.
    private func put(_ count: Int, _ cluster: CoreCluster) throws -> Int {
        var most = 0
        for round in 0..<count / 10 {
            let leader = try #require(cluster.leader)
            let calls = (0..<10).map { number in
                let value = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: Self.valueBytes)
                return cluster.call(leader, .put(PutRequest(key: [1, UInt8(number)], value: value)))
            }
            #expect(try cluster.run { calls.allSatisfy { cluster.answers[$0] != nil } })
            for call in calls {
                if case .failure(let error) = cluster.answers[call] { Issue.record(error) }
            }
            most = max(most, cluster.machines.map(\.logBytes).max() ?? 0)
        }
        return most
    }

    @Test("Large values do not pile up, and who misses more than is kept is sent the database")
    func largeValues() throws {
        let cluster = try self.cluster()
        let most = try self.put(200, cluster)
        // What is kept, what comes until the next snapshot, and what is not applied yet.
        #expect(most <= Self.catchUpBytes + Self.snapshotBytes + 10 * (Self.valueBytes + 100), "\(most) bytes")
        #expect(cluster.snapshotsSent == 0, "nobody was behind")

        let absent = (try #require(cluster.leader) + 1) % 3
        cluster.cutOff = [absent]
        _ = try self.put(60, cluster)
        cluster.cutOff = []
        #expect(try cluster.run { Set(cluster.machines.map(\.revision)).count == 1 })
        #expect(cluster.snapshotsSent > 0)
        _ = try self.put(10, cluster)
        #expect(try cluster.run { Set(cluster.machines.map(\.revision)).count == 1 })
    }

    @Test("Who misses little has it from the log")
    func littleBehind() throws {
        let cluster = try self.cluster()
        _ = try self.put(100, cluster)
        let absent = (try #require(cluster.leader) + 1) % 3
        cluster.cutOff = [absent]
        _ = try self.put(10, cluster)
        cluster.cutOff = []
        #expect(try cluster.run { Set(cluster.machines.map(\.revision)).count == 1 })
        #expect(cluster.snapshotsSent == 0)
    }
}
