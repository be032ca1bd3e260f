internal import Bolt
internal import Crypto
internal import EtcdWire
internal import Platform

/// A moment of a source: `PATH`, or `PATH@REVISION`.
public struct DiffPoint: Sendable, Hashable, CustomStringConvertible {
    public var path: String
    /// Nil for all that the source holds.
    public var revision: Int64?

    public init(_ path: String, revision: Int64? = nil) {
        (self.path, self.revision) = (path, revision)
    }

    /// Reads `PATH` or `PATH@REVISION`.
    public init(parsing text: String) {
        if let at = text.lastIndex(of: "@"), let revision = Int64(text[text.index(after: at)...]), revision > 0 {
            self.init(String(text[..<at]), revision: revision)
        } else {
            self.init(text)
        }
    }

    public var description: String { self.revision.map { "\(self.path)@\($0)" } ?? self.path }
}

/// What one key was at a moment.
public struct KeyState: Sendable, Hashable {
    public var createRevision: Int64
    public var modRevision: Int64
    public var version: Int64
    public var lease: Int64
    /// Bytes of the value.
    public var size: Int
    /// The first half of the value's SHA-256.
    var digest: [UInt64]
    /// The row's key.
    var row: [UInt8]
}

/// A moment, with a database that holds it.
struct OpenedPoint {
    let point: DiffPoint
    let file: DatabaseFile
    let revision: Int64
    private let disk: any Disk

    /// Finds a database with the moment in its history, or makes one by applying the log to a copy.
    /// - Parameter scratch: A directory for that copy, made where it is needed.
    init(_ point: DiffPoint, scratch: String, disk: any Disk, progress: ProgressReport?) throws(RecoveryError) {
        (self.point, self.disk) = (point, disk)
        let evidence = try RestoreEvidence([point.path], disk: disk, progress: progress)
        let newest = evidence.databases.max { ($0.index, $0.revision) < ($1.index, $1.revision) }
        if let newest, let wanted = point.revision, wanted <= newest.revision, wanted >= newest.compactRevision {
            (self.file, self.revision) = (newest.file, wanted)
            return
        }
        let request = RestoreRequest(from: [point.path], to: "", target: point.revision.map { .revision($0) } ?? .latest)
        let plan = try RestorePlan(request, evidence)
        if let newest, point.revision == nil, plan.entries.map({ $0.upperBound <= newest.index }) ?? true {
            (self.file, self.revision) = (newest.file, newest.revision)
            return
        }
        try onDisk { () throws(DiskError) in try disk.makeDirectory(scratch) }
        let made = try Materialize(evidence: evidence, plan: plan, disk: disk, progress: progress).run(to: "\(scratch)/db")
        if let wanted = point.revision, made.revision < wanted {
            throw RecoveryError(.unreachable, point.path, "revision \(wanted) is not reached: it ends at \(made.revision)")
        }
        (self.file, self.revision) = (made.file, point.revision ?? made.revision)
    }

    /// The keys that live at the moment. Memory goes with their number.
    func keys(in range: KeyRange, progress: ProgressReport?) throws(RecoveryError) -> [[UInt8]: KeyState] {
        let opened = try onDisk { () throws(DiskError) in try self.disk.open(self.file.path, .read) }
        defer { try? opened.close() }
        let (path, limit) = (self.file.path, self.revision)
        return try inDatabase { () throws(BoltError) in
            let database = try BoltFile(opened, size: self.file.imageSize)
            let meta = try MetaBucket(database)
            guard limit >= meta.compactRevision else {
                throw BoltError(
                    file: path, offset: 0, what: "revision \(limit) was compacted: the oldest is \(meta.compactRevision)")
            }
            var keys: [[UInt8]: KeyState] = [:]
            guard let bucket = try database.root.bucket("key") else { return keys }
            var cursor = bucket.cursor()
            var count: Int64 = 0
            while let entry = try cursor.next() {
                let row = try KeyRow(entry, of: path)
                if row.revision.main > limit { break }
                count += 1
                if count % 16384 == 0 {
                    progress?(RecoveryProgress(.walking, path, done: entry.offset, total: self.file.imageSize))
                }
                guard !row.isBump, range.contains(row.key) else { continue }
                keys[Array(row.key)] = row.revision.isTombstone ? nil : Self.state(row, entry)
            }
            return keys
        }
    }

    private static func state(_ row: KeyRow, _ entry: BoltEntry) -> KeyState {
        let value = (try? KeyValue(decoding: entry.value))?.value ?? []
        let digest = Array(SHA256.hash(data: value).prefix(16))
        return KeyState(
            createRevision: row.createRevision, modRevision: row.modRevision, version: row.version, lease: row.lease,
            size: value.count,
            digest: [0, 8].map { start in digest[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } },
            row: Array(entry.key))
    }

    /// Reads values again, one after another.
    func values(
        _ rows: [[UInt8]], _ body: (_ place: Int, KeyValue) throws(BoltError) -> Void
    ) throws(RecoveryError) {
        let opened = try onDisk { () throws(DiskError) in try self.disk.open(self.file.path, .read) }
        defer { try? opened.close() }
        try inDatabase { () throws(BoltError) in
            let database = try BoltFile(opened, size: self.file.imageSize)
            guard let bucket = try database.root.bucket("key") else { return }
            for (place, row) in rows.enumerated() {
                guard let entry = try bucket.entry(row), let value = try? KeyValue(decoding: entry.value) else {
                    throw BoltError(file: self.file.path, offset: 0, what: "a row was there a moment ago, and is not now")
                }
                try body(place, value)
            }
        }
    }

    /// Ids of the leases that are there.
    func leases() throws(RecoveryError) -> Set<Int64> {
        let opened = try onDisk { () throws(DiskError) in try self.disk.open(self.file.path, .read) }
        defer { try? opened.close() }
        return try inDatabase { () throws(BoltError) in
            let database = try BoltFile(opened, size: self.file.imageSize)
            var leases: Set<Int64> = []
            guard let bucket = try database.root.bucket("lease") else { return leases }
            var cursor = bucket.cursor()
            while let entry = try cursor.next() {
                leases.insert(Int64(bitPattern: entry.key.reduce(0) { $0 << 8 | UInt64($1) }))
            }
            return leases
        }
    }
}
