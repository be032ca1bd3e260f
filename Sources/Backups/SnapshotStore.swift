public import Platform

/// Where the snapshots of one cluster are kept. A snapshot is listed only once it is whole: its bytes are hashed while
/// they arrive, written under a temporary name, synced, renamed, and described by a manifest that is written last.
public protocol SnapshotStore: Sendable {
    /// Every whole snapshot, oldest first. One whose manifest or file is damaged is left out and named in `damaged`.
    func list() async throws(BackupError) -> SnapshotListing
    /// Refuses where the store has less room than a snapshot of this many bytes needs. Where the room is not known, it passes.
    func requireSpace(for sizeBytes: Int64) async throws(BackupError)
    /// Begins to receive a snapshot. What an earlier, unfinished one left behind is swept away first.
    func begin(_ name: String) async throws(BackupError) -> any SnapshotWriter
    /// Reads the whole file again and compares size, hash, and what is inside with the manifest.
    /// - Parameter progress: Called now and then with the bytes read, and all there are.
    func verify(
        _ manifest: SnapshotManifest, progress: @escaping @Sendable (_ done: Int64, _ total: Int64) -> Void
    ) async throws(BackupError)
    /// Removes a snapshot: its manifest first. Refuses the last good one.
    func remove(_ manifest: SnapshotManifest) async throws(BackupError)
}

extension SnapshotStore {
    public func requireSpace(for sizeBytes: Int64) async throws(BackupError) {}

    public func verify(_ manifest: SnapshotManifest) async throws(BackupError) {
        try await self.verify(manifest) { _, _ in }
    }
}

public struct SnapshotListing: Sendable, Hashable {
    public var snapshots: [SnapshotManifest]
    /// Names of manifests or files that are not whole, each with why.
    public var damaged: [String: String]

    public init(snapshots: [SnapshotManifest], damaged: [String: String]) {
        self.snapshots = snapshots
        self.damaged = damaged
    }
}

/// One snapshot on its way in.
public protocol SnapshotWriter: Sendable {
    /// The next bytes of the stream, the trailing SHA-256 included.
    func write(_ bytes: [UInt8]) async throws(BackupError)
    /// Checks the trailing hash, reads the labels from inside the file, and makes it durable and listed.
    func finish(_ labels: SnapshotLabels) async throws(BackupError) -> SnapshotManifest
    /// Drops what was written.
    func abandon() async
}

/// What cannot be read from inside a snapshot file.
public struct SnapshotLabels: Sendable, Hashable {
    public var cluster: String
    /// Hexadecimal, as the member answered on the connection the snapshot came over.
    public var clusterID: String
    /// The name of the member it was streamed from.
    public var member: String
    public var takenAt: Timestamp

    public init(cluster: String, clusterID: String, member: String, takenAt: Timestamp) {
        self.cluster = cluster
        self.clusterID = clusterID
        self.member = member
        self.takenAt = takenAt
    }
}

/// What is known of one snapshot. Each names the hash of the manifest before it, so that a missing or changed one shows.
public struct SnapshotManifest: Sendable, Hashable {
    public var name: String
    /// `file:///…/orders-20261122T230000Z.snapshot`
    public var uri: String
    public var labels: SnapshotLabels
    /// Bytes of the file, the trailing hash included.
    public var sizeBytes: Int64
    /// Hexadecimal SHA-256 of the database image, which is also the file's last 32 bytes.
    public var sha256: String
    /// Read from inside the file.
    public var contents: SnapshotContents
    /// Hexadecimal SHA-256 of the predecessor's manifest file; empty for the first.
    public var previous: String
    /// The predecessor's name; empty for the first.
    public var previousName: String

    public init(
        name: String, uri: String, labels: SnapshotLabels, sizeBytes: Int64, sha256: String, contents: SnapshotContents,
        previous: String, previousName: String = ""
    ) {
        self.name = name
        self.uri = uri
        self.labels = labels
        self.sizeBytes = sizeBytes
        self.sha256 = sha256
        self.contents = contents
        self.previous = previous
        self.previousName = previousName
    }
}

/// What a walk of a snapshot's pages finds.
public struct SnapshotContents: Sendable, Hashable {
    /// The highest of any key, as `etcdutl snapshot status` tells it; 0 without keys.
    public var revision: Int64
    public var compactRevision: Int64
    /// `consistent_index` and `term` of the `meta` bucket; the term is 0 in files of etcd 3.4.
    public var raftIndex: UInt64
    public var raftTerm: UInt64
    /// Live keys, and rows of the `key` bucket, history included.
    public var keys: Int64
    public var rows: Int64
    /// Ids of the members, hexadecimal, sorted.
    public var members: [String]

    /// The revision that a member is at with it: a store without keys begins at 1.
    public var reached: Int64 { max(self.revision, 1) }

    public init(
        revision: Int64, compactRevision: Int64, raftIndex: UInt64, raftTerm: UInt64, keys: Int64, rows: Int64,
        members: [String]
    ) {
        self.revision = revision
        self.compactRevision = compactRevision
        self.raftIndex = raftIndex
        self.raftTerm = raftTerm
        self.keys = keys
        self.rows = rows
        self.members = members
    }
}

/// What a backup store could not do.
public struct BackupError: Error, Hashable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// The stream broke off, or its hash does not match.
        case incomplete
        /// A file is damaged; the message names it and the offset.
        case damaged
        case notFound
        /// It would be unsafe.
        case refused
        case disk
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}
