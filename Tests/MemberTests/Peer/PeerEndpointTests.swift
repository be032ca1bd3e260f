import EtcdWire
import Member
import Platform
import Store
import Testing

@Suite("Peer endpoint")
struct PeerEndpointTests {
    private static let peer: UInt64 = 0x91BC_3C39_8FB3_C146
    private static let removed: UInt64 = 0xDEAD
    private static let endpoint = PeerEndpoint(
        clusterID: 0xEF37_AD9D_C622_A7C4, memberID: 0x8211_F1D0_F64F_3269, version: ReleaseVersion(3, 5, 1))

    private static func decide(
        _ method: String, _ path: String, _ change: (inout PeerHeaders) -> Void = { _ in }
    ) -> PeerDecision {
        var headers = PeerHeaders(
            clusterID: Self.endpoint.clusterID, from: Self.peer, to: Self.endpoint.memberID, serverVersion: "3.4.23")
        change(&headers)
        let fields = headers.fields.map { ($0.name.lowercased(), $0.value) }
        return Self.decide(PeerRequest(method: method, path: path, headers: fields))
    }

    private static func decide(_ request: PeerRequest) -> PeerDecision {
        Self.endpoint.decide(request, isPeer: { $0 == Self.peer }, isRemoved: { $0 == Self.removed })
    }

    private static func refusal(_ decision: PeerDecision) -> String? {
        if case .refuse(let refusal) = decision.answer { "\(refusal.status) \(refusal.body)" } else { nil }
    }

    @Test("Streams open for members that are known")
    func streams() {
        let path = PeerPath.stream(.append, dialer: Self.peer)
        let open = Self.decide("GET", path)
        #expect(open.answer == .openStream(.append, to: Self.peer))
        #expect(open.clusterID == Self.endpoint.clusterID && open.serverVersion == "3.5.1" && open.remote == nil)
        #expect(Self.decide("GET", PeerPath.stream(.message, dialer: Self.peer)).answer == .openStream(.message, to: Self.peer))

        let stranger = Self.decide("GET", PeerPath.stream(.message, dialer: 7)) { $0.peerURLs = ["http://a:1", "http://b:2"] }
        #expect(Self.refusal(stranger) == "404 error sender not found\n")
        #expect(stranger.remote == PeerDecision.Remote(id: 7, urls: ["http://a:1", "http://b:2"]))
        #expect(Self.refusal(Self.decide("GET", PeerPath.stream(.message, dialer: Self.removed))) == "410 removed member\n")
        #expect(Self.refusal(Self.decide("GET", path) { $0.to = 5 }) == "412 to field mismatch\n")
        #expect(Self.refusal(Self.decide("GET", path) { $0.to = nil }) == "412 to field mismatch\n")
        #expect(Self.refusal(Self.decide("GET", "/raft/stream/msgapp/xyz")) == "404 invalid from\n")
        #expect(Self.refusal(Self.decide("GET", "/raft/stream/msgapp/")) == "404 invalid from\n")
        #expect(Self.refusal(Self.decide("GET", "/raft/stream/other/1")) == "404 invalid path\n")
        #expect(Self.refusal(Self.decide("GET", "/raft/stream/")) == "404 invalid path\n")
        #expect(Self.refusal(Self.decide("POST", path)) == "405 Method Not Allowed\n")
    }

