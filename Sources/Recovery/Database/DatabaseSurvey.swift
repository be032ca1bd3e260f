internal import Backups
internal import Bolt
internal import Dispatch
internal import EtcdWire
internal import Platform
internal import Store
internal import Synchronization

/// Goes over a database's file once, or as often as it takes, and says what is in it and what is wrong with it. Damage in one
/// place does not keep it from looking at the rest. Memory stays bounded however large the file is.
struct DatabaseSurvey {
    let source: DatabaseFile
    let disk: any Disk
    let progress: ProgressReport?
    /// See ``KeyTable``.
    private let keyLimit: Int
    private var findings = FindingLog()

    /// - Parameter prefixDepth: Sum up sizes by this many parts of keys; nil not at all.
    static func run(
        _ source: DatabaseFile, disk: any Disk, prefixDepth: Int? = nil, keyLimit: Int = KeyTable.standardLimit,
        progress: ProgressReport? = nil
    ) throws(RecoveryError) -> DatabaseFacts {
        var survey = DatabaseSurvey(source: source, disk: disk, keyLimit: keyLimit, progress: progress)
        var facts = DatabaseFacts(
            path: source.path, fileSize: source.imageSize + (source.hasHash ? Int64(SnapshotFile.hashSize) : 0),
            modified: source.modified)
        let hashing = survey.startHashing()
        do throws(BoltError) {
            do throws(BoltError) {
                try survey.walk(&facts, prefixDepth: prefixDepth)
            } catch {
                // A disk that fails says nothing of the file.
                guard error.cause == nil else { throw error }
                survey.findings.add(Finding(error))
            }
            try survey.take(hashing)
        } catch {
            throw RecoveryError(error)
        }
        facts.findings = survey.findings.all(of: source.path)
        return facts
    }

    private init(source: DatabaseFile, disk: any Disk, keyLimit: Int, progress: ProgressReport?) {
        (self.source, self.disk, self.keyLimit, self.progress) = (source, disk, keyLimit, progress)
    }

    private func ledger(_ meta: MetaBucket, _ leases: Set<Int64>?) -> RowLedger {
        RowLedger(file: self.source.path, meta: meta, leases: leases, table: KeyTable(limit: self.keyLimit))
    }

    /// Compares a snapshot's image with the hash after it, on a thread of its own: it takes about as long as the walk.
    private func startHashing() -> Hashing? {
        self.source.hasHash ? Hashing(self.source.path, self.disk) : nil
    }

    private mutating func take(_ hashing: Hashing?) throws(BoltError) {
        guard let error = hashing?.wait() else { return }
        let path = self.source.path
        guard error.code == .damaged else {
            let cause = DiskError(operation: "read", path: path, code: 0, reason: error.message)
            throw BoltError(file: path, offset: 0, what: error.message, cause: cause)
        }
        self.findings.add(path, at: self.source.imageSize, Self.withoutPlace(error.message, path))
    }

    /// A message without the file and the offset that it begins with.
    private static func withoutPlace(_ message: String, _ path: String) -> String {
        let prefix = "\(path): at byte "
        guard message.hasPrefix(prefix) else { return message }
        let rest = message.dropFirst(prefix.count).drop { $0.isNumber }
        return rest.hasPrefix(": ") ? String(rest.dropFirst(2)) : message
    }

    private mutating func walk(_ facts: inout DatabaseFacts, prefixDepth: Int?) throws(BoltError) {
        let file: any DiskFile
        do throws(DiskError) {
            file = try self.disk.open(self.source.path, .read)
        } catch {
            throw BoltError(file: self.source.path, offset: 0, what: error.description, cause: error)
        }
        defer { try? file.close() }
        let database = try BoltFile(file, size: self.source.imageSize)
        if let problem = database.metaProblem { self.findings.add(Finding(problem)) }
        facts.pageSize = database.meta.pageSize
        facts.freePages = Int64(database.meta.highWaterMark)
        let meta = try MetaBucket(database)
        facts.consistentIndex = meta.consistentIndex
        facts.term = meta.term
        facts.compactRevision = meta.compactRevision
        facts.isCompacting = !meta.isCompacted
        for name in ["key", "members"] where try database.root.bucket(name) == nil {
            self.findings.add(
                self.source.path, at: 0, "there is no bucket \"\(name)\": this is not a database of etcd")
        }
        self.checkNames(database.root)
        let leases = self.leases(database)
        var ledger = self.ledger(meta, leases)
        var cluster = ClusterRows(file: self.source.path)
        var isWhole = true
        do throws(BoltError) {
            let report = try self.check(database, &ledger, &cluster)
            (facts.pages, facts.freePages) = (report.pages, report.freePages)
        } catch  where error.cause == nil {
            // From the start again, by a walk that goes on after what cannot be read.
            isWhole = false
            self.findings.add(Finding(error))
            ledger = self.ledger(meta, leases)
            cluster = ClusterRows(file: self.source.path)
            try self.salvage(database, &ledger, &cluster)
        }
        cluster.check(&self.findings)
        self.fill(&facts, cluster)
        facts.rows = ledger.rows
        facts.tombstones = ledger.tombstones
        facts.revision = max(ledger.highest, meta.compactRevision, 1)
        ledger.isIncomplete = ledger.isIncomplete || !isWhole
        if isWhole { ledger.checkReferences(&self.findings) }
        let (path, progress, rows) = (self.source.path, self.progress, ledger.rows)
        if isWhole {
            let totals = try ledger.totals(database, &self.findings) { done in
                progress?(RecoveryProgress(.counting, path, done: done, total: rows))
            }
            facts.keys = totals.live
            facts.hashKV = totals.hash
        } else {
            facts.keys = ledger.table.live
        }
        if let prefixDepth {
            var sizes = PrefixSizes(depth: prefixDepth)
            try sizes.add(database, ledger: ledger)
            facts.prefixes = sizes.largestFirst
        }
    }

