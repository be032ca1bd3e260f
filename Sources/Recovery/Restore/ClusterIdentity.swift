internal import Crypto
internal import EtcdWire
internal import Store

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
        V2Membership(members: self.members.map { ClusterMember(id: $0.id, peerURLs: $0.peerURLs) }).json()
    }
}

extension ClusterIdentity.Member {
    /// As it stands in the log and in bucket `members`.
    var json: [UInt8] {
        ClusterMember(id: self.id, peerURLs: self.peerURLs, name: self.name).json()
    }
}
