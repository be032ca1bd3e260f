internal import Crypto
internal import EtcdWire
internal import YAML

/// The ids that etcd computes for a new cluster, and its members as etcd writes them down.
///
/// Formats: etcd, `server/etcdserver/api/membership`.
public struct ClusterIdentity: Sendable, Hashable {
    public struct Member: Sendable, Hashable {
        public var id: UInt64
        public var name: String
        /// Sorted.
        public var peerURLs: [String]
    }

    public var clusterID: UInt64
    /// The member whose directory is made.
    public var memberID: UInt64
    /// By id.
    public var members: [Member]

    public init(_ cluster: NewCluster) {
        self.members = cluster.members
            .map { member in
                let urls = member.peerURLs.sorted()
                return Member(id: Self.id(urls.joined() + cluster.token), name: member.name, peerURLs: urls)
            }
            .sorted { $0.id < $1.id }
        self.clusterID = Self.id(self.members.flatMap { Self.bigEndian($0.id) })
        self.memberID = self.members.first { $0.name == cluster.name }?.id ?? 0
    }

    private static func id(_ text: String) -> UInt64 { self.id(Array(text.utf8)) }

    private static func id(_ bytes: [UInt8]) -> UInt64 {
        Insecure.SHA1.hash(data: bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func bigEndian(_ value: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
    }

    var confState: ConfState { ConfState(voters: self.members.map(\.id)) }

    /// The entries that a new cluster's log begins with: each adds a member.
    var entries: [RaftEntry] {
        self.members.enumerated().map { index, member in
            let change = ConfChange(kind: .addNode, nodeID: member.id, context: member.json)
            return RaftEntry(kind: .confChange, term: 1, index: UInt64(index + 1), data: change.encoded())
        }
    }

    /// The state of the older store with these members alone, as it stands in a `.snap` file.
    var olderStore: [UInt8] {
        let members = self.members.enumerated().map { place, member -> (String, Node) in
            let (name, index) = (hexadecimal(member.id), place + 1)
            let path = "/0/members/\(name)"
            let leaf = Self.node("\(path)/raftAttributes", index, value: member.raftAttributes)
            return (name, Self.node(path, index, children: ["raftAttributes": leaf]))
        }
        // By their names, as etcd sorts them.
        let sorted = Mapping(members.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) })
        let zero = Self.node("/0", 0, children: ["members": Self.node("/0/members", 1, children: sorted)])
        let root = Self.node("/", 0, children: ["0": zero, "1": Self.node("/1", 0, children: [:])])
        let events = self.members.enumerated().map { place, member -> Node in
            let node: Mapping = [
                "key": .string("/0/members/\(hexadecimal(member.id))/raftAttributes"),
                "value": .string(member.raftAttributes), "modifiedIndex": .int(place + 1), "createdIndex": .int(place + 1),
            ]
            return .mapping(["action": "create", "node": .mapping(node)])
        }
        let count = events.count
        let capacity = 1000
        let queue: Mapping = [
            "Events": .sequence(events + [Node](repeating: .null, count: max(0, capacity - count))), "Size": .int(count),
            "Front": 0, "Back": .int(count), "Capacity": .int(capacity),
        ]
        let history: Mapping = ["Queue": .mapping(queue), "StartIndex": 1, "LastIndex": .int(count)]
        let document: Mapping = [
            "Root": root, "WatcherHub": .mapping(["EventHistory": .mapping(history)]), "CurrentIndex": .int(count),
            "Stats": Self.statistics(created: count), "CurrentVersion": 2,
        ]
        return Node.mapping(document).json()
    }

    private static func statistics(created: Int) -> Node {
        let names = [
            "getsSuccess", "getsFail", "setsSuccess", "setsFail", "deleteSuccess", "deleteFail", "updateSuccess", "updateFail",
            "createSuccess", "createFail", "compareAndSwapSuccess", "compareAndSwapFail", "compareAndDeleteSuccess",
            "compareAndDeleteFail", "expireCount", "watchers",
        ]
        return .mapping(Mapping(names.map { ($0, .int($0 == "createSuccess" ? created : 0)) }))
    }

    private static func node(_ path: String, _ index: Int, value: String = "", children: Mapping? = nil) -> Node {
        .mapping([
            "Path": .string(path), "CreatedIndex": .int(index), "ModifiedIndex": .int(index),
            "ExpireTime": "0001-01-01T00:00:00Z", "Value": .string(value),
            "Children": children.map { .mapping($0) } ?? .null,
        ])
    }
}

extension ClusterIdentity.Member {
    /// As it stands in the log and in bucket `members`.
    var json: [UInt8] {
        Node.mapping([
            "id": .int(self.id), "peerURLs": .sequence(self.peerURLs.map { .string($0) }), "name": .string(self.name),
        ]).json()
    }

    fileprivate var raftAttributes: String {
        let node = Node.mapping(["peerURLs": .sequence(self.peerURLs.map { .string($0) })])
        return String(decoding: node.json(), as: UTF8.self)
    }
}

extension ConfState {
    /// As it stands in bucket `meta`.
    var json: [UInt8] {
        var node: Mapping = ["voters": .sequence(self.voters.map { .int($0) })]
        if !self.learners.isEmpty { node["learners"] = .sequence(self.learners.map { .int($0) }) }
        node["auto_leave"] = .bool(self.autoLeave)
        return Node.mapping(node).json()
    }
}
