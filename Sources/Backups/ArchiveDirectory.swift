internal import Crypto
public import Platform

/// A directory with the archived log of one cluster, from one point on without a gap.
///
/// Its segments are a write-ahead log as etcd writes it, so that etcd's own tools can read it. A closed segment has a
/// manifest, `SEGMENT.manifest.json`, with its hash and that of the manifest before; the newest segment is still open and
/// has none. `SEGMENT.times` tells when entries were seen. Once old segments were removed, `start.json` says where what is
/// left begins. Every call blocks.
public struct ArchiveDirectory: Sendable {
    static let manifestSuffix = ".manifest.json"
    static let timesSuffix = ".times"
    static let startName = "start.json"
    private static let segmentSuffix = ".wal"
    /// No file of time marks is read that is larger, in bytes.
    private static let maximumTimes: Int64 = 64 << 20

    public let path: String
    let disk: any Disk

    public init(_ path: String, disk: any Disk) {
        (self.path, self.disk) = (path, disk)
    }

    /// What an archive holds.
    public struct Catalog: Sendable, Hashable {
        /// Oldest first, each following the one before it.
        public var closed: [ArchivedSegment] = []
        /// Names of segments that have no manifest yet, in their order: one, or two where a crash came between opening one
        /// and closing the one before.
        public var open: [String] = []
        /// What is not as it should be, by file name, each with why.
        public var damaged: [String: String] = [:]

        /// The entry that what is here begins after, where older segments were removed.
        public var start: LogPosition?

        /// The hash that the next manifest names.
        var head = ""
        /// The first segment's name, where older ones were removed.
        var first = ""
        /// Files of segments that a removal left when it was interrupted.
        var leftovers: [String] = []
    }

    /// Reads every manifest and looks at the size of every closed segment. What is damaged is named, not thrown.
    public func catalog() throws(BackupError) -> Catalog {
        var catalog = Catalog()
        let names = try self.onDisk { () throws(DiskError) in
            try self.disk.stat(self.path) == nil ? [] : try self.disk.list(self.path)
        }
        let all = Set(names)
        if all.contains(Self.startName) { self.readStart(into: &catalog, all) }
        catalog.leftovers = names.filter { $0 < catalog.first && $0 != Self.startName }
        let kept = names.filter { $0 >= catalog.first }
        // A manifest without its segment is a segment that is lost.
        for name in kept where name.hasSuffix(Self.manifestSuffix) {
            let segment = String(name.dropLast(Self.manifestSuffix.count))
            if !all.contains(segment) { catalog.damaged[segment] = "is missing, though its manifest is here" }
        }
        for name in kept where name.hasSuffix(Self.segmentSuffix) {
            guard all.contains(name + Self.manifestSuffix) else {
                catalog.open.append(name)
                continue
            }
            if let first = catalog.open.first {
                catalog.damaged[first] = catalog.damaged[first] ?? "has no manifest, though later segments have"
            }
            self.add(name, to: &catalog)
        }
        return catalog
    }

    private func readStart(into catalog: inout Catalog, _ all: Set<String>) {
        do throws(BackupError) {
            let path = "\(self.path)/\(Self.startName)"
            let start = try ArchiveStart(decoding: try self.read(path, limit: 1 << 20), of: path)
            (catalog.start, catalog.head, catalog.first) = (start.after, start.previous, start.first)
            if !all.contains(start.first) { catalog.damaged[start.first] = "is missing, though the archive begins with it" }
        } catch {
            catalog.damaged[Self.startName] = error.message
        }
    }

    private func add(_ name: String, to catalog: inout Catalog) {
        do throws(BackupError) {
            let path = "\(self.path)/\(name)\(Self.manifestSuffix)"
            let bytes = try self.read(path, limit: 1 << 20)
            let segment = try ArchivedSegment(decoding: bytes, of: path)
            guard segment.name == name else {
                throw BackupError(.damaged, "\(path): describes \(segment.name), not what it is named after")
            }
            let size = try self.onDisk { () throws(DiskError) in try self.disk.stat("\(self.path)/\(name)")?.size }
            guard size == segment.sizeBytes else {
                throw BackupError(
                    .damaged, "\(self.path)/\(name): has \(size ?? 0) bytes, not the \(segment.sizeBytes) of its manifest")
            }
            let before = catalog.closed.last?.last ?? catalog.start
            guard segment.previous == catalog.head, before == nil || segment.after == before else {
                let what = catalog.closed.last.map { "the manifest before it, of \($0.name)" } ?? "where the archive begins"
                throw BackupError(.damaged, "\(path): does not follow \(what)")
            }
            catalog.closed.append(segment)
            catalog.head = sha256(bytes)
        } catch {
            catalog.damaged[name] = error.message
        }
    }

