internal import Bolt
internal import Platform

/// Takes the rows of bucket `key` in their order, checks each against the one before it and against the last of its key,
/// and computes HashKV at the last revision, in bounded memory.
///
/// HashKV is a CRC-32C over `key` and all rows, but of the rows at or before the compacted revision only those count that
/// are the last of a key that lives: so which of those count is known at the end, and they, which come first, are gone over
/// again where one does not. The checksum of the rows after them is joined to that.
///
/// Rules: etcd, `server/storage/mvcc/hash.go`; a tombstone at the compacted revision never counts, since older releases do
/// not keep it, and where no key lives, all rows count.
struct RowLedger {
    /// More references from keys to leases that are not there are not followed.
    private static let maximumReferences = 500_000

    let file: String
    let meta: MetaBucket
    /// Leases that keys may hang on; nil where they are not known.
    let leases: Set<Int64>?
    private(set) var table: KeyTable

    private(set) var rows: Int64 = 0
    private(set) var tombstones: Int64 = 0
    private(set) var highest: Int64 = 0
    private(set) var hasBump = false
    /// Whether a row could not be read, or may be missing.
    var isIncomplete = false

    private var previous: Revision?
    private var old: UInt32
    private var new: UInt32 = 0
    private var newBytes: Int64 = 0
    private var oldRows: Int64 = 0
    private var hasSuperseded = false
    private var references: [UInt64: (lease: Int64, offset: Int64)]?

    init(file: String, meta: MetaBucket, leases: Set<Int64>?, table: KeyTable = KeyTable()) {
        (self.file, self.meta, self.leases, self.table) = (file, meta, leases, table)
        self.references = leases == nil ? nil : [:]
        self.old = Self.seed
    }

    fileprivate static let seed = CRC32C.checksum(Array("key".utf8))

    mutating func add(_ entry: BoltEntry, _ findings: inout FindingLog) {
        self.rows += 1
        let row: KeyRow
        do throws(BoltError) {
            row = try KeyRow(entry, of: self.file)
        } catch {
            self.isIncomplete = true
            return findings.add(Finding(error))
        }
        let contradiction = row.contradiction
        if let contradiction { findings.add(self.file, at: row.valueOffset, contradiction) }
        self.follow(row, &findings)
        self.highest = max(self.highest, row.revision.main)
        if row.revision.isTombstone { self.tombstones += 1 }
        if row.isBump { self.hasBump = true }

        let hash = KeyTable.hash(row.key)
        let isOld = row.revision.main <= self.meta.compactRevision
        if self.table.covers(hash) {
            let previous = self.table.update(hash, row.latest)
            if let previous, previous.revision <= self.meta.compactRevision { self.hasSuperseded = true }
            if contradiction == nil, !row.isBump, !isOld || previous != nil, let what = row.contradiction(after: previous) {
                findings.add(self.file, at: row.valueOffset, what)
            }
        }
        // A round for a part of the keys has nothing to add to what the first found of all.
        guard self.table.part == 0 else { return }
        self.refer(row, hash, &findings)
        self.hash(entry, row, isOld: isOld)
    }

    /// Rows after the compacted revision leave no revision out, and no change of one.
    private mutating func follow(_ row: KeyRow, _ findings: inout FindingLog) {
        let (main, sub) = (row.revision.main, row.revision.sub)
        defer { self.previous = row.revision }
        if let previous, previous.main == main, previous.sub == sub {
            return findings.add(self.file, at: row.offset, "change \(sub) of revision \(main) is there twice")
        }
        // A restore that moves revisions on leaves some out.
        guard main > self.meta.compactRevision, !row.isBump else { return }
        var last = self.previous ?? Revision(main: 0, sub: 0)
        if last.main <= self.meta.compactRevision { last = Revision(main: self.meta.compactRevision, sub: 0) }
        // An empty store is at revision 1.
        if last.main < 1 { last = Revision(main: 1, sub: 0) }
        if main == last.main ? sub == last.sub + 1 : main == last.main + 1 && sub == 0 { return }
        findings.add(
            self.file, at: row.offset,
            "rows are missing: after change \(last.sub) of revision \(last.main) comes change \(sub) of revision \(main)")
    }

    /// Keeps keys that hang on a lease that is not there, until another row of the key says otherwise.
    private mutating func refer(_ row: KeyRow, _ hash: UInt64, _ findings: inout FindingLog) {
        guard self.references != nil, let leases else { return }
        guard row.lease != 0, !leases.contains(row.lease) else {
            self.references?.removeValue(forKey: hash)
            return
        }
        self.references?[hash] = (row.lease, row.valueOffset)
        if let count = self.references?.count, count > Self.maximumReferences {
            self.references = nil
            findings.add(self.file, at: row.valueOffset, "too many keys hang on leases to check them all", isDamage: false)
        }
    }

