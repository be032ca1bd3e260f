public import Platform
internal import Glibc

/// Looks inside a snapshot file: checks its pages and reads what they say. Blocks.
public typealias SnapshotInspection = @Sendable (_ path: String, _ disk: any Disk) throws(BackupError) -> SnapshotContents

/// Snapshots in a directory of this machine. One `NAME.snapshot` each, that etcd's own tools can read, and one
/// `NAME.manifest.json`, written last. Disk work runs on threads of its own.
///
/// Several stores, of several processes too, may use one directory, as long as they give their snapshots different names.
public struct DirectorySnapshotStore: SnapshotStore {
    /// Bytes left for manifests when room is asked for.
    private static let reserve: Int64 = 1 << 20

    private let directory: SnapshotDirectory
    private let inspect: SnapshotInspection
    private let freeBytes: @Sendable (_ path: String) -> Int64?

    /// - Parameters:
    ///   - path: Made when the first snapshot is. A relative one counts from where the process stands now.
    ///   - freeBytes: The room at a path, or nil where that is not known.
    ///   - inspect: The offline walk over a snapshot's pages.
    public init(
        path: String, disk: any Disk, freeBytes: @escaping @Sendable (_ path: String) -> Int64? = freeBytes(at:),
        inspect: @escaping SnapshotInspection
    ) {
        self.directory = SnapshotDirectory(path: SnapshotLocation.absolute(path), disk: disk)
        self.freeBytes = freeBytes
        self.inspect = inspect
    }

    public func list() async throws(BackupError) -> SnapshotListing {
        let directory = self.directory
        return try await BackupThreads.store.run { () throws(BackupError) in try directory.catalog().listing }
    }

    public func requireSpace(for sizeBytes: Int64) async throws(BackupError) {
        let (path, freeBytes) = (self.directory.path, self.freeBytes)
        let free = try await BackupThreads.store.run { () throws(BackupError) in freeBytes(path) }
        guard let free, sizeBytes > free - Self.reserve else { return }
        throw BackupError(
            .refused, "\(path): has \(free) bytes free, but the snapshot needs \(sizeBytes); make room or keep fewer snapshots")
    }

    public func begin(_ name: String) async throws(BackupError) -> any SnapshotWriter {
        try Self.checkName(name)
        let (directory, inspect) = (self.directory, self.inspect)
        return try await BackupThreads.store.run { () throws(BackupError) in
            try DirectorySnapshotWriter(name, directory, inspect)
        }
    }

    public func verify(
        _ manifest: SnapshotManifest, progress: @escaping @Sendable (_ done: Int64, _ total: Int64) -> Void
    ) async throws(BackupError) {
        let (directory, inspect) = (self.directory, self.inspect)
        let catalog = try await BackupThreads.store.run { () throws(BackupError) in try directory.catalog() }
        guard let link = catalog.links[manifest.name] else { throw Self.absent(manifest, catalog) }
        guard link.manifest == manifest else {
            throw BackupError(.damaged, "\(directory.manifestPath(manifest.name)): is not the manifest that was to be verified")
        }
        guard catalog.whole.contains(manifest.name) else { throw Self.absent(manifest, catalog) }
        try await BackupThreads.reader.run { () throws(BackupError) in
            let path = directory.snapshotPath(manifest.name)
            let (size, hash) = try SnapshotFile.verify(path, directory.disk, progress: progress)
            guard size == manifest.sizeBytes, hash == manifest.sha256 else {
                throw BackupError(
                    .damaged, "\(path): is a whole snapshot, but not the one of its manifest: its hash is \(hash)")
            }
            let contents = try inspect(path, directory.disk)
            guard contents == manifest.contents else {
                throw BackupError(.damaged, "\(path): holds \(contents), not what its manifest says, \(manifest.contents)")
            }
        }
    }

    public func remove(_ manifest: SnapshotManifest) async throws(BackupError) {
        let directory = self.directory
        try await BackupThreads.store.run { () throws(BackupError) in
            let catalog = try directory.catalog()
            guard let link = catalog.links[manifest.name] else { throw Self.absent(manifest, catalog) }
            guard catalog.whole.contains(where: { $0 != manifest.name }) else {
                throw BackupError(.refused, "\(manifest.name): is the last good snapshot; take another one first")
            }
            do throws(DiskError) {
                try directory.remove(link, catalog)
            } catch {
                throw BackupError(wrapping: error)
            }
        }
    }

    private static func absent(_ manifest: SnapshotManifest, _ catalog: SnapshotDirectory.Catalog) -> BackupError {
        guard let damage = catalog.damaged["\(manifest.name)\(SnapshotDirectory.manifestSuffix)"] else {
            return BackupError(.notFound, "\(manifest.name): no such snapshot")
        }
        return BackupError(.damaged, damage)
    }

    /// A name becomes part of file names, so it is one component of a path and no hidden one.
    private static func checkName(_ name: String) throws(BackupError) {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isPlain, !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 200 else {
            throw BackupError(
                .refused, "\"\(name)\" cannot name a snapshot: use at most 200 letters, digits, -, _ and ., the first no dot")
        }
    }
}

/// The bytes that the file system of a path, or of the nearest directory above it that exists, has for this user.
public func freeBytes(at path: String) -> Int64? {
    var path = path
    while true {
        var info = statvfs()
        if unsafe statvfs(path, &info) == 0 {
            let (bytes, overflow) = Int64(clamping: info.f_bavail).multipliedReportingOverflow(
                by: Int64(clamping: info.f_frsize))
            return overflow ? .max : bytes
        }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), path != "/" else { return nil }
        path = slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
