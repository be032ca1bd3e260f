import Backups
import Crypto
import Platform

/// Streams that look like snapshots: whole sectors that say how they are to be read, and their hash.
struct Feed {
    var bytes: [UInt8]

    /// - Parameter revision: What the inspection finds in it; it refuses 255.
    init(revision: UInt8, sectors: Int = 3) {
        let image = (0..<sectors * 512).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(revision)) }
        self.bytes = [revision] + image.dropFirst()
        self.bytes += SHA256.hash(data: self.bytes)
    }

    /// Stands in for the walk over a database's pages.
    static let inspect: SnapshotInspection = { (path, disk) throws(BackupError) in
        let first: [UInt8]
        do throws(DiskError) {
            let file = try disk.open(path, .read)
            first = try file.read(at: 0, count: 1)
        } catch {
            throw BackupError(.disk, error.description)
        }
        guard let revision = first.first, revision < 255 else {
            throw BackupError(.damaged, "\(path): at byte 0: not a database")
        }
        return SnapshotContents(
            revision: Int64(revision), compactRevision: 1, raftIndex: .max, raftTerm: 2, keys: 3, rows: 4,
            members: ["8e9e05c52164694d"])
    }

    static func labels(_ seconds: Int64, cluster: String = "orders") -> SnapshotLabels {
        SnapshotLabels(
            cluster: cluster, clusterID: "cdf818194e3a8c32", member: "orders-1", takenAt: Timestamp(seconds: seconds))
    }
}

extension DirectorySnapshotStore {
    static func of(_ disk: any Disk, path: String = "/backups") -> DirectorySnapshotStore {
        DirectorySnapshotStore(path: path, disk: disk, inspect: Feed.inspect)
    }

    /// Receives a stream in pieces, as one arrives.
    @discardableResult
    func receive(
        _ name: String, _ feed: Feed, at seconds: Int64, pieces: Int = 700
    ) async throws(BackupError) -> SnapshotManifest {
        let writer = try await self.begin(name)
        var rest = feed.bytes[...]
        while !rest.isEmpty {
            try await writer.write(Array(rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        return try await writer.finish(Feed.labels(seconds))
    }

    func names() async throws(BackupError) -> [String] {
        try await self.list().snapshots.map(\.name)
    }
}
