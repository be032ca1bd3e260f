public import Backups
internal import Bolt
public import Platform
internal import YAML

/// Looks inside snapshots and database files with no etcd running: checks every page in use, and reads etcd's buckets.
/// Every call blocks, and needs little memory however large the file is.
public enum SnapshotInspector {
    /// How far a long look has come.
    public struct Progress: Sendable, Hashable {
        public enum Step: String, Sendable, Hashable {
            case hashing = "Hashing"
            case walking = "Walking"
        }

        public var step: Step
        /// Bytes of the file. Walking leaves out free pages, and may end with fewer than all.
        public var done: Int64
        public var total: Int64
    }

    /// What a whole snapshot file holds.
    public struct Verified: Sendable, Hashable {
        public var contents: SnapshotContents
        public var sizeBytes: Int64
        /// Hexadecimal SHA-256 of the image, which is also the file's last 32 bytes.
        public var sha256: String
    }

    /// Reads what a snapshot file, or a bare `member/snap/db`, holds. The trailing hash is left alone; see
    /// ``verify(_:_:progress:)``.
    public static func inspect(_ path: String, _ disk: any Disk) throws(BackupError) -> SnapshotContents {
        try self.inspect(path, disk, progress: nil)
    }

    /// The same, with progress.
    public static func inspect(
        _ path: String, _ disk: any Disk, progress: ((Progress) -> Void)?
    ) throws(BackupError) -> SnapshotContents {
        do {
            let file = try disk.open(path, .read)
            defer { try? file.close() }
            let bolt = try BoltFile(file, size: SnapshotFile.imageSize(ofFile: try file.size()))
            if let problem = bolt.metaProblem { throw problem }
            return try self.contents(of: bolt, progress: progress)
        } catch let error as BoltError {
            throw BackupError(error.cause == nil ? .damaged : .disk, error.description)
        } catch let error as DiskError {
            throw BackupError(.disk, error.description)
        } catch {
            throw BackupError(.damaged, "\(path): \(error)")
        }
    }

    /// Reads a snapshot file twice: compares its image with its trailing hash, then checks its pages and reads what it holds.
    public static func verify(
        _ path: String, _ disk: any Disk, progress: ((Progress) -> Void)? = nil
    ) throws(BackupError) -> Verified {
        let (size, hash) = try SnapshotFile.verify(path, disk) { done, total in
            progress?(Progress(step: .hashing, done: done, total: total))
        }
        let contents = try self.inspect(path, disk, progress: progress)
        return Verified(contents: contents, sizeBytes: size, sha256: hash)
    }

    private static func contents(
        of file: BoltFile, progress: ((Progress) -> Void)?
    ) throws(BoltError) -> SnapshotContents {
        // Its rows count differently before and after the compacted revision, so that comes first.
        let meta = try MetaBucket(file)
        for name in ["key", "members"] where try file.root.bucket(name) == nil {
            throw BoltError(file: file.path, offset: 0, what: "there is no bucket \"\(name)\": this is not a database of etcd")
        }
        var rows = KeyRows(file: file.path, meta: meta)
        var members: [String] = []
        let (key, member) = (Array("key".utf8), Array("members".utf8))
        let pageSize = Int64(file.meta.pageSize)
        try file.check { (buckets, entry) throws(BoltError) in
            guard buckets.count == 1, let bucket = buckets.first else { return }
            if bucket.elementsEqual(key) {
                try rows.add(entry)
            } else if bucket.elementsEqual(member) {
                members.append(try memberID(entry, of: file.path))
            }
        } progress: { done, total in
            progress?(Progress(step: .walking, done: done * pageSize, total: total * pageSize))
        }
        return SnapshotContents(
            revision: max(rows.highest, meta.compactRevision), compactRevision: meta.compactRevision,
            raftIndex: meta.consistentIndex, raftTerm: meta.term, keys: try rows.live(), rows: rows.count,
            members: members.sorted())
    }
}

/// The id of a row of bucket `members`, in hexadecimal without padding: the row's key, and a number in its JSON.
private func memberID(_ entry: BoltEntry, of file: String) throws(BoltError) -> String {
    let name = String(decoding: entry.key, as: UTF8.self)
    guard let id = describedID(Array(entry.value)), String(id, radix: 16) == name else {
        throw BoltError(file: file, offset: entry.valueOffset, what: "member \(name) is not described by JSON with its id")
    }
    return name
}

private func describedID(_ json: [UInt8]) -> UInt64? {
    guard let id = try? Node.read(json: json)["id"]?.int else { return nil }
    return UInt64(exactly: id)
}
