public import EtcdWire
public import Platform

/// A member, as a row of bucket `members` describes it.
public struct MemberRecord: Sendable, Hashable {
    public var id: UInt64
    public var name: String
    public var peerURLs: [String]
    public var clientURLs: [String]
    public var isLearner: Bool

    public init(id: UInt64, name: String = "", peerURLs: [String] = [], clientURLs: [String] = [], isLearner: Bool = false) {
        (self.id, self.name, self.peerURLs) = (id, name, peerURLs)
        (self.clientURLs, self.isLearner) = (clientURLs, isLearner)
    }
}

/// How much of a database the keys with one prefix take.
public struct PrefixSize: Sendable, Hashable {
    /// With its last `/`; empty for keys without one.
    public var prefix: [UInt8]
    /// Keys that live at the last revision.
    public var keys: Int64 = 0
    /// Bytes of the rows of those keys' last changes.
    public var keyBytes: Int64 = 0
    /// Changes, history included.
    public var rows: Int64 = 0
    /// Bytes of all rows.
    public var rowBytes: Int64 = 0
}

/// What is in a database's file.
public struct DatabaseFacts: Sendable, Hashable {
    public var path: String
    /// Bytes of the file.
    public var fileSize: Int64
    public var modified: Timestamp
    public var pageSize = 0
    public var pages: Int64 = 0
    public var freePages: Int64 = 0
    /// The last raft index applied, and its term; the term is absent before etcd 3.5.
    public var consistentIndex: UInt64 = 0
    public var term: UInt64 = 0
    /// Absent before etcd 3.5.
    public var confState: ConfState?
    public var storageVersion: String?
    /// The last revision; 0 where it is not known.
    public var revision: Int64 = 0
    /// History up to here is gone; 0 where none is.
    public var compactRevision: Int64 = 0
    /// Whether a compaction was begun and not ended.
    public var isCompacting = false
    /// Rows of bucket `key`, of which tombstones.
    public var rows: Int64 = 0
    public var tombstones: Int64 = 0
    /// Keys that live at the last revision.
    public var keys: Int64 = 0
    /// HashKV at the last revision; nil where rows cannot all be read.
    public var hashKV: UInt32?
    public var members: [MemberRecord] = []
    public var removedMembers: [UInt64] = []
    public var leases: [LeaseRecord] = []
    public var alarms: [AlarmMember] = []
    public var users: [String] = []
    public var roles: [String] = []
    public var isAuthEnabled = false
    public var authRevision: UInt64 = 0
    public var clusterVersion: String?
    /// By prefix, largest first; where asked for.
    public var prefixes: [PrefixSize] = []
    public var findings: [Finding] = []

    /// Bytes of pages that hold something.
    public var sizeInUse: Int64 { (self.pages) * Int64(self.pageSize) }
    public var size: Int64 { (self.pages + self.freePages) * Int64(self.pageSize) }
    public var isSound: Bool { !self.findings.contains(where: \.isDamage) }

    init(path: String, fileSize: Int64, modified: Timestamp) {
        (self.path, self.fileSize, self.modified) = (path, fileSize, modified)
    }
}
