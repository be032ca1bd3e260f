internal import YAML

/// What is left of etcd's older store: the members and the cluster's version, as the `.snap` files of releases up to 3.6
/// carry them. JSON of a tree of nodes: `/0/members/ID/raftAttributes`, `/0/members/ID/attributes`,
/// `/0/removed_members/ID` and `/0/version`.
public struct V2Membership: Sendable, Hashable {
    /// By id, ascending.
    public var members: [ClusterMember]
    public var removed: [UInt64]
    public var clusterVersion: String?

    public init(members: [ClusterMember] = [], removed: [UInt64] = [], clusterVersion: String? = nil) {
        (self.members, self.removed, self.clusterVersion) = (members, removed, clusterVersion)
    }

    /// Reads the data of a snapshot. Whatever else the tree holds is passed over.
    public init(json: [UInt8]) throws(StoreError) {
        let what = "the snapshot's tree of members"
        guard let root = JSONObject(try JSONObject(json, what)["Root"]),
            let cluster = Self.child("0", of: root)
        else { throw .fatal("\(what): no node /0") }
        self.init(clusterVersion: Self.child("version", of: cluster)?.string("Value"))
        for (name, node) in Self.children("members", of: cluster) {
            guard let id = UInt64(name, radix: 16), let value = Self.child("raftAttributes", of: node)?.string("Value") else {
                throw .fatal("\(what): the member \(name) has no raftAttributes")
            }
            let raft = try JSONObject(Array(value.utf8), "\(what), raftAttributes of \(name)")
            var member = ClusterMember(
                id: id, peerURLs: raft.strings("peerURLs") ?? [], isLearner: raft.bool("isLearner") ?? false)
            if let value = Self.child("attributes", of: node)?.string("Value") {
                let attributes = try JSONObject(Array(value.utf8), "\(what), attributes of \(name)")
                member.name = attributes.string("name") ?? ""
                member.clientURLs = attributes.strings("clientURLs") ?? []
            }
            self.members.append(member)
        }
        for (name, _) in Self.children("removed_members", of: cluster) {
            guard let id = UInt64(name, radix: 16) else { throw .fatal("\(what): \(name) is no member's id") }
            self.removed.append(id)
        }
        self.members.sort { $0.id < $1.id }
        self.removed.sort()
    }

    private static func child(_ name: String, of node: JSONObject) -> JSONObject? {
        JSONObject(JSONObject(node["Children"])?[name])
    }

    private static func children(_ name: String, of node: JSONObject) -> [(String, JSONObject)] {
        (JSONObject(self.child(name, of: node)?["Children"])?.entries ?? []).compactMap { name, node in
            JSONObject(node).map { (name, $0) }
        }
    }

    /// A tree that etcd takes for its own.
    public func json() -> [UInt8] {
        var tree = TreeWriter()
        return GoJSON.object { json in
            json.object("Root") { json in
                tree.directory("/", &json) { json, tree in
                    json.object("0") { json in
                        tree.directory("/0", &json) { json, tree in self.writeCluster(&json, &tree) }
                    }
                    json.object("1") { json in tree.directory("/1", &json) { _, _ in } }
                }
            }
            json.object("WatcherHub") { json in
                json.object("EventHistory") { json in
                    json.object("Queue") { json in
                        // As long as its capacity, or the store would write past its end.
                        json.nulls("Events", count: TreeWriter.eventCapacity)
                        for name in ["Size", "Front", "Back"] { json.field(name, 0 as UInt64) }
                        json.field("Capacity", UInt64(TreeWriter.eventCapacity))
                    }
                    json.field("StartIndex", 0 as UInt64)
                    json.field("LastIndex", tree.index)
                }
            }
            json.field("CurrentIndex", tree.index)
            json.object("Stats") { json in
                for name in TreeWriter.stats { json.field(name, 0 as UInt64) }
            }
            json.field("CurrentVersion", 2 as UInt64)
        }
    }

    /// Children by name, as Go writes its maps.
    private func writeCluster(_ json: inout GoJSON, _ tree: inout TreeWriter) {
        json.object("members") { json in
            tree.directory("/0/members", &json) { json, tree in
                for member in self.members.sorted(by: { $0.hexID < $1.hexID }) {
                    let name = member.hexID
                    json.object(name) { json in
                        tree.directory("/0/members/\(name)", &json) { json, tree in
                            let attributes = GoJSON.object { member.writeAttributes(&$0) }
                            let raft = GoJSON.object { member.writeRaftAttributes(&$0) }
                            tree.leaf("attributes", under: "/0/members/\(name)", attributes, &json)
                            tree.leaf("raftAttributes", under: "/0/members/\(name)", raft, &json)
                        }
                    }
                }
            }
        }
        if !self.removed.isEmpty {
            json.object("removed_members") { json in
                tree.directory("/0/removed_members", &json) { json, tree in
                    for name in self.removed.map({ String($0, radix: 16) }).sorted() {
                        tree.leaf(name, under: "/0/removed_members", [], &json)
                    }
                }
            }
        }
        if let clusterVersion { tree.leaf("version", under: "/0", Array(clusterVersion.utf8), &json) }
    }
}

extension ClusterMember {
    fileprivate var hexID: String { String(self.id, radix: 16) }
}

/// Writes nodes of the older store. Each leaf counts as one change of it.
private struct TreeWriter {
    var index: UInt64 = 0

    static let eventCapacity = 1000
    static let stats = [
        "getsSuccess", "getsFail", "setsSuccess", "setsFail", "deleteSuccess", "deleteFail", "updateSuccess", "updateFail",
        "createSuccess", "createFail", "compareAndSwapSuccess", "compareAndSwapFail", "compareAndDeleteSuccess",
        "compareAndDeleteFail", "expireCount", "watchers",
    ]

    mutating func directory(
        _ path: String, _ json: inout GoJSON, _ children: (inout GoJSON, inout TreeWriter) -> Void
    ) {
        let isTop = path.utf8.count <= 2
        Self.head(path, isTop ? 0 : self.index + 1, &json)
        json.field("Value", "")
        json.object("Children") { children(&$0, &self) }
    }

    mutating func leaf(_ name: String, under parent: String, _ value: [UInt8], _ json: inout GoJSON) {
        self.index += 1
        let index = self.index
        json.object(name) { json in
            Self.head("\(parent)/\(name)", index, &json)
            json.field("Value", String(decoding: value, as: UTF8.self))
            json.null("Children")
        }
    }

    private static func head(_ path: String, _ index: UInt64, _ json: inout GoJSON) {
        json.field("Path", path)
        json.field("CreatedIndex", index)
        json.field("ModifiedIndex", index)
        json.field("ExpireTime", "0001-01-01T00:00:00Z")
    }
}
