import EtcdClient
import EtcdWire
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct ClusterTests {
    @Test(arguments: EtcdVersion.enabled)
    func growsMovesItsLeaderAndShrinks(version: EtcdVersion) async throws {
        let binary = try EtcdBinary.find(version)
        let members = try await EtcdProcess.startCluster(binary, size: 3)
        let connector = GRPCConnector()
        let urls = members.map(\.clientURL)
        let cluster = connector.connect(to: urls, timeout: .seconds(10))
        let listed = try await cluster.memberList(MemberListRequest(linearizable: version == .v35)).members
        #expect(Set(listed.map(\.name)) == ["m1", "m2", "m3"])
        #expect(Set(listed.flatMap(\.clientURLs)) == Set(urls))

        // Grow through a learner.
        let ports = try Loopback.freePorts(2)
        let learner = try EtcdProcess(
            binary, name: "m4", ports: ports, cluster: members.map { "\($0.name)=\($0.peerURL)" }, isJoining: true)
        let added = try await Self.retrying {
            try await cluster.memberAdd(MemberAddRequest(peerURLs: [learner.peerURL], isLearner: true))
        }
        let id = try #require(added.member?.id)
        #expect(added.member?.isLearner == true && added.members.count == 4)
        // "Peer URLs already exists", or "member ID already exist" when asked within the same second.
        await expectError(.failedPrecondition) {
            _ = try await cluster.memberAdd(MemberAddRequest(peerURLs: [learner.peerURL]))
        }
        await expectError(.failedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader") {
            _ = try await cluster.memberPromote(MemberPromoteRequest(id: id))
        }
        try learner.start()
        let fourth = connector.connect(to: [learner.clientURL], timeout: .seconds(10))
        #expect(try await poll(within: .seconds(20), "the learner serves") { try? await fourth.status() }.isLearner)
        // A learner turns changes away before it does anything: another member may have them.
        let viaLearner = connector.connect(to: [learner.clientURL, urls[0]], timeout: .seconds(10))
        #expect(try await viaLearner.put(PutRequest(key: [1])).header.revision == 2)
        // Only the leader knows how far the learner has come, and the others ask it.
        _ = try await poll(within: .seconds(20), "the learner is promoted") {
            try? await cluster.memberPromote(MemberPromoteRequest(id: id))
        }
        await expectError(.failedPrecondition, "etcdserver: can only promote a learner member") {
            _ = try await cluster.memberPromote(MemberPromoteRequest(id: id))
        }

        // Move the leader to it: only the leader can.
        let leaderID = try await cluster.status().leader
        let statuses = try await Self.statuses(urls, connector)
        let leaderURL = try #require(statuses.first { $0.status.header.memberID == leaderID }?.url)
        let followerURL = try #require(statuses.first { $0.status.header.memberID != leaderID }?.url)
        await expectError(.failedPrecondition, "etcdserver: not leader") {
            let follower = connector.connect(to: [followerURL, leaderURL], timeout: .seconds(10))
            _ = try await follower.moveLeader(MoveLeaderRequest(targetID: id))
        }
        let leader = connector.connect(to: [leaderURL], timeout: .seconds(10))
        _ = try await leader.moveLeader(MoveLeaderRequest(targetID: id))
        try await poll(within: .seconds(10), "m4 leads") { try await fourth.status().leader == id ? () : nil }

        // Shrink.
        let first = try #require(listed.first { $0.name == "m1" })
        _ = try await cluster.memberUpdate(MemberUpdateRequest(id: first.id, peerURLs: first.peerURLs))
        let removed = try await Self.retrying { try await fourth.memberRemove(MemberRemoveRequest(id: first.id)) }
        #expect(Set(removed.members.map(\.name)) == ["m2", "m3", "m4"])
        await expectError(.notFound, "etcdserver: member not found") {
            _ = try await fourth.memberRemove(MemberRemoveRequest(id: first.id))
        }
        await connector.close()
    }

    @Test(arguments: EtcdVersion.enabled)
    func aMemberWithoutALeaderEndsItsWatches(version: EtcdVersion) async throws {
        let members = try await EtcdProcess.startCluster(EtcdBinary.find(version), size: 3)
        let connector = GRPCConnector()
        let connection = connector.connect(to: members.map(\.clientURL), timeout: .seconds(2))
        let responses = Collector<WatchResponse>()
        let watch = Task { try await connection.watch(WatchCreateRequest(key: [1])) { responses.append($0) } }
        try await responses.wait { !$0.isEmpty }
        members[1].kill()
        members[2].kill()
        await expectError(.unavailable, "etcdserver: no leader") { try await watch.value }
        // Reads of the member's own state still go through.
        #expect(try await connection.range(RangeRequest(key: [1], serializable: true)).kvs.isEmpty)
        #expect(try await connection.status().leader == 0)
        let error = await #expect(throws: EtcdError.self) { try await connection.put(PutRequest(key: [1])) }
        #expect(error?.mayHaveHappened == true, "\(String(describing: error))")
        await connector.close()
    }

    /// etcd refuses a change of members while it does not count enough of them as started; that passes.
    private static func retrying<Value: Sendable>(_ change: () async throws -> Value) async throws -> Value {
        try await poll(within: .seconds(20), every: .milliseconds(100), "the change is allowed") {
            do {
                return try await change()
            } catch let error as EtcdError where error.message.hasPrefix("etcdserver: unhealthy cluster") {
                return nil
            }
        }
    }

    private static func statuses(
        _ urls: [String], _ connector: GRPCConnector
    ) async throws -> [(url: String, status: StatusResponse)] {
        var statuses: [(url: String, status: StatusResponse)] = []
        for url in urls {
            statuses.append((url, try await connector.connect(to: [url], timeout: .seconds(10)).status()))
        }
        return statuses
    }
}