    private mutating func hash(_ entry: BoltEntry, _ row: KeyRow, isOld: Bool) {
        if isOld {
            self.oldRows += 1
            if row.revision.isTombstone {
                if row.revision.main == self.meta.compactRevision { return }
                self.hasSuperseded = true
            }
            self.old = CRC32C.checksum(entry.value, continuing: CRC32C.checksum(entry.key, continuing: self.old))
        } else {
            self.newBytes += Int64(row.size)
            self.new = CRC32C.checksum(entry.value, continuing: CRC32C.checksum(entry.key, continuing: self.new))
        }
    }

    /// Keys that live at the end and hang on a lease that is not there.
    func checkReferences(_ findings: inout FindingLog) {
        for reference in (self.references ?? [:]).values.sorted(by: { $0.offset < $1.offset }) {
            let lease = String(UInt64(bitPattern: reference.lease), radix: 16)
            findings.add(self.file, at: reference.offset, "the key hangs on lease \(lease), which is not there")
        }
    }

    /// What the rows came to.
    struct Totals {
        /// HashKV at the last revision; nil where rows are missing.
        var hash: UInt32?
        /// Keys that live at the last revision.
        var live: Int64
    }

    /// Goes over the bucket again as often as it takes.
    func totals(
        _ database: BoltFile, _ findings: inout FindingLog, progress: (Int64) -> Void
    ) throws(BoltError) -> Totals {
        let bump: Int64 = self.hasBump ? 1 : 0
        if self.table.partBits == 0 {
            let live = self.table.live
            guard !self.isIncomplete else { return Totals(hash: nil, live: live - bump) }
            var old = self.old
            if self.hasSuperseded, live > 0 {
                old = Self.seed
                try self.forEachOld(database, progress) { entry, row in
                    guard self.table.latest(KeyTable.hash(row.key))?.revision == row.revision.main else { return }
                    old = CRC32C.checksum(entry.value, continuing: CRC32C.checksum(entry.key, continuing: old))
                }
            }
            return Totals(hash: CRC32C.joined(old, self.new, secondCount: self.newBytes), live: live - bump)
        }
        return try self.totalsInParts(database, &findings, progress)
    }

    /// Where keys are too many for one table: a round for each part of them, and a bit for each old row that counts.
    private func totalsInParts(
        _ database: BoltFile, _ findings: inout FindingLog, _ progress: (Int64) -> Void
    ) throws(BoltError) -> Totals {
        var counts = [UInt64](repeating: 0, count: Int(self.oldRows / 64) + 1)
        var live: Int64 = 0
        for part in 0..<(1 as UInt64) << UInt64(self.table.partBits) {
            let table = part == 0 ? self.table : try self.round(part, database, &findings)
            live += table.live
            var index = 0
            try self.forEachOld(database, progress) { _, row in
                let hash = KeyTable.hash(row.key)
                if table.covers(hash), table.latest(hash)?.revision == row.revision.main {
                    counts[index / 64] |= 1 << UInt64(index % 64)
                }
                index += 1
            }
        }
        let bump: Int64 = self.hasBump ? 1 : 0
        guard !self.isIncomplete else { return Totals(hash: nil, live: live - bump) }
        var old = self.old
        if live > 0 {
            old = Self.seed
            var index = 0
            try self.forEachOld(database, progress) { entry, _ in
                if counts[index / 64] & 1 << UInt64(index % 64) != 0 {
                    old = CRC32C.checksum(entry.value, continuing: CRC32C.checksum(entry.key, continuing: old))
                }
                index += 1
            }
        }
        return Totals(hash: CRC32C.joined(old, self.new, secondCount: self.newBytes), live: live - bump)
    }

    /// Goes over all rows for the keys of a part.
    func round(_ part: UInt64, _ database: BoltFile, _ findings: inout FindingLog) throws(BoltError) -> KeyTable {
        let table = KeyTable(limit: .max, part: part, partBits: self.table.partBits)
        var ledger = RowLedger(file: self.file, meta: self.meta, leases: nil, table: table)
        guard let bucket = try database.root.bucket("key") else { return table }
        var cursor = bucket.cursor()
        while let entry = try cursor.next() { ledger.add(entry, &findings) }
        return ledger.table
    }

    func round(_ part: UInt64, _ database: BoltFile) throws(BoltError) -> KeyTable {
        var findings = FindingLog()
        return try self.round(part, database, &findings)
    }

    /// Rows at or before the compacted revision that are no tombstones.
    private func forEachOld(
        _ database: BoltFile, _ progress: (Int64) -> Void, _ body: (BoltEntry, KeyRow) throws(BoltError) -> Void
    ) throws(BoltError) {
        guard let bucket = try database.root.bucket("key") else { return }
        var cursor = bucket.cursor()
        var count: Int64 = 0
        while let entry = try cursor.next() {
            let row = try KeyRow(entry, of: self.file)
            if row.revision.main > self.meta.compactRevision { break }
            count += 1
            if count % 65536 == 0 { progress(count) }
            if !row.revision.isTombstone { try body(entry, row) }
        }
    }
}
