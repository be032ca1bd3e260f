internal import EtcdWire

/// An entry's place in the log, which tells it from all others.
struct EntryID: Hashable {
    var term: UInt64
    var index: UInt64
}

/// The whole log, as one: what is stored, and after it what is not yet. And how far it is committed and applied:
/// `applied <= applying <= committed <= lastIndex`.
struct RaftLog {
    private let storage: any RaftStorage
    var unstable: Unstable
    private(set) var committed: UInt64
    /// Handed out to be applied.
    private(set) var applying: UInt64
    private(set) var applied: UInt64
    private let maxApplyingBytes: UInt64
    private var applyingBytes: UInt64 = 0
    private var applyingIsPaused = false
    /// Whether nothing more is to be applied because a snapshot waits.
    var isHeld = false

    init(storage: any RaftStorage, maxApplyingBytes: UInt64) {
        self.storage = storage
        self.unstable = Unstable(offset: storage.lastIndex + 1)
        self.maxApplyingBytes = max(1, maxApplyingBytes)
        self.committed = storage.firstIndex - 1
        (self.applying, self.applied) = (self.committed, self.committed)
    }

    // MARK: What is there

    var firstIndex: UInt64 { self.unstable.firstIndex ?? self.storage.firstIndex }
    var lastIndex: UInt64 { self.unstable.lastIndex ?? self.storage.lastIndex }

    var last: EntryID {
        let index = self.lastIndex
        return EntryID(term: self.term(at: index) ?? 0, index: index)
    }

    /// Nil before the snapshot and after the last entry.
    func term(at index: UInt64) -> UInt64? {
        if let term = self.unstable.term(at: index) { return term }
        guard index <= self.lastIndex, index + 1 >= self.firstIndex else { return nil }
        return self.storage.term(at: index)
    }

    func matches(_ id: EntryID) -> Bool {
        self.term(at: id.index) == id.term
    }

    /// Whether a log that ends so has all that this one has (thesis, 3.6.1).
    func isUpToDate(_ other: EntryID) -> Bool {
        let last = self.last
        return other.term > last.term || other.term == last.term && other.index >= last.index
    }

    /// Entries from `start` up to, not including, `end`, as many as fit into `maxBytes`, and one at least; nil when
    /// `start` is gone.
    mutating func entries(from start: UInt64, to end: UInt64, maxBytes: UInt64) -> ArraySlice<RaftEntry>? {
        guard start < end else { return [] }
        guard start >= self.firstIndex else { return nil }
        if start >= self.unstable.offset {
            return self.unstable.slice(start, end, maxBytes: maxBytes)
        }
        let cut = min(end, self.unstable.offset)
        let stored = self.storage.entries(from: start, to: cut, maxBytes: maxBytes)
        guard cut < end, UInt64(stored.count) == cut - start else { return stored }
        let size = stored.encodedSize
        guard size < maxBytes else { return stored }
        let more = self.unstable.slice(cut, end, maxBytes: maxBytes == .max ? .max : maxBytes - size)
        if more.count == 1, size + more.encodedSize > maxBytes { return stored }
        return stored + more
    }

    /// The latest place at or before `index` whose term is at most `term`, or not known: where a log that has an entry of
    /// `term` at `index` may agree with this one. With the term there, or 0.
    func conflict(before index: UInt64, term: UInt64) -> EntryID {
        var index = index
        while index > 0 {
            guard let ours = self.term(at: index) else { return EntryID(term: 0, index: index) }
            if ours <= term { return EntryID(term: ours, index: index) }
            index -= 1
        }
        return EntryID(term: 0, index: 0)
    }

    func snapshot() -> RaftSnapshot? {
        self.unstable.snapshot ?? self.storage.snapshot()
    }

    // MARK: What is added

    /// The first of consecutive `entries` that is not in the log as it is; nil if all are.
    func conflict(with entries: ArraySlice<RaftEntry>) -> UInt64? {
        entries.first { !self.matches(EntryID(term: $0.term, index: $0.index)) }?.index
    }

    mutating func append(_ entries: ArraySlice<RaftEntry>) {
        guard let first = entries.first?.index else { return }
        precondition(first > self.committed, "entry \(first) would replace a committed one, at \(self.committed)")
        self.unstable.truncateAndAppend(entries)
    }

    mutating func commit(to index: UInt64) {
        guard index > self.committed else { return }
        precondition(index <= self.lastIndex, "commit \(index) after the log's last entry, \(self.lastIndex)")
        self.committed = index
    }

    mutating func restore(_ snapshot: RaftSnapshot) {
        self.committed = snapshot.metadata.index
        self.unstable.restore(snapshot)
    }

    // MARK: What is applied

    /// How far entries may be applied. One that is not durable here may be, where the driver stores before it applies.
    func maxAppliable(unstable allowed: Bool) -> UInt64 {
        allowed ? self.committed : min(self.committed, self.unstable.offset - 1)
    }

    func hasNextCommitted(unstable allowed: Bool) -> Bool {
        !self.applyingIsPaused && !self.isHeld && self.unstable.snapshot == nil
            && self.applying < self.maxAppliable(unstable: allowed)
    }

    mutating func nextCommitted(unstable allowed: Bool) -> ArraySlice<RaftEntry> {
        guard self.hasNextCommitted(unstable: allowed) else { return [] }
        let end = self.maxAppliable(unstable: allowed) + 1
        let found = self.entries(from: self.applying + 1, to: end, maxBytes: self.maxApplyingBytes - self.applyingBytes)
        guard let found else { preconditionFailure("entry \(self.applying + 1) is gone before it was applied") }
        return found
    }

    mutating func acceptApplying(to index: UInt64, bytes: UInt64, unstable allowed: Bool) {
        self.applying = index
        self.applyingBytes += bytes
        // Less than all was handed out when the next entry would not have fitted.
        self.applyingIsPaused =
            self.applyingBytes >= self.maxApplyingBytes || index < self.maxAppliable(unstable: allowed)
    }

    mutating func applied(to index: UInt64, bytes: UInt64) {
        precondition(
            index >= self.applied && index <= self.committed,
            "applied \(index) is not within \(self.applied) and the commit, \(self.committed)")
        self.applied = index
        self.applying = max(self.applying, index)
        self.applyingBytes -= min(self.applyingBytes, bytes)
        self.applyingIsPaused = self.applyingBytes >= self.maxApplyingBytes
    }
}
