public import EtcdWire

/// The head of a request on a peer URL.
public struct PeerRequest: Sendable {
    public var method: String
    /// Without a query.
    public var path: String
    public var headers: [(name: String, value: String)]

    public init(method: String, path: String, headers: [(name: String, value: String)] = []) {
        self.method = method
        self.path = path
        self.headers = headers
    }

    /// The first header of a name, whatever its case; empty when there is none.
    public subscript(name: String) -> String {
        let name = name.lowercased()
        return self.headers.first { $0.name.lowercased() == name }?.value ?? ""
    }
}

/// What is to be done about a request on a peer URL.
public struct PeerDecision: Sendable, Hashable {
    public var answer: PeerAnswer
    /// `X-Etcd-Cluster-ID`, if the answer is to carry it.
    public var clusterID: UInt64?
    /// `X-Server-Version`, if the answer is to carry it.
    public var serverVersion: String?
    /// A member that may not be known yet, and says where it is reached.
    public var remote: Remote?

    /// A member that is to be known from now on, if it was not.
    public struct Remote: Sendable, Hashable {
        public var id: UInt64
        public var urls: [String]

        public init(id: UInt64, urls: [String]) {
            self.id = id
            self.urls = urls
        }
    }
}

/// How a request on a peer URL goes on.
public enum PeerAnswer: Sendable, Hashable {
    /// 200, and then the messages for that member, for as long as it reads.
    case openStream(PeerStreamKind, to: UInt64)
    /// The body is a message. 204 once it is processed.
    case receiveMessage
    /// The body is a ``SnapshotBody``. 204 once it is processed.
    case receiveSnapshot
    case probing, members, version
    case promote(UInt64)
    case leases, leasesInternal
    case downgradeEnabled, hashKV
    case refuse(PeerRefusal)
}

/// An answer that is an error, with etcd's own words: peers tell errors apart by them.
public struct PeerRefusal: Error, Sendable, Hashable {
    public var status: Int
    public var body: String
    public var isJSON = false
    /// For `Allow`, where the method is wrong.
    public var allowed: String?

    init(_ status: Int, _ text: String, allowed: String? = nil) {
        self.status = status
        self.body = "\(text)\n"
        self.allowed = allowed
    }

    /// What goes with the body.
    public var fields: [(name: String, value: String)] {
        let type = self.isJSON ? "application/json" : "text/plain; charset=utf-8"
        var fields = [("Content-Type", type)]
        if !self.isJSON { fields.append(("X-Content-Type-Options", "nosniff")) }
        if let allowed = self.allowed { fields.append(("Allow", allowed)) }
        return fields
    }

    static let incompatibleVersion = PeerRefusal(412, "incompatible version")
    static let clusterIDMismatch = PeerRefusal(412, "cluster ID mismatch")
    static let notFound = PeerRefusal(404, "404 page not found")

    static func method(_ allowed: String) -> PeerRefusal {
        PeerRefusal(405, "Method Not Allowed", allowed: allowed)
    }

    /// A pipeline's body that could not be read to its end.
    public static let unreadableMessage = PeerRefusal(400, "error reading raft message")
    /// A pipeline's body that is no message.
    public static let malformedMessage = PeerRefusal(400, "error unmarshalling raft message")
    /// Raft did not take a pipeline's message.
    public static let unprocessedMessage = PeerRefusal(500, "error processing raft message")
    /// A snapshot's message that is of another kind.
    public static let wrongKind = PeerRefusal(400, "wrong raft message type")

    public static func undecodedSnapshot(_ error: some Error) -> PeerRefusal {
        PeerRefusal(400, "failed to decode raft message (\(error))")
    }

    public static func unsavedSnapshot(_ error: some Error) -> PeerRefusal {
        PeerRefusal(500, "failed to save KV snapshot (\(error))")
    }

    public static func unprocessedSnapshot(_ error: some Error) -> PeerRefusal {
        PeerRefusal(500, "failed to process raft message (\(error))")
    }

    /// For a message that a removed member sent: that member stops when it reads this.
    public static let removedSender: PeerRefusal = {
        var refusal = PeerRefusal(403, "")
        refusal.body = #"{"message":"cannot process message from removed member"}"#
        refusal.isJSON = true
        return refusal
    }()
}

/// Decides what is done about requests on a member's peer URLs, before a body is read.
///
/// Source: etcd's `rafthttp` and `etcdhttp`, with which it agrees in status codes, headers and words.
public struct PeerEndpoint: Sendable, Hashable {
    public var clusterID: UInt64
    public var memberID: UInt64
    public var version: ReleaseVersion
    /// The oldest release that this member works with.
    public var minimumClusterVersion: ReleaseVersion

    public init(
        clusterID: UInt64, memberID: UInt64, version: ReleaseVersion,
        minimumClusterVersion: ReleaseVersion = ReleaseVersion(3, 0, 0)
    ) {
        self.clusterID = clusterID
        self.memberID = memberID
        self.version = version
        self.minimumClusterVersion = minimumClusterVersion
    }

