/// What members tell each other in the headers of every request on a peer URL.
public struct PeerHeaders: Sendable, Hashable {
    /// `X-Etcd-Cluster-ID`
    public var clusterID: UInt64
    /// `X-Server-From`: the member that asks.
    public var from: UInt64
    /// `X-Raft-To`: the member that is asked; only on streams.
    public var to: UInt64?
    /// `X-Server-Version`, such as `3.5.1`.
    public var serverVersion: String
    /// `X-Min-Cluster-Version`: the oldest release that the member works with.
    public var minimumClusterVersion: String
    /// `X-PeerURLs`: where the member that asks is reached, for one that does not know it yet.
    public var peerURLs: [String]

    /// The oldest release that etcd 3 works with.
    public static let minimumClusterVersion = "3.0.0"

    public init(
        clusterID: UInt64, from: UInt64, to: UInt64? = nil, serverVersion: String,
        minimumClusterVersion: String = Self.minimumClusterVersion, peerURLs: [String] = []
    ) {
        self.clusterID = clusterID
        self.from = from
        self.to = to
        self.serverVersion = serverVersion
        self.minimumClusterVersion = minimumClusterVersion
        self.peerURLs = peerURLs
    }

    /// Names and values, as etcd writes them.
    public var fields: [(name: String, value: String)] {
        var fields = [
            (Self.serverFromName, Self.text(self.from)),
            (Self.serverVersionName, self.serverVersion),
            (Self.minimumClusterVersionName, self.minimumClusterVersion),
            (Self.clusterIDName, Self.text(self.clusterID)),
        ]
        if let to = self.to { fields.append((Self.raftToName, Self.text(to))) }
        if !self.peerURLs.isEmpty { fields.append((Self.peerURLsName, self.peerURLs.joined(separator: ","))) }
        return fields
    }

    public static let clusterIDName = "X-Etcd-Cluster-ID"
    public static let serverFromName = "X-Server-From"
    public static let serverVersionName = "X-Server-Version"
    public static let minimumClusterVersionName = "X-Min-Cluster-Version"
    public static let raftToName = "X-Raft-To"
    public static let peerURLsName = "X-PeerURLs"

    /// An id as etcd writes it: hexadecimal, no zeros in front.
    public static func text(_ id: UInt64) -> String { String(id, radix: 16) }

    /// Reads an id as etcd does: hexadecimal digits alone.
    public static func id(_ text: some StringProtocol) -> UInt64? {
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else { return nil }
        return UInt64(text, radix: 16)
    }
}

/// Paths on a peer URL.
public enum PeerPath {
    public static let pipeline = "/raft"
    public static let snapshot = "/raft/snapshot"
    public static let messageStream = "/raft/stream/message"
    public static let appendStream = "/raft/stream/msgapp"
    public static let probing = "/raft/probing"
    public static let members = "/members"
    public static let promotion = "/members/promote"
    public static let version = "/version"
    public static let leases = "/leases"
    public static let leasesInternal = "/leases/internal"
    public static let downgradeEnabled = "/downgrade/enabled"
    public static let hashKV = "/members/hashkv"

    /// The path that a member dials to be sent messages: with its own id at the end.
    public static func stream(_ kind: PeerStreamKind, dialer: UInt64) -> String {
        "\(kind == .append ? Self.appendStream : Self.messageStream)/\(PeerHeaders.text(dialer))"
    }
}

/// The two streams that each member holds open to each other one.
public enum PeerStreamKind: Sendable, Hashable, CaseIterable {
    /// `msgappv2`: ``AppendStreamEncoder``.
    case append
    /// All other messages: ``MessageStreamEncoder``.
    case message
}
