import EtcdWire
import Testing

@testable import Store

@Suite struct ClusterTests {
    private static let first: UInt64 = 0x8e9e_05c5_2164_694d

    private func entry(_ kind: ConfChange.Kind, _ id: UInt64, _ json: String, index: UInt64) -> RaftEntry {
        let change = ConfChange(kind: kind, nodeID: id, context: Array(json.utf8))
        return RaftEntry(kind: .confChange, term: 1, index: index, data: change.encoded())
    }

    private func rows(_ store: borrowing Store, _ bucket: Bucket) throws -> [String: String] {
        var rows: [String: String] = [:]
        try store.backend.forEach(in: bucket, from: [], to: nil) { (key, value) throws(StoreError) in
            rows[String(decoding: [UInt8](bytesOf: key), as: UTF8.self)] =
                String(decoding: [UInt8](bytesOf: value), as: UTF8.self)
            return true
        }
        return rows
    }

    /// A member's whole life, row by row.
    @Test func membersComeAndGo() throws {
        var store = Store.inMemory()
        let id = Self.first
        let json = "{\"id\":\(id),\"peerURLs\":[\"http://localhost:2380\"],\"name\":\"default\"}"
        #expect(try store.apply(self.entry(.addNode, id, json, index: 1), uptime: .zero).get() != .nothing)
        #expect(try self.rows(store, .members) == ["8e9e05c52164694d": json])

        let attributes = V2Request(
            method: "PUT", path: "/0/members/8e9e05c52164694d/attributes",
            value: "{\"name\":\"one\",\"clientURLs\":[\"http://localhost:2379\"]}")
        _ = store.apply(RaftEntry(term: 2, index: 2, data: attributes.encoded()), uptime: .zero)
        let version = V2Request(method: "PUT", path: "/0/version", value: "3.5.0")
        _ = store.apply(RaftEntry(term: 2, index: 3, data: version.encoded()), uptime: .zero)
        let published =
            "{\"id\":\(id),\"peerURLs\":[\"http://localhost:2380\"],\"name\":\"one\","
            + "\"clientURLs\":[\"http://localhost:2379\"]}"
        #expect(try self.rows(store, .members) == ["8e9e05c52164694d": published])
        #expect(try self.rows(store, .cluster) == ["clusterVersion": "3.5.0"])

        let learner = "{\"id\":7,\"peerURLs\":[\"http://l:1\"],\"isLearner\":true,\"isPromote\":false}"
        _ = store.apply(self.entry(.addLearnerNode, 7, learner, index: 4), uptime: .zero)
        #expect(try self.rows(store, .members)["7"] == "{\"id\":7,\"peerURLs\":[\"http://l:1\"],\"isLearner\":true}")
        #expect(store.confState == ConfState(voters: [id], learners: [7]))
        let update = "{\"id\":7,\"peerURLs\":[\"http://l:2\"],\"isLearner\":true}"
        _ = store.apply(self.entry(.updateNode, 7, update, index: 5), uptime: .zero)
        let promotion = "{\"id\":7,\"peerURLs\":[\"http://x\"],\"isPromote\":true}"
        _ = store.apply(self.entry(.addNode, 7, promotion, index: 6), uptime: .zero)
        #expect(try self.rows(store, .members)["7"] == "{\"id\":7,\"peerURLs\":[\"http://l:2\"]}")
        #expect(store.confState == ConfState(voters: [7, id]))
        try store.prepareCommit()
        #expect(try self.rows(store, .meta)["confState"] == "{\"voters\":[7,\(id)],\"auto_leave\":false}")

        _ = store.apply(self.entry(.removeNode, 7, "", index: 7), uptime: .zero)
        #expect(try self.rows(store, .membersRemoved) == ["7": "removed"])
        #expect(store.members.map(\.id) == [id] && store.removedMembers == [7])
        try store.prepareCommit()
        let reopened = try Store(backend: store.backend)
        #expect(reopened.members == store.members && reopened.removedMembers == [7])
        #expect(reopened.confState == ConfState(voters: [id]) && reopened.clusterVersion == "3.5.0")
    }

    @Test func changesThatMakeNoSenseAnyMore() throws {
        var store = Store.inMemory()
        var index: UInt64 = 0
        func change(_ kind: ConfChange.Kind, _ id: UInt64, _ rest: String) -> StoreError? {
            index += 1
            let entry = self.entry(kind, id, "{\"id\":\(id),\(rest)}", index: index)
            if case .failure(let error) = store.apply(entry, uptime: .zero) { return error }
            return nil
        }
        #expect(change(.addNode, 1, "\"peerURLs\":[\"a\"]") == nil)
        #expect(change(.addNode, 1, "\"peerURLs\":[\"b\"]") == .memberExists)
        #expect(change(.addNode, 2, "\"peerURLs\":[\"a\"]") == .peerURLExists)
        #expect(change(.addLearnerNode, 2, "\"peerURLs\":[\"b\"],\"isLearner\":true") == nil)
        #expect(change(.addLearnerNode, 3, "\"peerURLs\":[\"c\"],\"isLearner\":true") == .tooManyLearners)
        #expect(change(.addNode, 1, "\"peerURLs\":[],\"isPromote\":true") == .memberNotLearner)
        #expect(change(.addNode, 9, "\"peerURLs\":[],\"isPromote\":true") == .memberNotFound)
        #expect(change(.updateNode, 2, "\"peerURLs\":[\"a\"]") == .peerURLExists)
        #expect(change(.updateNode, 9, "\"peerURLs\":[\"z\"]") == .memberNotFound)
        #expect(change(.removeNode, 9, "\"peerURLs\":[]") == .memberNotFound)
        #expect(change(.removeNode, 2, "\"peerURLs\":[]") == nil)
        #expect(change(.addNode, 2, "\"peerURLs\":[\"b\"]") == .memberNotFound)
        #expect(store.confState == ConfState(voters: [1]) && store.appliedIndex == index && store.failure == nil)
    }