    /// - Parameters:
    ///   - isPeer: Whether an id is that of another member that this one knows.
    ///   - isRemoved: Whether an id was that of a member that was removed.
    public func decide(
        _ request: PeerRequest, isPeer: (UInt64) -> Bool, isRemoved: (UInt64) -> Bool
    ) -> PeerDecision {
        var decision = PeerDecision(answer: .refuse(.notFound))
        do throws(PeerRefusal) {
            decision.answer = try self.route(request, &decision, isPeer, isRemoved)
        } catch {
            decision.answer = .refuse(error)
        }
        return decision
    }

    private func route(
        _ request: PeerRequest, _ decision: inout PeerDecision, _ isPeer: (UInt64) -> Bool, _ isRemoved: (UInt64) -> Bool
    ) throws(PeerRefusal) -> PeerAnswer {
        func only(_ method: String, _ answer: PeerAnswer, telling id: UInt64? = nil) throws(PeerRefusal) -> PeerAnswer {
            guard request.method == method else { throw .method(method) }
            decision.clusterID = id
            return answer
        }
        switch request.path {
        case PeerPath.pipeline, PeerPath.snapshot:
            let isSnapshot = request.path == PeerPath.snapshot
            return try self.post(request, &decision, isSnapshot ? .receiveSnapshot : .receiveMessage)
        case PeerPath.probing:
            return .probing
        case PeerPath.members:
            return try only("GET", .members, telling: self.clusterID)
        case PeerPath.version:
            return try only("GET", .version)
        case PeerPath.leases, PeerPath.leasesInternal:
            guard request.method == "POST" else { throw PeerRefusal(405, "Method Not Allowed") }
            return request.path == PeerPath.leases ? .leases : .leasesInternal
        case PeerPath.downgradeEnabled:
            return try only("GET", .downgradeEnabled, telling: self.clusterID)
        case PeerPath.hashKV:
            let answer = try only("GET", .hashKV, telling: self.clusterID)
            let asked = request[PeerHeaders.clusterIDName]
            guard asked.isEmpty || asked == PeerHeaders.text(self.clusterID) else { throw .clusterIDMismatch }
            return answer
        case let path where path.hasPrefix("/raft/stream/"):
            return try self.stream(request, &decision, isPeer, isRemoved)
        case let path where path.hasPrefix("\(PeerPath.promotion)/"):
            _ = try only("POST", .members, telling: self.clusterID)
            let id = path.dropFirst(PeerPath.promotion.utf8.count + 1)
            guard id.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(id) else {
                throw PeerRefusal(404, "member \(id) not found in cluster")
            }
            return .promote(number)
        default:
            throw .notFound
        }
    }

    private func post(
        _ request: PeerRequest, _ decision: inout PeerDecision, _ answer: PeerAnswer
    ) throws(PeerRefusal) -> PeerAnswer {
        guard request.method == "POST" else { throw .method("POST") }
        decision.clusterID = self.clusterID
        try self.checkCompatibility(request)
        if let from = PeerHeaders.id(request[PeerHeaders.serverFromName]) {
            decision.remote = Self.remote(from, request)
        }
        return answer
    }

    private func stream(
        _ request: PeerRequest, _ decision: inout PeerDecision, _ isPeer: (UInt64) -> Bool, _ isRemoved: (UInt64) -> Bool
    ) throws(PeerRefusal) -> PeerAnswer {
        guard request.method == "GET" else { throw .method("GET") }
        decision.clusterID = self.clusterID
        decision.serverVersion = self.version.description
        try self.checkCompatibility(request)
        let cut = request.path.lastIndex(of: "/") ?? request.path.startIndex
        let kind: PeerStreamKind
        switch request.path[..<cut] {
        case PeerPath.appendStream[...]: kind = .append
        case PeerPath.messageStream[...]: kind = .message
        default: throw PeerRefusal(404, "invalid path")
        }
        guard let from = PeerHeaders.id(request.path[cut...].dropFirst()) else { throw PeerRefusal(404, "invalid from") }
        if isRemoved(from) { throw PeerRefusal(410, "removed member") }
        guard isPeer(from) else {
            decision.remote = Self.remote(from, request)
            throw PeerRefusal(404, "error sender not found")
        }
        guard request[PeerHeaders.raftToName] == PeerHeaders.text(self.memberID) else {
            throw PeerRefusal(412, "to field mismatch")
        }
        return .openStream(kind, to: from)
    }

    /// A member that tells no version is one of 2.0.
    private func checkCompatibility(_ request: PeerRequest) throws(PeerRefusal) {
        func version(_ name: String) throws(PeerRefusal) -> ReleaseVersion {
            let text = request[name]
            guard let version = ReleaseVersion(text.isEmpty ? "2.0.0" : text) else { throw .incompatibleVersion }
            return version
        }
        let server = try version(PeerHeaders.serverVersionName)
        let minimum = try version(PeerHeaders.minimumClusterVersionName)
        guard server.release >= self.minimumClusterVersion.release, minimum.release <= self.version.release else {
            throw .incompatibleVersion
        }
        guard request[PeerHeaders.clusterIDName] == PeerHeaders.text(self.clusterID) else { throw .clusterIDMismatch }
    }

    private static func remote(_ id: UInt64, _ request: PeerRequest) -> PeerDecision.Remote? {
        let urls = request[PeerHeaders.peerURLsName]
        guard !urls.isEmpty else { return nil }
        return PeerDecision.Remote(
            id: id, urls: urls.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
    }
}
