public import EtcdWire
public import Platform
public import Store
internal import YAML

/// `GET /members` of a peer URL: the members by their id, as JSON.
public enum PeerMembers {
    /// The bytes that etcd writes.
    public static func json(_ members: [ClusterMember]) -> [UInt8] {
        let sorted = members.sorted { $0.id < $1.id }.map { $0.json() }
        return Array("[".utf8) + sorted.joined(separator: Array(",".utf8)) + Array("]\n".utf8)
    }

    /// Reads what a peer answered.
    public static func read(_ json: [UInt8]) throws(PeerDocumentError) -> [ClusterMember] {
        let what = "members"
        guard let elements = try PeerDocumentError.node(json, what).sequence else {
            throw PeerDocumentError(what, "not a list")
        }
        var members: [ClusterMember] = []
        for element in elements {
            do throws(StoreError) {
                members.append(try ClusterMember(json: element.json()))
            } catch {
                throw PeerDocumentError(what, "\(error)")
            }
        }
        return members
    }
}

/// `GET /version`: what a server is, and what its cluster has agreed to be.
public struct PeerVersion: Sendable, Hashable {
    public var server: String
    /// Such as `3.5.0`; `not_decided` until the cluster has agreed.
    public var cluster: String
    /// From 3.6 on.
    public var storage: String?

    public static let notDecided = "not_decided"

    public init(server: String, cluster: String = Self.notDecided, storage: String? = nil) {
        self.server = server
        self.cluster = cluster
        self.storage = storage
    }

    /// The bytes that etcd writes.
    public func json() -> [UInt8] {
        var mapping = Mapping()
        mapping["etcdserver"] = .string(self.server)
        mapping["etcdcluster"] = .string(self.cluster)
        if let storage = self.storage { mapping["storage"] = .string(storage) }
        return Node.mapping(mapping).json()
    }

    public init(json: [UInt8]) throws(PeerDocumentError) {
        let node = try PeerDocumentError.node(json, "version")
        guard let server = node["etcdserver"]?.string, let cluster = node["etcdcluster"]?.string else {
            throw PeerDocumentError("version", "no etcdserver or no etcdcluster")
        }
        self.init(server: server, cluster: cluster, storage: node["storage"]?.string)
    }
}

/// `GET /raft/probing`: whether a peer is there, and what time it has.
public struct PeerHealth: Sendable, Hashable {
    public var isOK: Bool
    public var now: Timestamp

    public init(isOK: Bool = true, now: Timestamp) {
        self.isOK = isOK
        self.now = now
    }

    public func json() -> [UInt8] {
        var mapping = Mapping()
        mapping["OK"] = .bool(self.isOK)
        // To the nanosecond: the peer warns of clocks that are a second apart.
        let fraction = String(1_000_000_000 + self.now.nanoseconds - self.now.seconds * 1_000_000_000).dropFirst()
        mapping["Now"] = .string("\(self.now.description.dropLast()).\(fraction)Z")
        return Node.mapping(mapping).json() + [UInt8(ascii: "\n")]
    }

    public init(json: [UInt8]) throws(PeerDocumentError) {
        let node = try PeerDocumentError.node(json, "probing")
        guard let isOK = node["OK"]?.bool, let text = node["Now"]?.string, let now = Timestamp(rfc3339: text) else {
            throw PeerDocumentError("probing", "no OK or no Now")
        }
        self.init(isOK: isOK, now: now)
    }
}

/// `GET /members/hashkv`, a request with a body: the hash of a peer's keys at a revision, to be compared.
public enum PeerHashKV {
    /// - Parameter revision: 0 for the peer's latest.
    public static func request(revision: Int64) -> [UInt8] {
        var mapping = Mapping()
        if revision != 0 { mapping["revision"] = .int(revision) }
        return Node.mapping(mapping).json()
    }

    /// The revision that is asked for.
    public static func read(request json: [UInt8]) throws(PeerDocumentError) -> Int64 {
        let node = try PeerDocumentError.node(json, "hashkv request")
        guard node.mapping != nil else { throw PeerDocumentError("hashkv request", "no object") }
        return try PeerDocumentError.number(node, "revision")
    }

    /// The bytes that etcd writes: what is zero is left out.
    public static func json(_ response: HashKVResponse) -> [UInt8] {
        func set(_ mapping: inout Mapping, _ name: String, _ number: some BinaryInteger) {
            if number != 0 { mapping[name] = .int(number) }
        }
        var header = Mapping()
        set(&header, "cluster_id", response.header.clusterID)
        set(&header, "member_id", response.header.memberID)
        set(&header, "revision", response.header.revision)
        set(&header, "raft_term", response.header.raftTerm)
        var mapping = Mapping()
        mapping["header"] = .mapping(header)
        set(&mapping, "hash", response.hash)
        set(&mapping, "compact_revision", response.compactRevision)
        set(&mapping, "hash_revision", response.hashRevision)
        return Node.mapping(mapping).json()
    }

    public static func read(_ json: [UInt8]) throws(PeerDocumentError) -> HashKVResponse {
        let node = try PeerDocumentError.node(json, "hashkv")
        guard node.mapping != nil else { throw PeerDocumentError("hashkv", "no object") }
        var response = HashKVResponse()
        if let header = node["header"] {
            response.header.clusterID = try PeerDocumentError.number(header, "cluster_id")
            response.header.memberID = try PeerDocumentError.number(header, "member_id")
            response.header.revision = try PeerDocumentError.number(header, "revision")
            response.header.raftTerm = try PeerDocumentError.number(header, "raft_term")
        }
        response.hash = try PeerDocumentError.number(node, "hash")
        response.compactRevision = try PeerDocumentError.number(node, "compact_revision")
        response.hashRevision = try PeerDocumentError.number(node, "hash_revision")
        return response
    }
}

/// A document of a peer is not what it should be.
public struct PeerDocumentError: Error, Hashable, CustomStringConvertible {
    public var description: String

    init(_ what: String, _ problem: String) {
        self.description = "a peer's \(what): \(problem)"
    }

    /// A number of an object; 0 when it has none.
    static func number<Number: FixedWidthInteger>(_ node: Node, _ name: String) throws(PeerDocumentError) -> Number {
        guard let value = node[name], !value.isNull else { return 0 }
        guard let number = value.int.flatMap({ Number(exactly: $0) }) else {
            throw PeerDocumentError("document", "\(name) is no number that fits")
        }
        return number
    }

    static func node(_ json: [UInt8], _ what: String) throws(PeerDocumentError) -> Node {
        do throws(YAMLError) {
            return try Node.read(json: json)
        } catch {
            throw PeerDocumentError(what, "\(error)")
        }
    }
}
