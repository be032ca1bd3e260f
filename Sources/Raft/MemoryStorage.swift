public import EtcdWire

/// A log in memory: what a driver has made durable, kept where a member reads it.
public final class MemoryStorage: RaftStorage {
    public var hardState: HardState
    /// The latest snapshot; its place is where the log begins. Empty at index 0.
    public private(set) var latestSnapshot: RaftSnapshot
    /// Bytes of the entries' data.
    public private(set) var bytes = 0
    private var log: [RaftEntry] = []
    /// Entries at the log's front that are gone.
    private var head = 0
    private var before: (index: UInt64, term: UInt64)

    public init(hardState: HardState = HardState(), snapshot: RaftSnapshot = RaftSnapshot(), entries: [RaftEntry] = []) {
        self.hardState = hardState
        self.latestSnapshot = snapshot
        self.before = (snapshot.metadata.index, snapshot.metadata.term)
        self.log = entries
        self.bytes = Self.bytes(of: entries)
    }

    private static func bytes(of entries: some Sequence<RaftEntry>) -> Int {
        entries.reduce(0) { $0 + $1.data.count }
    }

    public var initialState: (hardState: HardState, confState: ConfState) {
        (self.hardState, self.latestSnapshot.metadata.confState)
    }

    public var firstIndex: UInt64 { self.before.index + 1 }
    public var lastIndex: UInt64 { self.before.index + UInt64(self.log.count - self.head) }

    public func term(at index: UInt64) -> UInt64 {
        index == self.before.index ? self.before.term : self.log[self.position(index)].term
    }

    public func entries(from start: UInt64, to end: UInt64, maxBytes: UInt64) -> ArraySlice<RaftEntry> {
        let found = self.log[self.position(start)..<self.position(end)].limited(to: maxBytes)
        // A copy: a slice would have the whole log copied with the next append.
        return ArraySlice(Array(found))
    }

    public func snapshot() -> RaftSnapshot? {
        self.latestSnapshot.metadata.index == 0 ? nil : self.latestSnapshot
    }

    /// Appends entries; those of the log from the first one's index on are replaced.
    public func append(_ entries: ArraySlice<RaftEntry>) {
        guard let first = entries.first, let last = entries.last, last.index > self.before.index else { return }
        let entries = entries.dropFirst(Int(self.firstIndex - min(first.index, self.firstIndex)))
        let start = max(first.index, self.firstIndex)
        precondition(start <= self.lastIndex + 1, "entry \(start) after the log's last, \(self.lastIndex)")
        let replaced = self.position(start)...
        self.bytes += Self.bytes(of: entries) - Self.bytes(of: self.log[replaced])
        self.log.removeSubrange(replaced)
        self.log.append(contentsOf: entries)
    }

    /// Begins anew at a snapshot.
    public func apply(_ snapshot: RaftSnapshot) {
        self.latestSnapshot = snapshot
        self.before = (snapshot.metadata.index, snapshot.metadata.term)
        self.log = []
        (self.head, self.bytes) = (0, 0)
    }

    /// Makes a snapshot at an entry of the log. The log stays.
    public func createSnapshot(at index: UInt64, confState: ConfState, data: [UInt8]) {
        guard index > self.latestSnapshot.metadata.index else { return }
        let metadata = RaftSnapshotMetadata(confState: confState, index: index, term: self.term(at: index))
        self.latestSnapshot = RaftSnapshot(data: data, metadata: metadata)
    }

    /// Lets go of the entries through `index`.
    public func compact(through index: UInt64) {
        guard index > self.before.index else { return }
        let end = self.position(index) + 1
        self.before = (index, self.log[end - 1].term)
        for position in self.head..<end {
            self.bytes -= self.log[position].data.count
            self.log[position] = RaftEntry()
        }
        self.head = end
        if self.head * 2 > self.log.count {
            self.log.removeSubrange(..<self.head)
            self.head = 0
        }
    }

    /// Lets go of the entries through `index` but for the last of them: so many at most, and of so many bytes at most.
    public func compact(through index: UInt64, keeping count: UInt64, bytes limit: Int) {
        var (first, kept) = (index + 1, 0)
        while first > self.firstIndex, index + 1 - first < count {
            kept += self.log[self.position(first - 1)].data.count
            guard kept <= limit else { break }
            first -= 1
        }
        self.compact(through: first - 1)
    }

    private func position(_ index: UInt64) -> Int {
        precondition(index > self.before.index && index <= self.lastIndex + 1, "entry \(index) is not in the log")
        return self.head + Int(index - self.before.index - 1)
    }
}
