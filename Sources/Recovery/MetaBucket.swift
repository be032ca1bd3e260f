internal import Bolt

/// What bucket `meta` says: how far the log was applied, and how far history was compacted.
struct MetaBucket {
    var consistentIndex: UInt64 = 0
    /// Absent before etcd 3.5.
    var term: UInt64 = 0
    var finishedCompaction: Int64 = 0
    var scheduledCompaction: Int64 = 0

    /// The compacted revision once the database is opened, which finishes what was scheduled.
    var compactRevision: Int64 { max(self.finishedCompaction, self.scheduledCompaction) }

    /// Whether each key has at most one row left at or before the compacted revision.
    var isCompacted: Bool { self.scheduledCompaction <= self.finishedCompaction }

    init(_ file: BoltFile) throws(BoltError) {
        guard let bucket = try file.root.bucket("meta") else {
            throw BoltError(file: file.path, offset: 0, what: "there is no bucket \"meta\": this is not a database of etcd")
        }
        if let entry = try bucket.entry("consistent_index") { self.consistentIndex = try Self.number(entry, file.path) }
        if let entry = try bucket.entry("term") { self.term = try Self.number(entry, file.path) }
        if let entry = try bucket.entry("finishedCompactRev") {
            self.finishedCompaction = try Revision(entry.value, at: entry.valueOffset, of: file.path).main
        }
        if let entry = try bucket.entry("scheduledCompactRev") {
            self.scheduledCompaction = try Revision(entry.value, at: entry.valueOffset, of: file.path).main
        }
    }

    /// Whether members of this cluster version keep the term of the entry applied last. Releases before 3.5 leave one that is
    /// there as it is.
    static func keepsTerm(_ clusterVersion: String?) -> Bool {
        let parts = (clusterVersion ?? "").split(separator: ".").compactMap { Int($0) }
        return parts.count >= 2 && (parts[0], parts[1]) >= (3, 5)
    }

    private static func number(_ entry: BoltEntry, _ file: String) throws(BoltError) -> UInt64 {
        guard entry.value.count == 8 else {
            let name = String(decoding: entry.key, as: UTF8.self)
            throw BoltError(file: file, offset: entry.valueOffset, what: "\(name) has \(entry.value.count) bytes, not 8")
        }
        return entry.value.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension BoltEntry {
    /// Where the value stands in the file.
    var valueOffset: Int64 { self.offset + Int64(self.key.count) }
}

/// A revision as etcd writes it: the number of the transaction, `_`, the number of the change in it, and `t` on a tombstone.
///
/// Format: etcd, `server/storage/mvcc/revision.go`.
struct Revision {
    var main: Int64
    var sub: Int64
    var isTombstone: Bool

    init(main: Int64, sub: Int64, isTombstone: Bool = false) {
        (self.main, self.sub, self.isTombstone) = (main, sub, isTombstone)
    }

    init(_ bytes: ArraySlice<UInt8>, at offset: Int64, of file: String) throws(BoltError) {
        let start = bytes.startIndex
        guard bytes.count == 17 || bytes.count == 18 && bytes[start + 17] == UInt8(ascii: "t"),
            bytes[start + 8] == UInt8(ascii: "_")
        else { throw BoltError(file: file, offset: offset, what: "this is not written as a revision is") }
        let main = bytes[start..<start + 8].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let sub = bytes[start + 9..<start + 17].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard main <= UInt64(Int64.max), sub <= UInt64(Int64.max) else {
            throw BoltError(file: file, offset: offset, what: "revision \(main).\(sub) is negative to etcd")
        }
        self.main = Int64(main)
        self.sub = Int64(sub)
        self.isTombstone = bytes.count == 18
    }
}
