internal import Backups
public import Platform
internal import WriteAheadLog

/// A database's file: `member/snap/db`, or a snapshot, which has its hash after the image.
public struct DatabaseFile: Sendable, Hashable {
    public var path: String
    /// Bytes of the database; the file of a snapshot has 32 more.
    public var imageSize: Int64
    public var hasHash: Bool
    /// When it was last written to.
    public var modified: Timestamp
}

/// What a path given to a command is.
///
/// Nothing is read but names, sizes, and the first bytes of a file; see ``Inspect`` and ``Verify`` for what is in it.
public struct RecoverySource: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        /// A database image and its SHA-256, as `etcdctl snapshot save` writes.
        case snapshot
        case database
        case dataDirectory = "data directory"
        /// Segments of a log alone, such as those of `--wal-dir`.
        case log
        /// Segments that were archived as a log grew, with the times at which entries were seen. All in it was committed.
        case archive
    }

    /// As it was given.
    public let path: String
    public let kind: Kind
    /// What is applied: the snapshot, the database file, or the data directory's. Nil where there is none.
    public let database: DatabaseFile?
    /// Databases a leader sent that the member had not begun to use.
    public let received: [DatabaseFile]
    /// The directory of segments.
    public let log: String?
    /// The directory of `.snap` files.
    public let snap: String?

    /// Says what is at a path.
    public static func open(_ path: String, disk: any Disk) throws(RecoveryError) -> RecoverySource {
        let trimmed = Self.withoutTrailingSlash(path)
        guard let info = try onDisk({ () throws(DiskError) in try disk.stat(trimmed) }) else {
            throw RecoveryError(
                .notFound, path,
                "there is nothing here; expected a snapshot file, a database file, a data directory, or a directory of *.wal")
        }
        return info.isDirectory ? try self.directory(trimmed, disk) : try self.file(trimmed, info, disk)
    }

    private static func file(_ path: String, _ info: FileInfo, _ disk: any Disk) throws(RecoveryError) -> RecoverySource {
        if SegmentName(Self.lastName(path)) != nil {
            throw RecoveryError(.notFound, path, "this is one segment of a log; give the directory it is in")
        }
        if path.hasSuffix(".snap") {
            throw RecoveryError(
                .notFound, path, "a .snap file holds no keys but members alone; give the data directory it is in")
        }
        if let image = SnapshotFile.imageSize(ofFile: info.size) {
            let database = DatabaseFile(path: path, imageSize: image, hasHash: true, modified: info.modified)
            return RecoverySource(path: path, kind: .snapshot, database: database)
        }
        guard info.size > 0, info.size % 512 == 0 else {
            throw RecoveryError(
                .damaged, path, at: info.size,
                "the file ends here; a database is whole sectors of 512 bytes, and a snapshot has a hash of 32 bytes more")
        }
        return RecoverySource(path: path, kind: .database, database: Self.bare(path, info))
    }

    private static func directory(_ path: String, _ disk: any Disk) throws(RecoveryError) -> RecoverySource {
        func isDirectory(_ path: String) throws(RecoveryError) -> Bool {
            try onDisk { () throws(DiskError) in try disk.stat(path)?.isDirectory ?? false }
        }
        for member in ["\(path)/member", path] {
            let (log, snap) = ("\(member)/wal", "\(member)/snap")
            let (hasLog, hasSnap) = (try isDirectory(log), try isDirectory(snap))
            guard hasLog || hasSnap else { continue }
            var databases: [DatabaseFile] = []
            var database: DatabaseFile?
            if hasSnap {
                for name in try onDisk({ () throws(DiskError) in try disk.list(snap) })
                where name == "db" || Self.isReceivedDatabase(name) {
                    guard let info = try onDisk({ () throws(DiskError) in try disk.stat("\(snap)/\(name)") }) else { continue }
                    let file = Self.bare("\(snap)/\(name)", info)
                    if name == "db" { database = file } else { databases.append(file) }
                }
            }
            return RecoverySource(
                path: path, kind: .dataDirectory, database: database, received: databases, log: hasLog ? log : nil,
                snap: hasSnap ? snap : nil)
        }
        let names = try onDisk { () throws(DiskError) in try disk.list(path) }
        guard names.contains(where: { SegmentName($0) != nil }) else {
            let isChain = names.contains { $0 == "archive" || $0.hasSuffix(".snapshot") }
            throw RecoveryError(
                .notFound, path,
                isChain
                    ? "this is a store of snapshots; name one of them, or a directory in archive/"
                    : "this directory holds neither member/, nor wal/ and snap/, nor a segment of a log (*.wal)")
        }
        let isArchive = names.contains { $0.hasSuffix(".wal.times") || $0.hasSuffix(".wal.manifest.json") }
        return RecoverySource(path: path, kind: isArchive ? .archive : .log, log: path)
    }

    /// What a path stands for: itself, or where it is a store of snapshots, all snapshots and archives in it.
    static func expand(_ path: String, disk: any Disk) throws(RecoveryError) -> (paths: [String], isChain: Bool) {
        let trimmed = Self.withoutTrailingSlash(path)
        return try onDisk { () throws(DiskError) in
            guard try disk.stat(trimmed)?.isDirectory == true else { return ([path], false) }
            let names = try disk.list(trimmed)
            let isOther = names.contains { SegmentName($0) != nil || ["member", "wal", "snap"].contains($0) }
            guard !isOther else { return ([path], false) }
            var paths = names.filter { $0.hasSuffix(".snapshot") }.map { "\(trimmed)/\($0)" }
            if try disk.stat("\(trimmed)/archive")?.isDirectory == true {
                // A hidden one is being removed.
                for name in try disk.list("\(trimmed)/archive") where !name.hasPrefix(".") {
                    let archive = "\(trimmed)/archive/\(name)"
                    guard try disk.stat(archive)?.isDirectory == true else { continue }
                    if try disk.list(archive).contains(where: { SegmentName($0) != nil }) { paths.append(archive) }
                }
            }
            return paths.isEmpty ? ([path], false) : (paths, true)
        }
    }

    private init(
        path: String, kind: Kind, database: DatabaseFile? = nil, received: [DatabaseFile] = [], log: String? = nil,
        snap: String? = nil
    ) {
        (self.path, self.kind, self.database, self.received) = (path, kind, database, received)
        (self.log, self.snap) = (log, snap)
    }

    private static func bare(_ path: String, _ info: FileInfo) -> DatabaseFile {
        DatabaseFile(path: path, imageSize: info.size, hasHash: false, modified: info.modified)
    }

    /// `%016x.snap.db`
    private static func isReceivedDatabase(_ name: String) -> Bool {
        name.utf8.count == 24 && name.hasSuffix(".snap.db") && UInt64(name.prefix(16), radix: 16) != nil
    }

    private static func withoutTrailingSlash(_ path: String) -> String {
        var path = path
        while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
        return path
    }

    private static func lastName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}
