internal import Bolt
internal import EtcdWire

/// A row of bucket `key`: what one change left of one key, but for the value, which may be large.
struct KeyRow {
    var revision: Revision
    var key: ArraySlice<UInt8>
    var createRevision: Int64 = 0
    var modRevision: Int64 = 0
    var version: Int64 = 0
    var lease: Int64 = 0
    /// Bytes of the whole row, its revision included.
    var size: Int
    /// Where the row stands in its file.
    var offset: Int64
    /// Where what the row says stands.
    var valueOffset: Int64
    /// Whether it holds a revision that a restore left out, and no key.
    var isBump: Bool

    init(_ entry: BoltEntry, of file: String) throws(BoltError) {
        self.revision = try Revision(entry.key, at: entry.offset, of: file)
        self.offset = entry.offset
        self.valueOffset = entry.valueOffset
        self.size = entry.key.count + entry.value.count
        self.isBump = entry.value.isEmpty
        self.key = []
        do throws(WireError) {
            var reader = try ProtoReader(entry.value)
            while let field = try reader.nextField() {
                switch field {
                case 1: self.key = try reader.bytes()[...]
                case 2: self.createRevision = try reader.int64()
                case 3: self.modRevision = try reader.int64()
                case 4: self.version = try reader.int64()
                case 6: self.lease = try reader.int64()
                default: try reader.skip()
                }
            }
        } catch {
            throw BoltError(file: file, offset: entry.valueOffset, what: "this row is no key and value: \(error)")
        }
    }

    /// What the row's own numbers contradict, or nil.
    var contradiction: String? {
        let main = self.revision.main
        if self.isBump { return self.revision.isTombstone ? "the tombstone of revision \(main) is empty" : nil }
        if self.revision.isTombstone {
            let isBare = self.createRevision == 0 && self.modRevision == 0 && self.version == 0 && self.lease == 0
            return isBare ? nil : "the tombstone of revision \(main) says more than its key"
        }
        if self.modRevision != main { return "the row of revision \(main) says that it is of revision \(self.modRevision)" }
        guard self.version > 0, self.createRevision > 0, self.createRevision <= main else {
            return "the row of revision \(main) has version \(self.version) and create revision \(self.createRevision)"
        }
        if (self.version == 1) != (self.createRevision == main) {
            return "the row of revision \(main) has version \(self.version), and was created in \(self.createRevision)"
        }
        // Between its creation and this change there were at least as many revisions as changes.
        if self.version - 1 > main - self.createRevision {
            return "the row of revision \(main) has version \(self.version) after \(main - self.createRevision) revisions"
        }
        return nil
    }

    /// What a key table keeps of it.
    var latest: KeyTable.Latest {
        KeyTable.Latest(
            revision: self.revision.main, create: UInt32(truncatingIfNeeded: self.createRevision),
            version: self.revision.isTombstone
                ? KeyTable.Latest.tombstone : UInt32(truncatingIfNeeded: self.version) & .max >> 1)
    }

    /// Why this row cannot be the one that follows another of its key, or nil.
    func contradiction(after previous: KeyTable.Latest?) -> String? {
        let main = self.revision.main
        guard let previous, !previous.isTombstone else {
            if self.revision.isTombstone { return "revision \(main) deletes a key that was not there" }
            return self.version == 1 ? nil : "revision \(main) is version \(self.version) of a key whose earlier ones are gone"
        }
        if self.revision.isTombstone { return nil }
        let follows = (previous.version &+ 1) & .max >> 1 == self.latest.version && previous.create == self.latest.create
        return follows
            ? nil : "revision \(main), version \(self.version), does not follow the key's revision \(previous.revision)"
    }
}
