internal import EtcdWire

/// Entries, and a snapshot before them, that are not known to be durable. An entry stays until its write is confirmed, even
/// while it is being written: the log is read from here first.
///
/// The entries stand in one buffer, of which slices are handed out. Before it grows, a buffer with slices outside is left
/// to them: the live entries move to a new one, at most once for each slice handed out and never with their data.
struct Unstable {
    private(set) var snapshot: RaftSnapshot?
    private var snapshotIsInProgress = false
    /// The index of the first entry. The storage may hold entries from here on: they are overwritten.
    private(set) var offset: UInt64
    /// Entries before this are being written.
    private var offsetInProgress: UInt64
    private var buffer: [RaftEntry] = []
    private var head = 0
    private var isShared = false

    init(offset: UInt64) {
        (self.offset, self.offsetInProgress) = (offset, offset)
    }

    var count: Int { self.buffer.count - self.head }
    var isEmpty: Bool { self.count == 0 }
    /// One after the last entry.
    var end: UInt64 { self.offset + UInt64(self.count) }

    var firstIndex: UInt64? {
        self.snapshot.map { $0.metadata.index + 1 }
    }

    var lastIndex: UInt64? {
        self.isEmpty ? self.snapshot?.metadata.index : self.end - 1
    }

    func term(at index: UInt64) -> UInt64? {
        if index >= self.offset {
            return index < self.end ? self.buffer[self.position(index)].term : nil
        }
        guard let metadata = self.snapshot?.metadata, metadata.index == index else { return nil }
        return metadata.term
    }

    /// Entries that nobody has begun to write.
    var hasNextEntries: Bool { self.offsetInProgress < self.end }

    mutating func nextEntries() -> ArraySlice<RaftEntry> {
        self.hasNextEntries ? self.slice(self.offsetInProgress, self.end) : []
    }

    var nextSnapshot: RaftSnapshot? {
        self.snapshotIsInProgress ? nil : self.snapshot
    }

    /// Notes that all there is is being written.
    mutating func acceptInProgress() {
        self.offsetInProgress = self.end
        self.snapshotIsInProgress = self.snapshot != nil
    }

    /// Entries through this one are durable, if it is still the entry at that index.
    mutating func stableTo(index: UInt64, term: UInt64) {
        guard index >= self.offset, self.term(at: index) == term else { return }
        let position = self.position(index) + 1
        if position == self.buffer.count {
            if self.isShared { self.buffer = [] } else { self.buffer.removeAll(keepingCapacity: self.buffer.count < 4096) }
            (self.head, self.isShared) = (0, false)
        } else {
            self.head = position
        }
        self.offset = index + 1
        self.offsetInProgress = max(self.offsetInProgress, self.offset)
    }

    mutating func stableSnapshot(at index: UInt64) {
        guard self.snapshot?.metadata.index == index else { return }
        self.snapshot = nil
        self.snapshotIsInProgress = false
    }

    mutating func restore(_ snapshot: RaftSnapshot) {
        self = Unstable(offset: snapshot.metadata.index + 1)
        self.snapshot = snapshot
    }

    /// Appends entries, in place of those from the first one's index on.
    mutating func truncateAndAppend(_ entries: ArraySlice<RaftEntry>) {
        guard let first = entries.first?.index else { return }
        if first <= self.offset {
            self.buffer = Array(entries)
            (self.head, self.isShared) = (0, false)
            (self.offset, self.offsetInProgress) = (first, first)
            return
        }
        precondition(first <= self.end, "entry \(first) after the log's last, \(self.end - 1)")
        self.makeRoom(keeping: Int(first - self.offset), adding: entries.count)
        self.buffer.append(contentsOf: entries)
        self.offsetInProgress = min(self.offsetInProgress, first)
    }

    /// Entries from `start` up to, not including, `end`.
    mutating func slice(_ start: UInt64, _ end: UInt64) -> ArraySlice<RaftEntry> {
        self.isShared = true
        return self.buffer[self.position(start)..<self.position(end)]
    }

    /// Leaves the first `kept` entries, in a buffer of our own that can grow.
    private mutating func makeRoom(keeping kept: Int, adding: Int) {
        if self.isShared || self.head > 1024 && self.head * 2 > self.buffer.count {
            let live = self.buffer[self.head..<(self.head + kept)]
            var fresh: [RaftEntry] = []
            fresh.reserveCapacity(max(16, (kept + adding) * 2))
            fresh.append(contentsOf: live)
            self.buffer = fresh
            (self.head, self.isShared) = (0, false)
        } else if kept < self.count {
            self.buffer.removeSubrange((self.head + kept)...)
        }
    }

    private func position(_ index: UInt64) -> Int {
        precondition(index >= self.offset && index <= self.end, "entry \(index) is not in the unstable log")
        return self.head + Int(index - self.offset)
    }
}
