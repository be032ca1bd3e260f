internal import EtcdWire

/// One change of one key, whole.
struct Row: Sendable, Hashable {
    var id: RowID
    /// Of a deletion only the key and the revision.
    var kv: KeyValue

    /// What the backend holds of it.
    var bytes: [UInt8] {
        self.id.isTombstone ? KeyValue(key: self.kv.key).encoded() : self.kv.encoded()
    }
}

/// A key that is there now, but for its value.
struct Current: Sendable, Hashable {
    /// The revision of the put that created the key: the first of what etcd calls a generation.
    var createRevision: Int64
    /// Puts since then, that one included.
    var version: Int64
    /// The lease it hangs on, or 0.
    var lease: Int64
}

/// What is known of one key without its values: which rows it has, oldest first, and what it is now.
struct History: Sendable {
    private(set) var older: [RowID] = []
    private(set) var latest: RowID
    /// Nil when the key is deleted.
    private(set) var current: Current?

    init(_ id: RowID, _ current: Current?) {
        (self.latest, self.current) = (id, current)
    }

    mutating func append(_ id: RowID, _ current: Current?) {
        self.older.append(self.latest)
        (self.latest, self.current) = (id, current)
    }

    /// The row of the key as a revision left it, unless it was not there.
    func at(_ revision: Int64) -> RowID? {
        let row = self.newest(atOrBefore: revision)
        return row?.isTombstone == false ? row : nil
    }

    /// The last row at or before a revision, be it a deletion.
    func newest(atOrBefore revision: Int64) -> RowID? {
        if self.latest.main <= revision { return self.latest }
        var index = self.older.count - 1
        // A short walk back is the common case: reads are of revisions not long past.
        var steps = 0
        while index >= 0, self.older[index].main > revision {
            index -= 1
            steps += 1
            if steps == 8 {
                index = self.older.firstIndex(from: 0) { $0.main > revision } - 1
                break
            }
        }
        return index >= 0 ? self.older[index] : nil
    }

    /// The rows from a revision on.
    func rows(from revision: Int64) -> [RowID] {
        guard self.latest.main >= revision else { return [] }
        let start = self.older.firstIndex(from: 0) { $0.main >= revision }
        return self.older[start...] + [self.latest]
    }

    /// Drops what no read at or after `revision` can see. Of the rows at or before it the newest alone stays; a tombstone
    /// only when it is of that very revision, so that a watch from there still tells of it.
    ///
    /// - Parameter dropped: Gets the rows that go.
    /// - Returns: Whether anything is left.
    mutating func compact(at revision: Int64, dropped: inout [RowID]) -> Bool {
        guard self.latest.main > revision else {
            dropped += self.older
            self.older = []
            guard self.latest.isTombstone, self.latest.main != revision else { return true }
            dropped.append(self.latest)
            return false
        }
        let next = self.older.firstIndex(from: 0) { $0.main > revision }
        guard next > 0 else { return true }
        let newest = self.older[next - 1]
        let end = newest.isTombstone && newest.main != revision ? next : next - 1
        dropped += self.older[..<end]
        self.older.removeSubrange(..<end)
        return true
    }
}

extension Array {
    /// The first index at or after `start` whose element fits, or `count`, in an array where all that fit come last.
    func firstIndex(from start: Int, where fits: (Element) -> Bool) -> Int {
        var low = start
        var high = self.count
        while low < high {
            let middle = (low + high) / 2
            if fits(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
