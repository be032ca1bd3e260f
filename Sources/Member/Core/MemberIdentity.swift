internal import Crypto
internal import EtcdWire
internal import Store

/// Who a member is.
package struct MemberIdentity: Sendable, Hashable {
    package var memberID: UInt64
    package var clusterID: UInt64

    /// The id of a member: of its peer URLs in order, the cluster's token, and, for one that is added later, the date.
    ///
    /// Source: etcd, `server/etcdserver/api/membership/member.go`.
    package static func memberID(peerURLs: [String], token: String, seconds: Int64? = nil) -> UInt64 {
        let text = peerURLs.sorted().joined() + token + (seconds.map(String.init) ?? "")
        return Self.firstBytes(Array(text.utf8))
    }

    /// The id of a new cluster: of its members' ids in order.
    static func clusterID(of members: [UInt64]) -> UInt64 {
        Self.firstBytes(members.sorted().flatMap(Self.bigEndian))
    }

    static func bigEndian(_ value: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
    }

    private static func firstBytes(_ bytes: [UInt8]) -> UInt64 {
        Insecure.SHA1.hash(data: bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
