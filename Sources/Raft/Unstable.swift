internal import EtcdWire

/// Entries, and a snapshot before them, that are not known to be durable. An entry stays until its write is confirmed, even
/// while it is being written: the log is read from here first.
///
/// The entries stand in runs. A slice of a run is handed out as it is; from then on the run does not grow, and a new one is
/// begun. So neither does appending copy what slices hold, however many there are, nor does sending copy what was appended.
struct Unstable {
    private(set) var snapshot: RaftSnapshot?
    private var snapshotIsInProgress = false
    /// The index of the first entry. The storage may hold entries from here on: they are overwritten.
    private(set) var offset: UInt64
    /// One after the last entry.
    private(set) var end: UInt64
    /// Entries before this are being written.
    private var offsetInProgress: UInt64
    /// One continues the other. The first may begin before `offset`.
    private var runs: [Run] = []

    private struct Run {
        var first: UInt64
        var entries: [RaftEntry]
        /// Whether slices of it are outside.
        var isShared = false

        var end: UInt64 { self.first + UInt64(self.entries.count) }

        func position(_ index: UInt64) -> Int { Int(index - self.first) }
    }

    init(offset: UInt64) {
        (self.offset, self.end, self.offsetInProgress) = (offset, offset, offset)
    }

    var isEmpty: Bool { self.offset == self.end }

    var firstIndex: UInt64? {
        self.snapshot.map { $0.metadata.index + 1 }
    }

    var lastIndex: UInt64? {
        self.isEmpty ? self.snapshot?.metadata.index : self.end - 1
    }

    func term(at index: UInt64) -> UInt64? {
        if index >= self.offset {
            guard index < self.end else { return nil }
            let run = self.run(of: index)
            return self.runs[run].entries[self.runs[run].position(index)].term
        }
        guard let metadata = self.snapshot?.metadata, metadata.index == index else { return nil }
        return metadata.term
    }

    /// Entries from `start` up to, not including, `end`, as many as fit into `maxBytes`, and one at least.
    mutating func slice(_ start: UInt64, _ end: UInt64, maxBytes: UInt64) -> ArraySlice<RaftEntry> {
        precondition(start >= self.offset && start < end && end <= self.end, "\(start)..<\(end) is not in the unstable log")
        let run = self.run(of: start)
        if end <= self.runs[run].end {
            self.runs[run].isShared = true
            let (lower, upper) = (self.runs[run].position(start), self.runs[run].position(end))
            return self.runs[run].entries[lower..<upper].limited(to: maxBytes)
        }
        return self.collect(start, end, from: run, maxBytes: maxBytes)[...]
    }

    private func collect(_ start: UInt64, _ end: UInt64, from first: Int, maxBytes: UInt64) -> [RaftEntry] {
        var found: [RaftEntry] = []
        var size: UInt64 = 0
        for run in self.runs[first...] {
            let (lower, upper) = (max(start, run.first), min(end, run.end))
            guard lower < upper else { break }
            for entry in run.entries[run.position(lower)..<run.position(upper)] {
                if maxBytes != .max {
                    size += entry.encodedSize
                    if size > maxBytes, !found.isEmpty { return found }
                }
                found.append(entry)
            }
        }
        return found
    }

    /// Which run an entry is in: mostly the last.
    private func run(of index: UInt64) -> Int {
        var (lower, upper) = (0, self.runs.count - 1)
        if self.runs[upper].first <= index { return upper }
        while lower < upper {
            let middle = (lower + upper + 1) / 2
            if self.runs[middle].first <= index { lower = middle } else { upper = middle - 1 }
        }
        return lower
    }

    // MARK: Writing

    /// Entries that nobody has begun to write.
    var hasNextEntries: Bool { self.offsetInProgress < self.end }

    mutating func nextEntries() -> ArraySlice<RaftEntry> {
        guard self.hasNextEntries else { return [] }
        let first = self.run(of: self.offsetInProgress)
        if first + 1 < self.runs.count, self.runs[first].first == self.offsetInProgress {
            // Many small ones, of proposals that came one by one, become one.
            let whole = self.collect(self.offsetInProgress, self.end, from: first, maxBytes: .max)
            self.runs.removeSubrange(first...)
            self.runs.append(Run(first: self.offsetInProgress, entries: whole))
        }
        return self.slice(self.offsetInProgress, self.end, maxBytes: .max)
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
        self.offset = index + 1
        self.offsetInProgress = max(self.offsetInProgress, self.offset)
        let done = self.runs.prefix { $0.end <= self.offset }.count
        self.runs.removeFirst(done)
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
        precondition(first <= self.end, "entry \(first) after the log's last, \(self.end - 1)")
        if first <= self.offset {
            self.runs = []
            self.offset = first
        }
        // By position: a copy of a run would have its entries copied when they change.
        while let last = self.runs.indices.last, self.runs[last].end > first {
            if self.runs[last].first >= first {
                self.runs.removeLast()
            } else {
                self.runs[last].entries.removeSubrange(self.runs[last].position(first)...)
            }
        }
        if let last = self.runs.indices.last, !self.runs[last].isShared {
            self.runs[last].entries.append(contentsOf: entries)
        } else {
            self.runs.append(Run(first: first, entries: Array(entries)))
        }
        self.end = first + UInt64(entries.count)
        self.offsetInProgress = min(self.offsetInProgress, first)
    }
}
