internal import Bolt
internal import EtcdWire

/// Counts the rows of bucket `key`, which come in the order of their revisions, and the keys that live at the end.
///
/// No set of keys is needed for that, as a key's rows tell whether one of it went before. Compaction keeps one row of each
/// key that lived at the compacted revision, so each row there is a key. After it no row is missing: the put with version
/// 1 makes a key, and a tombstone ends one. Only where a scheduled compaction was not finished are the keys up to it kept.
struct KeyRows {
    private let file: String
    private let meta: MetaBucket
    private(set) var count: Int64 = 0
    /// The highest revision of a row.
    private(set) var highest: Int64 = 0
    private var keys: Int64 = 0
    /// Keys that live at the revision of an unfinished compaction.
    private var old: Set<[UInt8]> = []

    init(file: String, meta: MetaBucket) {
        self.file = file
        self.meta = meta
    }

    mutating func add(_ entry: BoltEntry) throws(BoltError) {
        let revision = try Revision(entry.key, at: entry.offset, of: self.file)
        self.count += 1
        self.highest = max(self.highest, revision.main)
        // A restore that bumps the revision leaves an empty row to hold it.
        if entry.value.isEmpty { return }
        let row = try self.row(entry)
        guard revision.isTombstone || row.modRevision == revision.main else {
            throw BoltError(
                file: self.file, offset: entry.valueOffset,
                what: "the row of revision \(revision.main) says that it is of revision \(row.modRevision)")
        }
        if revision.main > self.meta.compactRevision {
            if revision.isTombstone { self.keys -= 1 } else if row.version == 1 { self.keys += 1 }
        } else if self.meta.isCompacted {
            if !revision.isTombstone { self.keys += 1 }
        } else if revision.isTombstone {
            self.old.remove(row.key)
        } else {
            self.old.insert(row.key)
        }
    }

    /// The keys that live at the highest revision.
    func live() throws(BoltError) -> Int64 {
        let live = self.keys + Int64(self.old.count)
        guard live >= 0 else {
            throw BoltError(file: self.file, offset: 0, what: "bucket \"key\" has more tombstones than keys that they end")
        }
        return live
    }

    private struct Row {
        var key: [UInt8] = []
        var modRevision: Int64 = 0
        var version: Int64 = 0
    }

    /// Reads an `mvccpb.KeyValue` but for its value, which may be large.
    private func row(_ entry: BoltEntry) throws(BoltError) -> Row {
        var row = Row()
        do throws(WireError) {
            var reader = try ProtoReader(entry.value)
            while let field = try reader.nextField() {
                switch field {
                case 1: row.key = try reader.bytes()
                case 3: row.modRevision = try reader.int64()
                case 4: row.version = try reader.int64()
                default: try reader.skip()
                }
            }
        } catch {
            throw BoltError(file: self.file, offset: entry.valueOffset, what: "this row is no key and value: \(error)")
        }
        return row
    }
}
