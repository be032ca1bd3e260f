import EtcdWire
import Raft

/// All that happens in a run comes from these dice, and so from its seed (SplitMix64).
struct Dice {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ limit: Int) -> Int {
        Int(self.next() % UInt64(limit))
    }

    mutating func chance(_ percent: Int) -> Bool {
        self.below(100) < percent
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[self.below(elements.count)]
    }
}

/// A disk that forgets, in a crash, what was not made durable.
final class SimulatedDisk: RaftStorage {
    struct Content {
        var hardState = HardState()
        var snapshot = RaftSnapshot()
        /// What the log begins after.
        var base: (index: UInt64, term: UInt64) = (0, 0)
        var entries: [RaftEntry] = []

        var lastIndex: UInt64 { self.base.index + UInt64(self.entries.count) }

        func entry(at index: UInt64) -> RaftEntry? {
            guard index > self.base.index, index <= self.lastIndex else { return nil }
            return self.entries[Int(index - self.base.index) - 1]
        }

        /// Whether an entry is in the log, or in the snapshot.
        func holds(_ index: UInt64, term: UInt64) -> Bool {
            index <= self.snapshot.metadata.index || self.entry(at: index)?.term == term
        }
    }

    private(set) var written = Content()
    private(set) var durable = Content()
    /// Makes a snapshot of what is applied now.
    var makeSnapshot: () -> RaftSnapshot? = { nil }

    func store(_ entries: ArraySlice<RaftEntry>, _ hardState: HardState?, _ snapshot: RaftSnapshot?) {
        if let hardState { self.written.hardState = hardState }
        if let snapshot {
            self.written.snapshot = snapshot
            self.written.base = (snapshot.metadata.index, snapshot.metadata.term)
            self.written.entries = []
        }
        guard let first = entries.first?.index else { return }
        // What was compacted meanwhile is committed, and cannot differ.
        let kept = entries.drop { $0.index <= self.written.base.index }
        let position = max(first, self.written.base.index + 1) - self.written.base.index - 1
        self.written.entries.removeSubrange(Int(position)...)
        self.written.entries += kept
    }

    func sync() {
        self.durable = self.written
    }

    func crash() {
        self.written = self.durable
    }

    func saveSnapshot(_ snapshot: RaftSnapshot) {
        self.written.snapshot = snapshot
        self.sync()
    }

    func compact(through index: UInt64) {
        guard let entry = self.written.entry(at: index), index <= self.durable.snapshot.metadata.index else { return }
        self.written.entries.removeFirst(Int(index - self.written.base.index))
        self.written.base = (index, entry.term)
        self.sync()
    }

    /// A disk that is not what it should be.
    func damage(_ change: (inout Content) -> Void) {
        change(&self.written)
        self.sync()
    }

    var initialState: (hardState: HardState, confState: ConfState) {
        (self.written.hardState, self.written.snapshot.metadata.confState)
    }

    var firstIndex: UInt64 { self.written.base.index + 1 }
    var lastIndex: UInt64 { self.written.lastIndex }

    func term(at index: UInt64) -> UInt64 {
        self.written.entry(at: index)?.term ?? self.written.base.term
    }

    func entries(from start: UInt64, to end: UInt64, maxBytes: UInt64) -> ArraySlice<RaftEntry> {
        var size = 0
        let lower = Int(start - self.written.base.index) - 1
        let found = self.written.entries[lower..<(lower + Int(end - start))]
        let fitting = found.prefix { entry in
            defer { size += entry.encoded().count }
            return size == 0 || size + entry.encoded().count <= maxBytes
        }
        return fitting
    }

    func snapshot() -> RaftSnapshot? {
        self.makeSnapshot()
    }
}
