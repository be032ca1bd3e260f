import EtcdWire
import Member
import Store
import TestSupport
import Testing

/// What a real member answers on its peer URL is what is decided here.
@Suite("Peer endpoint of etcd")
struct EtcdPeerTests {
    private static let stranger: UInt64 = 0x77

    @Test("The same requests are refused, with the same words and headers", arguments: EtcdVersion.enabled)
    func sameRefusals(version: EtcdVersion) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        let removed = try await Self.addAndRemove(etcd)
        let members = try Loopback.exchange("GET", "/members", port: etcd.peerPort)
        let own = try #require(PeerMembers.read(Array(members.body.utf8)).first)
        #expect(String(decoding: PeerMembers.json([own]), as: UTF8.self) == members.body)
        let text = try Loopback.exchange("GET", "/version", port: etcd.peerPort).body
        let told = try PeerVersion(json: Array(text.utf8))
        #expect(String(decoding: told.json(), as: UTF8.self) == text)
        let health = try Loopback.exchange("GET", "/raft/probing", port: etcd.peerPort)
        #expect(try PeerHealth(json: Array(health.body.utf8)).isOK)
        let asked = String(decoding: PeerHashKV.request(revision: 1), as: UTF8.self)
        let hash = try Loopback.exchange("GET", PeerPath.hashKV, body: asked, port: etcd.peerPort)
        let read = try PeerHashKV.read(Array(hash.body.utf8))
        #expect(String(decoding: PeerHashKV.json(read), as: UTF8.self) == hash.body)
        #expect(read.header.revision == 1 && read.hash != 0)

        let endpoint = PeerEndpoint(
            clusterID: try #require(members.headers["x-etcd-cluster-id"].flatMap { PeerHeaders.id($0) }), memberID: own.id,
            version: try #require(ReleaseVersion(told.server)))
        var statuses: Set<Int> = []
        for request in Self.requests(to: endpoint, removed: removed) {
            let decision = endpoint.decide(request, isPeer: { _ in false }, isRemoved: { $0 == removed })
            guard case .refuse(let refusal) = decision.answer else {
                Issue.record("\(request) is not refused")
                continue
            }
            let answer = try Loopback.exchange(
                request.method, request.path, headers: request.headers, port: etcd.peerPort)
            #expect(answer.status == refusal.status, "\(request)")
            #expect(answer.body == refusal.body, "\(request)")
            for field in refusal.fields { #expect(answer.headers[field.name.lowercased()] == field.value, "\(request)") }
            #expect(answer.headers["allow"] == refusal.allowed, "\(request)")
            #expect(answer.headers["x-etcd-cluster-id"] == decision.clusterID.map { PeerHeaders.text($0) }, "\(request)")
            #expect(answer.headers["x-server-version"] == decision.serverVersion, "\(request)")
            statuses.insert(answer.status)
        }
        #expect(statuses == [404, 405, 410, 412])
    }

    /// Adds a learner that never starts, removes it, and returns its id.
    private static func addAndRemove(_ etcd: EtcdProcess) async throws -> UInt64 {
        let added = try await etcd.etcdctl("member", "add", "gone", "--learner", "--peer-urls=http://127.0.0.1:1")
        let word = added.split(separator: " ").drop { $0 != "Member" }.dropFirst().first
        let id = try #require(word.flatMap { PeerHeaders.id($0) }, "\(added)")
        try await etcd.etcdctl("member", "remove", PeerHeaders.text(id))
        return id
    }

    private static func requests(to endpoint: PeerEndpoint, removed: UInt64) -> [PeerRequest] {
        func request(
            _ method: String, _ path: String, _ change: (inout PeerHeaders) -> Void = { _ in }
        ) -> PeerRequest {
            var headers = PeerHeaders(
                clusterID: endpoint.clusterID, from: Self.stranger, to: endpoint.memberID, serverVersion: "3.5.1")
            change(&headers)
            return PeerRequest(method: method, path: path, headers: headers.fields)
        }
        var requests: [PeerRequest] = []
        for path in ["/raft", "/raft/snapshot", "/members/promote/1", "/leases", "/leases/internal"] {
            requests.append(request("GET", path))
        }
        for path in ["/raft/stream/msgapp/1", "/members", "/version"] { requests.append(request("POST", path)) }
        for path in ["/nothing", "/raft/nothing", "/members/1", "/raft/stream/nothing/1", "/raft/stream/msgapp/xyz"] {
            requests.append(request("GET", path))
        }
        requests.append(request("POST", "/members/promote/x"))
        for kind in PeerStreamKind.allCases {
            requests.append(request("GET", PeerPath.stream(kind, dialer: Self.stranger)))
            requests.append(request("GET", PeerPath.stream(kind, dialer: removed)))
        }
        for (method, path) in [("POST", "/raft"), ("POST", "/raft/snapshot"), ("GET", "/raft/stream/message/77")] {
            requests.append(request(method, path) { $0.clusterID = 1 })
            requests.append(request(method, path) { $0.serverVersion = "2.3.8" })
            requests.append(request(method, path) { $0.minimumClusterVersion = "4.0.0" })
            requests.append(PeerRequest(method: method, path: path))
        }
        return requests
    }
}