    /// Closes a segment that will not change any more: hashes it, and writes its manifest durably.
    public func close(
        _ name: String, cluster: String, clusterID: String, after: LogPosition, last: LogPosition, openedAt: Timestamp,
        closedAt: Timestamp
    ) throws(BackupError) -> ArchivedSegment {
        let catalog = try self.catalog()
        let (size, hash) = try self.hash(name, progress: nil)
        let segment = ArchivedSegment(
            name: name, cluster: cluster, clusterID: clusterID, after: after, last: last, openedAt: openedAt,
            closedAt: closedAt, sizeBytes: size, sha256: hash, previous: catalog.head)
        try self.replace(name + Self.manifestSuffix, with: segment.encoded())
        return segment
    }

    /// Writes a small file: a crash leaves what was there before, or the new one, whole.
    func replace(_ name: String, with bytes: [UInt8]) throws(BackupError) {
        let path = "\(self.path)/\(name)"
        try self.onDisk { () throws(DiskError) in
            let file = try self.disk.open(path + ".tmp", .create)
            try file.truncate(to: 0)
            try file.write(bytes, at: 0)
            try file.sync()
            try file.close()
            try self.disk.rename(path + ".tmp", to: path)
            try self.disk.syncDirectory(self.path)
        }
    }

    /// Reads a closed segment again and compares it with its manifest.
    /// - Parameter progress: Called now and then with the bytes read.
    public func verify(_ segment: ArchivedSegment, progress: ((Int64) -> Void)? = nil) throws(BackupError) {
        let (size, hash) = try self.hash(segment.name, progress: progress)
        guard size == segment.sizeBytes, hash == segment.sha256 else {
            throw BackupError(
                .damaged,
                "\(self.path)/\(segment.name): its \(size) bytes have hash \(hash), its manifest says "
                    + "\(segment.sizeBytes) bytes with hash \(segment.sha256)")
        }
    }

    private func hash(_ name: String, progress: ((Int64) -> Void)?) throws(BackupError) -> (Int64, String) {
        try self.onDisk { () throws(DiskError) in
            let file = try self.disk.open("\(self.path)/\(name)", .read)
            defer { try? file.close() }
            var hasher = SHA256()
            var offset: Int64 = 0
            while true {
                let bytes = try file.read(at: offset, count: 1 << 20)
                if bytes.isEmpty { break }
                unsafe bytes.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
                offset += Int64(bytes.count)
                progress?(offset)
            }
            return (offset, hexadecimal(hasher.finalize()))
        }
    }

    // MARK: Times

    /// The time marks of a segment, oldest first.
    public func times(of segment: String) throws(BackupError) -> [TimeMark] {
        let path = "\(self.path)/\(segment)\(Self.timesSuffix)"
        guard try self.onDisk({ () throws(DiskError) in try self.disk.stat(path) }) != nil else { return [] }
        return try TimeMarkText.read(try self.read(path, limit: Self.maximumTimes), of: path).marks
    }

    /// Takes up the marks of a segment where they end. What an interrupted writer left at the file's end is written over.
    public func marker(of segment: String) throws(BackupError) -> TimeMarker {
        let path = "\(self.path)/\(segment)\(Self.timesSuffix)"
        let isNew = try self.onDisk { () throws(DiskError) in try self.disk.stat(path) } == nil
        let end = isNew ? 0 : try TimeMarkText.read(try self.read(path, limit: Self.maximumTimes), of: path).bytes
        let file = try self.onDisk { () throws(DiskError) in
            let file = try self.disk.open(path, .create)
            try file.truncate(to: Int64(end))
            if isNew { try self.disk.syncDirectory(self.path) }
            return file
        }
        return TimeMarker(file, end: Int64(end))
    }

    private func read(_ path: String, limit: Int64) throws(BackupError) -> [UInt8] {
        let (size, file) = try self.onDisk { () throws(DiskError) in
            let file = try self.disk.open(path, .read)
            return (try file.size(), file)
        }
        defer { try? file.close() }
        guard size <= limit else {
            throw BackupError(.damaged, "\(path): has \(size) bytes, more than the \(limit) that it may have")
        }
        return try self.onDisk { () throws(DiskError) in try file.read(at: 0, count: Int(size)) }
    }

    func onDisk<Value>(_ body: () throws(DiskError) -> Value) throws(BackupError) -> Value {
        do throws(DiskError) { return try body() } catch { throw BackupError(.disk, error.description) }
    }
}
