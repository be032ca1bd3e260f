internal import EtcdWire

/// One change of one key: a row of etcd's `key` bucket.
struct Row: Sendable, Hashable {
    /// The revision of the transaction, and the change's place in it.
    var main: Int64
    var sub: Int64
    /// Whether the key was deleted; then `kv` holds the key and the revision alone.
    var isTombstone: Bool
    var kv: KeyValue

    /// Whether the row was made before another, in the order of etcd's revisions.
    func precedes(_ other: Row) -> Bool {
        self.main != other.main ? self.main < other.main : self.sub < other.sub
    }
}

/// What is known of one key: its rows, oldest first. A tombstone ends what etcd calls a generation.
struct History: Sendable {
    private(set) var older: [Row] = []
    private(set) var latest: Row

    init(_ row: Row) {
        self.latest = row
    }

    /// The key now, unless deleted.
    var current: KeyValue? {
        self.latest.isTombstone ? nil : self.latest.kv
    }

    /// The key as a revision left it.
    func at(_ revision: Int64) -> KeyValue? {
        if self.latest.main <= revision { return self.current }
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
        guard index >= 0, !self.older[index].isTombstone else { return nil }
        return self.older[index].kv
    }

    mutating func append(_ row: Row) {
        self.older.append(self.latest)
        self.latest = row
    }

    /// The rows from a revision on.
    func rows(from revision: Int64) -> [Row] {
        guard self.latest.main >= revision else { return [] }
        let start = self.older.firstIndex(from: 0) { $0.main >= revision }
        return self.older[start...] + [self.latest]
    }

    /// Drops what no read at or after `revision` can see. Of the rows at or before it the newest alone stays; a tombstone
    /// only when it is of that very revision, so that a watch from there still tells of it.
    ///
    /// - Parameter kept: Gets the row at or before `revision` that stays, if one does.
    /// - Returns: Whether anything is left.
    mutating func compact(at revision: Int64, kept: (Row) -> Void) -> Bool {
        if self.latest.main <= revision {
            self.older = []
            guard !self.latest.isTombstone || self.latest.main == revision else { return false }
            kept(self.latest)
            return true
        }
        let next = self.older.firstIndex(from: 0) { $0.main > revision }
        guard next > 0 else { return true }
        let newest = self.older[next - 1]
        let stays = !newest.isTombstone || newest.main == revision
        self.older.removeSubrange(0..<(stays ? next - 1 : next))
        if stays { kept(newest) }
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