    /// At the top stand buckets alone. One that is none of etcd's may be a later release's; but while one of etcd's is missing,
    /// it is that one, under a name that was damaged.
    private mutating func checkNames(_ root: BoltBucket) {
        var missing = Set(Bucket.allCases.map(\.rawValue))
        var unknown: [(name: String, offset: Int64)] = []
        for entry in self.entries(root.cursor()) {
            let name = String(decoding: entry.key, as: UTF8.self)
            if !entry.isBucket {
                self.findings.add(self.source.path, at: entry.offset, "\"\(name)\" is a key among buckets")
            } else if missing.remove(name) == nil {
                unknown.append((name, entry.offset))
            }
        }
        guard !missing.isEmpty else { return }
        for (name, offset) in unknown {
            let names = missing.sorted().joined(separator: ", ")
            self.findings.add(
                self.source.path, at: offset, "bucket \"\(name)\" is none of etcd's, of which \(names) is missing")
        }
    }

    private func fill(_ facts: inout DatabaseFacts, _ cluster: ClusterRows) {
        facts.members = cluster.members
        facts.removedMembers = cluster.removed
        facts.leases = cluster.leases
        facts.alarms = cluster.alarms
        facts.users = cluster.users.map { String(decoding: $0.user.name, as: UTF8.self) }
        facts.roles = cluster.roles
        facts.isAuthEnabled = cluster.isAuthEnabled
        facts.authRevision = cluster.authRevision
        facts.clusterVersion = cluster.clusterVersion
        facts.confState = cluster.confState
        facts.storageVersion = cluster.storageVersion
    }

    /// Leases come after the keys that hang on them, and are read before. Nil where they cannot all be read.
    private func leases(_ database: BoltFile) -> Set<Int64>? {
        var leases: Set<Int64> = []
        do throws(BoltError) {
            guard let bucket = try database.root.bucket("lease") else { return leases }
            var cursor = bucket.cursor()
            while let entry = try cursor.next() {
                leases.insert(Int64(bitPattern: entry.key.reduce(0) { $0 << 8 | UInt64($1) }))
            }
            return leases
        } catch {
            return nil
        }
    }

    private mutating func check(
        _ database: BoltFile, _ ledger: inout RowLedger, _ cluster: inout ClusterRows
    ) throws(BoltError) -> BoltReport {
        let (path, progress, pageSize) = (self.source.path, self.progress, Int64(database.meta.pageSize))
        let key = Array("key".utf8)
        var findings = self.findings
        defer { self.findings = findings }
        return try database.check { (buckets, entry) throws(BoltError) in
            guard buckets.count == 1, let bucket = buckets.first else { return }
            if bucket.elementsEqual(key) {
                ledger.add(entry, &findings)
            } else {
                cluster.add(entry, of: String(decoding: bucket, as: UTF8.self), &findings)
            }
        } progress: { done, total in
            progress?(RecoveryProgress(.walking, path, done: done * pageSize, total: total * pageSize))
        }
    }

    private mutating func salvage(
        _ database: BoltFile, _ ledger: inout RowLedger, _ cluster: inout ClusterRows
    ) throws(BoltError) {
        let root = database.root.cursor()
        for bucket in self.entries(root) where bucket.isBucket {
            let name = String(decoding: bucket.key, as: UTF8.self)
            let content: BoltBucket
            do throws(BoltError) { content = try root.bucket(bucket) } catch {
                self.findings.add(Finding(error))
                continue
            }
            var cursor = content.cursor()
            while let entry = self.next(&cursor) {
                if name == "key" {
                    ledger.add(entry, &self.findings)
                } else {
                    cluster.add(entry, of: name, &self.findings)
                }
            }
        }
    }

    private mutating func entries(_ cursor: BoltCursor) -> [BoltEntry] {
        var cursor = cursor
        var entries: [BoltEntry] = []
        while let entry = self.next(&cursor) { entries.append(entry) }
        return entries
    }

    /// The next entry that can be read. Each failure ends what lies below one element of a branch.
    private mutating func next(_ cursor: inout BoltCursor) -> BoltEntry? {
        var failures = 0
        while failures < FindingLog.limit {
            do throws(BoltError) {
                return try cursor.next()
            } catch {
                self.findings.add(Finding(error))
                failures += 1
            }
        }
        return nil
    }
}

/// A snapshot's hash, being compared on another thread.
private final class Hashing: Sendable {
    private let group = DispatchGroup()
    private let error = Mutex<BackupError?>(nil)

    init(_ path: String, _ disk: any Disk) {
        DispatchQueue.global().async(group: self.group) {
            do throws(BackupError) {
                _ = try SnapshotFile.verify(path, disk)
            } catch {
                self.error.withLock { $0 = error }
            }
        }
    }

    /// Blocks until it is done.
    func wait() -> BackupError? {
        self.group.wait()
        return self.error.withLock { $0 }
    }
}