    /// An entry on which etcd would stop stops the store, and nothing is committed after it.
    @Test func entriesThatMakeNoSense() throws {
        for data in [[0x08], Array("{\"id\":8,\"peerURLs\":[]}".utf8), Array("no json".utf8)] as [[UInt8]] {
            var store = Store.inMemory()
            let change = ConfChange(kind: .addNode, nodeID: 7, context: data)
            let entry = RaftEntry(kind: .confChange, term: 1, index: 1, data: change.encoded())
            guard case .failure(let error) = store.apply(entry, uptime: .zero) else {
                Issue.record("applied")
                continue
            }
            #expect(error.isFatal && store.failure == error)
            #expect(throws: error) { try store.prepareCommit() }
            #expect(store.apply(InternalRaftRequest(), index: 2, term: 1, uptime: .zero) == .failure(error))
        }
        var store = Store.inMemory()
        guard case .failure(let error) = store.apply(RaftEntry(term: 1, index: 1, data: [0xFF]), uptime: .zero) else {
            Issue.record("applied")
            return
        }
        #expect(error.isFatal && error.message.contains("index 1"))
    }

    @Test func requestsOfTheClusterSince36() throws {
        var store = Store.inMemory()
        var index: UInt64 = 0
        func apply(_ operation: InternalRaftRequest.Operation) {
            index += 1
            let data = InternalRaftRequest(operation: operation).encoded()
            #expect(store.apply(RaftEntry(term: 1, index: index, data: data), uptime: .zero) == .success(.nothing))
        }
        index += 1
        _ = store.apply(self.entry(.addNode, 1, "{\"id\":1,\"peerURLs\":[\"a\"]}", index: index), uptime: .zero)
        apply(
            .clusterMemberAttrSet(
                ClusterMemberAttrSetRequest(memberID: 1, memberAttributes: MemberAttributes(name: "n", clientURLs: ["c"]))))
        apply(.clusterVersionSet(ClusterVersionSetRequest(ver: "3.6.0")))
        apply(.downgradeInfoSet(DowngradeInfoSetRequest(enabled: true, ver: "3.5.0")))
        #expect(
            try self.rows(store, .cluster) == [
                "clusterVersion": "3.6.0", "downgrade": "{\"target-version\":\"3.5.0\",\"enabled\":true}",
            ])
        apply(.downgradeInfoSet(DowngradeInfoSetRequest(enabled: false, ver: "3.5.0")))
        #expect(try self.rows(store, .cluster)["downgrade"] == "{\"target-version\":\"\",\"enabled\":false}")
        #expect(store.members.first?.name == "n" && store.members.first?.clientURLs == ["c"])
        // From this version on, how long a lease had left is written down.
        _ = store.propose(.leaseGrant(LeaseGrantRequest(ttl: 60, id: 5)), index: index + 1)
        _ = store.propose(
            .leaseCheckpoint(LeaseCheckpointRequest(checkpoints: [LeaseCheckpoint(id: 5, remainingTTL: 20)])), index: index + 2)
        #expect(try store.backend.rows(in: .lease) == ["0000000000000005 0805103c1814"])
    }

    @Test func textIsEscapedAsGoDoes() {
        let member = ClusterMember(id: .max, peerURLs: ["http://a/?x=1&y=<2>"], name: "\u{1}\"\\\n\u{2028}é\u{7F}")
        let expected =
            #"{"id":18446744073709551615,"peerURLs":["http://a/?x=1\u0026y=\u003c2\u003e"],"#
            + #""name":"\u0001\"\\\n\u2028é"# + "\u{7F}\"}"
        #expect(String(decoding: member.json(), as: UTF8.self) == expected)
        #expect((try? ClusterMember(json: member.json())) == member)
    }

    @Test func treeOfMembers() throws {
        let tree = V2Membership(
            members: [
                ClusterMember(id: 0x10, peerURLs: ["http://a:1", "http://a:2"], name: "a", clientURLs: ["http://a:3"]),
                ClusterMember(id: 0x9, peerURLs: ["http://b:1"], isLearner: true),
            ].sorted { $0.id < $1.id }, removed: [5, 0x11], clusterVersion: "3.5.0")
        let json = tree.json()
        #expect(try V2Membership(json: json) == tree)
        let text = String(decoding: json, as: UTF8.self)
        #expect(text.hasPrefix("{\"Root\":{\"Path\":\"/\",\"CreatedIndex\":0,\"ModifiedIndex\":0,\"ExpireTime\":"))
        #expect(text.contains("\"Value\":\"{\\\"peerURLs\\\":[\\\"http://b:1\\\"],\\\"isLearner\\\":true}\""))
        #expect(throws: StoreError.self) { try V2Membership(json: Array("{\"Root\":{}}".utf8)) }
        for end in stride(from: 0, to: json.count, by: 97) {
            #expect(throws: StoreError.self) { try V2Membership(json: Array(json[..<end])) }
        }
    }
}