    @Test("Messages and snapshots are received from members of this cluster and of versions that go with this one")
    func posts() {
        let post = Self.decide("POST", "/raft") { $0.peerURLs = ["http://a:1"] }
        #expect(post.answer == .receiveMessage && post.clusterID == Self.endpoint.clusterID && post.serverVersion == nil)
        #expect(post.remote == PeerDecision.Remote(id: Self.peer, urls: ["http://a:1"]))
        #expect(Self.decide("POST", "/raft/snapshot").answer == .receiveSnapshot)
        for path in ["/raft", "/raft/snapshot"] {
            #expect(Self.refusal(Self.decide("GET", path)) == "405 Method Not Allowed\n")
            #expect(Self.refusal(Self.decide("POST", path) { $0.clusterID = 1 }) == "412 cluster ID mismatch\n")
            for version in ["2.3.8", "x", "3.5", "3.5.1.2", "-1.0.0"] {
                let refused = Self.decide("POST", path) { $0.serverVersion = version }
                #expect(Self.refusal(refused) == "412 incompatible version\n", "\(version)")
                #expect(refused.clusterID == Self.endpoint.clusterID && refused.remote == nil)
            }
            #expect(Self.decide("POST", path) { $0.serverVersion = "3.7.0-rc.1+git" }.answer != .refuse(.wrongKind))
            #expect(Self.refusal(Self.decide("POST", path) { $0.serverVersion = "3.7.0-rc.1+git" }) == nil)
            #expect(Self.refusal(Self.decide("POST", path) { $0.minimumClusterVersion = "3.5.9" }) == nil)
            #expect(
                Self.refusal(Self.decide("POST", path) { $0.minimumClusterVersion = "3.6.0" }) == "412 incompatible version\n")
            // Who says nothing is of 2.0.
            #expect(Self.refusal(Self.decide(PeerRequest(method: "POST", path: path))) == "412 incompatible version\n")
        }
    }

    @Test("All other paths")
    func paths() {
        let expected: [(String, String, PeerAnswer)] = [
            ("GET", "/members", .members), ("GET", "/version", .version), ("GET", "/raft/probing", .probing),
            ("POST", "/members/promote/42", .promote(42)), ("POST", "/leases", .leases),
            ("POST", "/leases/internal", .leasesInternal), ("GET", "/downgrade/enabled", .downgradeEnabled),
            ("GET", "/members/hashkv", .hashKV),
        ]
        for (method, path, answer) in expected {
            #expect(Self.decide(PeerRequest(method: method, path: path)).answer == answer, "\(path)")
            guard answer != .probing else { continue }
            let other = Self.decide(PeerRequest(method: method == "GET" ? "POST" : "GET", path: path))
            #expect(Self.refusal(other)?.lowercased() == "405 method not allowed\n", "\(path)")
        }
        #expect(Self.refusal(Self.decide("GET", "/members/hashkv") { $0.clusterID = 1 }) == "412 cluster ID mismatch\n")
        for path in ["/", "", "/raft/x", "/members/", "/members/x", "/v3/kv/put"] {
            #expect(Self.refusal(Self.decide("GET", path)) == "404 404 page not found\n", "\(path)")
        }
        for id in ["", "x", "-1", "+1", "99999999999999999999999"] {
            let refused = Self.decide("POST", "/members/promote/\(id)")
            #expect(Self.refusal(refused) == "404 member \(id) not found in cluster\n")
        }
    }

    @Test("What is refused is understood by the one who asked")
    func outcomes() {
        func outcome(_ decision: PeerDecision, isStream: Bool) -> PeerOutcome? {
            guard case .refuse(let refusal) = decision.answer else { return nil }
            return isStream
                ? PeerOutcome(streamStatus: refusal.status, body: refusal.body)
                : PeerOutcome(postStatus: refusal.status, body: refusal.body)
        }
        let path = PeerPath.stream(.append, dialer: Self.peer)
        #expect(outcome(Self.decide("GET", path) { $0.clusterID = 1 }, isStream: true) == .clusterIDMismatch)
        #expect(outcome(Self.decide("GET", path) { $0.serverVersion = "2.3.0" }, isStream: true) == .incompatibleVersion)
        #expect(outcome(Self.decide("GET", PeerPath.stream(.append, dialer: 3)), isStream: true) == .notFound)
        #expect(outcome(Self.decide("GET", PeerPath.stream(.append, dialer: Self.removed)), isStream: true) == .removed)
        #expect(outcome(Self.decide("POST", "/raft") { $0.clusterID = 1 }, isStream: false) == .clusterIDMismatch)
        let removed = PeerRefusal.removedSender
        #expect(PeerOutcome(postStatus: removed.status, body: removed.body) == .removed)
        #expect(PeerOutcome(postStatus: 204, body: "") == .accepted)
        #expect(PeerOutcome(streamStatus: 200, body: "") == .accepted)
        guard case .failed? = outcome(Self.decide("GET", path) { $0.to = 5 }, isStream: true) else {
            Issue.record("a mismatch of the receiver is told apart")
            return
        }
    }

    @Test("No request does worse than be refused")
    func anyRequest() {
        for seed in 0..<UInt64(2000) {
            var random = SeededRandom(seed: seed)
            let words = [
                "/", "raft", "stream", "msgapp", "message", "members", "promote", "leases", "é", "%2f", "91bc", "", "\0",
            ]
            let path = (0..<Int.random(in: 0...6, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }
            let headers = PeerHeaders(clusterID: random.next(), from: 1, serverVersion: "3.5.1").fields.map { field in
                random.chance(0.2) ? (field.name, words.randomElement(using: &random) ?? "") : field
            }
            let method = random.chance(0.5) ? "GET" : "POST"
            _ = Self.decide(PeerRequest(method: method, path: "/" + path.joined(separator: "/"), headers: headers))
        }
    }

    @Test("Documents are written as etcd writes them, and read")
    func documents() throws {
        let members = [
            ClusterMember(id: 0x91BC_3C39_8FB3_C146, peerURLs: ["http://127.0.0.1:22380"], isLearner: true),
            ClusterMember(
                id: 0x8211_F1D0_F64F_3269, peerURLs: ["http://127.0.0.1:12380"], name: "m1",
                clientURLs: ["http://127.0.0.1:12379"]),
        ]
        let json = PeerMembers.json(members)
        #expect(
            String(decoding: json, as: UTF8.self) == """
                [{"id":9372538179322589801,"peerURLs":["http://127.0.0.1:12380"],"name":"m1",\
                "clientURLs":["http://127.0.0.1:12379"]},\
                {"id":10501334649042878790,"peerURLs":["http://127.0.0.1:22380"],"isLearner":true}]

                """)
        #expect(try PeerMembers.read(json) == members.reversed())
        let version = PeerVersion(server: "3.5.1", cluster: "3.5.0")
        #expect(String(decoding: version.json(), as: UTF8.self) == #"{"etcdserver":"3.5.1","etcdcluster":"3.5.0"}"#)
        #expect(try PeerVersion(json: version.json()) == version)
        let newer = PeerVersion(server: "3.6.0", cluster: "3.6.0", storage: "3.6.0")
        #expect(try PeerVersion(json: newer.json()) == newer)
        let health = PeerHealth(now: Timestamp(nanoseconds: 1_700_000_000_012_345_678))
        #expect(String(decoding: health.json(), as: UTF8.self) == #"{"OK":true,"Now":"2023-11-14T22:13:20.012345678Z"}"# + "\n")
        #expect(try PeerHealth(json: health.json()) == health)
        var hash = HashKVResponse()
        hash.header = ResponseHeader(clusterID: .max, memberID: 1, revision: 7, raftTerm: 2)
        (hash.hash, hash.compactRevision, hash.hashRevision) = (.max, -1, 7)
        #expect(try PeerHashKV.read(PeerHashKV.json(hash)) == hash)
        #expect(try PeerHashKV.read(request: PeerHashKV.request(revision: 7)) == 7)
        #expect(try PeerHashKV.read(request: Array("{}".utf8)) == 0)
        for text in ["", "[]", #"{"revision":"x","hash":"x"}"#, #"{"revision":1e30,"hash":-1}"#] {
            #expect(throws: PeerDocumentError.self) { try PeerHashKV.read(request: Array(text.utf8)) }
            #expect(throws: PeerDocumentError.self) { try PeerHashKV.read(Array(text.utf8)) }
        }
        for text in ["", "{", "[]", "{}", "[1]", #"[{"id":"x"}]"#, #"{"OK":true,"Now":"x"}"#, #"{"etcdserver":1}"#] {
            let bytes = Array(text.utf8)
            #expect(throws: PeerDocumentError.self) { try PeerVersion(json: bytes) }
            #expect(throws: PeerDocumentError.self) { try PeerHealth(json: bytes) }
            if text != "[]" { #expect(throws: PeerDocumentError.self) { try PeerMembers.read(bytes) } }
        }
    }
}
