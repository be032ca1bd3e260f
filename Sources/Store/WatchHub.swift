internal import EtcdWire

/// One open watch: a place in the history, and what is to be told of it.
struct Watcher: Sendable {
    /// How the watch gets its events.
    enum State: Sendable {
        /// It was told everything, and is told of each change as it is made.
        case synced
        /// It is read from history, a share at a time.
        case behind
        /// Its receiver is not ready.
        case paused
    }

    let id: Int64
    let range: KeyRange
    let withoutPuts: Bool
    let withoutDeletions: Bool
    let prevKv: Bool
    var state = State.behind
    /// Everything before this revision was told, or is not wanted.
    var cursor: Int64
    /// Events of changes just made, not yet taken. Only while synced.
    var pending: [WatchEvent] = []
    var isQueued = false

    func wants(_ row: RowID) -> Bool {
        row.main >= self.cursor && !(row.isTombstone ? self.withoutDeletions : self.withoutPuts)
    }
}

/// The open watches, and who is to be told of which key.
struct WatchHub: Sendable {
    private var slots: [Watcher?] = []
    private var free: [Int] = []
    /// Looked up, never iterated: its order is no one's.
    private var slotByID: [Int64: Int] = [:]
    private var nextID: Int64 = 1
    /// The synced watches of single keys. Looked up, never iterated.
    private var singles: [Key: [Int]] = [:]
    /// The synced watches of ranges.
    private var ranges = IntervalTree()
    /// Synced watches that have something pending, in the order in which they got it.
    private(set) var told: [Int] = []
    /// Watches behind, in the order in which they are served.
    private var queue: [Int64] = []
    private var queueHead = 0
    private(set) var count = 0

    var queued: Int {
        self.queue.count - self.queueHead
    }

    subscript(slot: Int) -> Watcher? {
        self.slots[slot]
    }

    func slot(of id: Int64) -> Int? {
        self.slotByID[id]
    }

    mutating func update<Result>(_ slot: Int, _ body: (inout Watcher) -> Result) -> Result? {
        guard self.slots[slot] != nil else { return nil }
        return body(&self.slots[slot]!)
    }

    /// An id that no watch has.
    mutating func makeID() -> Int64 {
        while self.slotByID[self.nextID] != nil { self.nextID += 1 }
        defer { self.nextID += 1 }
        return self.nextID
    }

    mutating func insert(_ watcher: Watcher) -> Int {
        let slot: Int
        if let reused = self.free.popLast() {
            slot = reused
            self.slots[slot] = watcher
        } else {
            slot = self.slots.count
            self.slots.append(watcher)
        }
        self.slotByID[watcher.id] = slot
        self.count += 1
        return slot
    }

    mutating func remove(_ slot: Int) {
        guard let watcher = self.slots[slot] else { return }
        if watcher.state == .synced { self.unregister(slot, watcher.range) }
        self.slotByID[watcher.id] = nil
        self.slots[slot] = nil
        self.free.append(slot)
        self.count -= 1
    }

    /// Moves a watch from one state to another. Who leaves `synced` must have its cursor set first.
    mutating func setState(of slot: Int, to state: Watcher.State) {
        guard let watcher = self.slots[slot], watcher.state != state else { return }
        if watcher.state == .synced { self.unregister(slot, watcher.range) }
        self.slots[slot]?.state = state
        switch state {
        case .synced: self.register(slot, watcher.range)
        case .behind: self.enqueue(slot)
        case .paused: break
        }
    }

    /// Puts a watch behind at the end of the queue.
    mutating func enqueue(_ slot: Int) {
        guard let watcher = self.slots[slot], !watcher.isQueued else { return }
        self.slots[slot]?.isQueued = true
        self.queue.append(watcher.id)
    }

    /// The watch behind that waited longest, or nil when that one is gone or behind no more.
    mutating func dequeue() -> Int? {
        guard self.queueHead < self.queue.count else { return nil }
        let id = self.queue[self.queueHead]
        self.queueHead += 1
        if self.queueHead == self.queue.count {
            self.queue.removeAll(keepingCapacity: true)
            self.queueHead = 0
        } else if self.queueHead > 1024, self.queueHead * 2 > self.queue.count {
            self.queue.removeSubrange(0..<self.queueHead)
            self.queueHead = 0
        }
        guard let slot = self.slotByID[id] else { return nil }
        self.slots[slot]?.isQueued = false
        return self.slots[slot]?.state == .behind ? slot : nil
    }

    /// The synced watches of a key.
    func matches(_ key: Key) -> [Int] {
        var slots = self.singles[key] ?? []
        self.ranges.forEach(holding: key) { slots.append($0) }
        return slots
    }

    mutating func tell(_ slot: Int, _ event: WatchEvent) {
        if self.slots[slot]?.pending.isEmpty == true { self.told.append(slot) }
        self.slots[slot]?.pending.append(event)
    }

    /// Leaves nothing to what was just changed: every synced watch reads on from what it was told last.
    mutating func fallBehind(after revision: Int64) {
        self.told = []
        for slot in self.slots.indices {
            guard var watcher = self.slots[slot], watcher.state == .synced else { continue }
            watcher.cursor = watcher.pending.first?.kv.modRevision ?? max(watcher.cursor, revision + 1)
            watcher.pending = []
            self.slots[slot] = watcher
            self.setState(of: slot, to: .behind)
        }
    }

    mutating func takeTold() -> [Int] {
        defer { self.told = [] }
        return self.told
    }

    private mutating func register(_ slot: Int, _ range: KeyRange) {
        if range.isSingle { self.singles[range.start, default: []].append(slot) } else { self.ranges.insert(range, slot) }
    }

    private mutating func unregister(_ slot: Int, _ range: KeyRange) {
        guard range.isSingle else {
            self.ranges.remove(range, slot)
            return
        }
        var slots = self.singles[range.start] ?? []
        slots.removeAll { $0 == slot }
        self.singles[range.start] = slots.isEmpty ? nil : slots
    }
}
