/// Where a ``Store`` keeps its rows: etcd's buckets, each an ordered map of bytes to bytes.
///
/// Whoever owns the backend decides when what was put is made durable, and only between two entries: a store that failed in
/// the middle of one must not be committed. Every error is one of damage or of the disk (``StoreError/isFatal``); after it
/// the owner stops.
public protocol Backend: AnyObject {
    /// A key's value, or nil where there is none.
    func value(_ key: [UInt8], in bucket: Bucket) throws(StoreError) -> [UInt8]?

    /// Goes over the keys from `start` on and before `end`, in the order of their bytes, until `body` returns false. `body`
    /// changes nothing in the backend, and keeps neither span.
    func forEach(
        in bucket: Bucket, from start: [UInt8], to end: [UInt8]?,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Bool
    ) throws(StoreError)

    func put(_ key: [UInt8], _ value: [UInt8], in bucket: Bucket) throws(StoreError)

    /// Removes a key; nothing happens where there is none.
    func remove(_ key: [UInt8], in bucket: Bucket) throws(StoreError)
}

/// etcd's buckets that a store reads and writes. `rawValue` is the name in the file.
public enum Bucket: String, Sendable, Hashable, CaseIterable {
    /// Every change that is not compacted: 17 bytes of revision (18 for a deletion) to a `KeyValue`.
    case key
    /// Consistent index, term, configuration, and how far compactions went.
    case meta
    case lease
    case alarm
    /// The cluster's version, and whether it may go back to an older one.
    case cluster
    case members
    case membersRemoved = "members_removed"
    case auth
    case authUsers
    case authRoles
}

extension Bucket {
    /// Its place among all of them.
    var place: Int {
        switch self {
        case .key: 0
        case .meta: 1
        case .lease: 2
        case .alarm: 3
        case .cluster: 4
        case .members: 5
        case .membersRemoved: 6
        case .auth: 7
        case .authUsers: 8
        case .authRoles: 9
        }
    }
}
