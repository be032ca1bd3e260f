public import Platform
internal import YAML

/// A place in a replicated log.
public struct LogPosition: Sendable, Hashable {
    public var index: UInt64
    public var term: UInt64

    public init(index: UInt64, term: UInt64) {
        (self.index, self.term) = (index, term)
    }
}

/// What is known of one closed segment of an archived log. Each names the hash of the manifest before it, so that a missing
/// or changed one shows.
public struct ArchivedSegment: Sendable, Hashable {
    /// The segment's file, beside its manifest.
    public var name: String
    public var cluster: String
    /// Hexadecimal.
    public var clusterID: String
    /// The entry before its first, and its last.
    public var after: LogPosition
    public var last: LogPosition
    public var openedAt: Timestamp
    public var closedAt: Timestamp
    public var sizeBytes: Int64
    /// Hexadecimal SHA-256 of the file.
    public var sha256: String
    /// Hexadecimal SHA-256 of the manifest file of the segment before; empty for the first.
    public var previous: String

    public init(
        name: String, cluster: String, clusterID: String, after: LogPosition, last: LogPosition, openedAt: Timestamp,
        closedAt: Timestamp, sizeBytes: Int64, sha256: String, previous: String
    ) {
        (self.name, self.cluster, self.clusterID) = (name, cluster, clusterID)
        (self.after, self.last) = (after, last)
        (self.openedAt, self.closedAt) = (openedAt, closedAt)
        (self.sizeBytes, self.sha256, self.previous) = (sizeBytes, sha256, previous)
    }
}

extension ArchivedSegment {
    private static let apiVersion = "quorate.dev/v1alpha1"
    private static let kind = "ArchivedSegment"

    /// The manifest's file.
    func encoded() -> [UInt8] {
        SealedText.write([
            "apiVersion": .string(Self.apiVersion),
            "kind": .string(Self.kind),
            "name": .string(self.name),
            "cluster": .string(self.cluster),
            "clusterID": .string(self.clusterID),
            "afterIndex": .int(self.after.index),
            "afterTerm": .int(self.after.term),
            "lastIndex": .int(self.last.index),
            "lastTerm": .int(self.last.term),
            "openedAt": .string(self.openedAt.exact),
            "closedAt": .string(self.closedAt.exact),
            "sizeBytes": .int(self.sizeBytes),
            "sha256": .string(self.sha256),
            "previous": .string(self.previous),
        ])
    }

    init(decoding bytes: [UInt8], of path: String) throws(BackupError) {
        let reader = FieldReader(object: try SealedText.read(bytes, of: path), path: path)
        let (version, kind) = (try reader.text("apiVersion"), try reader.text("kind"))
        guard version == Self.apiVersion, kind == Self.kind else {
            throw BackupError(.damaged, "\(path): is a \(kind) of \(version), not a \(Self.kind) of \(Self.apiVersion)")
        }
        self.init(
            name: try reader.text("name"), cluster: try reader.text("cluster"), clusterID: try reader.text("clusterID"),
            after: LogPosition(index: try reader.integer("afterIndex"), term: try reader.integer("afterTerm")),
            last: LogPosition(index: try reader.integer("lastIndex"), term: try reader.integer("lastTerm")),
            openedAt: try reader.time("openedAt"), closedAt: try reader.time("closedAt"),
            sizeBytes: try reader.integer("sizeBytes"), sha256: try reader.text("sha256"),
            previous: try reader.text("previous"))
    }
}
