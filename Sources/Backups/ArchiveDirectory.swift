internal import Crypto
public import Platform

/// A directory with the archived log of one cluster, from one point on without a gap.
///
/// Its segments are a write-ahead log as etcd writes it, so that etcd's own tools can read it. A closed segment has a
/// manifest, `SEGMENT.manifest.json`, with its hash and that of the manifest before; the newest segment is still open and
/// has none. `SEGMENT.times` tells when entries were seen. Every call blocks.
public struct ArchiveDirectory: Sendable {
    static let manifestSuffix = ".manifest.json"
    static let timesSuffix = ".times"
    private static let segmentSuffix = ".wal"
    /// No file of time marks is read that is larger, in bytes.
    private static let maximumTimes: Int64 = 64 << 20

    public let path: String
    private let disk: any Disk

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

        /// The hash that the next manifest names.
        var head = ""
    }

    /// Reads every manifest and looks at the size of every closed segment. What is damaged is named, not thrown.
    public func catalog() throws(BackupError) -> Catalog {
        var catalog = Catalog()
        let names = try self.onDisk { () throws(DiskError) in
            try self.disk.stat(self.path) == nil ? [] : try self.disk.list(self.path)
        }
        let all = Set(names)
        // A manifest without its segment is a segment that is lost.
        for name in names where name.hasSuffix(Self.manifestSuffix) {
            let segment = String(name.dropLast(Self.manifestSuffix.count))
            if !all.contains(segment) { catalog.damaged[segment] = "is missing, though its manifest is here" }
        }
        for name in names where name.hasSuffix(Self.segmentSuffix) {
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
            if let before = catalog.closed.last, segment.previous != catalog.head || segment.after != before.last {
                throw BackupError(.damaged, "\(path): does not follow the manifest before it, of \(before.name)")
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
        let path = "\(self.path)/\(name)\(Self.manifestSuffix)"
        try self.onDisk { () throws(DiskError) in
            let file = try self.disk.open(path + ".tmp", .create)
            try file.truncate(to: 0)
            try file.write(segment.encoded(), at: 0)
            try file.sync()
            try file.close()
            try self.disk.rename(path + ".tmp", to: path)
            try self.disk.syncDirectory(self.path)
        }
        return segment
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

    /// Adds a mark to a segment durably. What an interrupted writer left at the file's end is written over.
    public func mark(_ mark: TimeMark, in segment: String) throws(BackupError) {
        let path = "\(self.path)/\(segment)\(Self.timesSuffix)"
        let isNew = try self.onDisk { () throws(DiskError) in try self.disk.stat(path) } == nil
        let end = isNew ? 0 : try TimeMarkText.read(try self.read(path, limit: Self.maximumTimes), of: path).bytes
        try self.onDisk { () throws(DiskError) in
            let file = try self.disk.open(path, .create)
            defer { try? file.close() }
            let line = TimeMarkText.line(mark)
            try file.truncate(to: Int64(end))
            try file.write(line, at: Int64(end))
            try file.sync()
            if isNew { try self.disk.syncDirectory(self.path) }
        }
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

    private func onDisk<Value>(_ body: () throws(DiskError) -> Value) throws(BackupError) -> Value {
        do throws(DiskError) { return try body() } catch { throw BackupError(.disk, error.description) }
    }
}
