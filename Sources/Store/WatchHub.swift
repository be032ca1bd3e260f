internal import EtcdWire
internal import Platform

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
    /// Of a single key: the list of that key's watches, and where it stands among those that are synced.
    var list = 0
    var place = 0

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
    /// The watches of one key: how many there are, and those that are synced.
    private struct KeyList {
        var count = 0
        var synced: [Int] = []
    }
    /// Where the watches of a single key are in `lists`. Looked up, never iterated.
    private var singles: [Key: Int] = [:]
    private var lists: [KeyList] = []
    private var freeLists: [Int] = []
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

    /// Whether a watch wants what was there before a row as well; nil when it does not want to hear of the row.
    func wantsPrevious(_ slot: Int, of row: RowID) -> Bool? {
        guard self.slots[slot]?.wants(row) == true else { return nil }
        return self.slots[slot]?.prevKv
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
        if watcher.range.isSingle {
            let list = self.join(watcher.range.start)
            self.slots[slot]?.list = list
        }
        self.slotByID[watcher.id] = slot
        self.count += 1
        return slot
    }

    private mutating func join(_ key: Key) -> Int {
        let list: Int
        if let known = self.singles[key] {
            list = known
        } else {
            list = self.freeLists.popLast() ?? self.lists.count
            if list == self.lists.count { self.lists.append(KeyList()) }
            self.singles[key] = list
        }
        self.lists[list].count += 1
        return list
    }

    private mutating func leave(_ list: Int, _ key: Key) {
        self.lists[list].count -= 1
        guard self.lists[list].count == 0 else { return }
        self.lists[list] = KeyList()
        self.singles[key] = nil
        self.freeLists.append(list)
    }

    mutating func remove(_ slot: Int) {
        guard let watcher = self.slots[slot] else { return }
        if watcher.state == .synced { self.unregister(slot) }
        if watcher.range.isSingle { self.leave(watcher.list, watcher.range.start) }
        self.slotByID[watcher.id] = nil
        self.slots[slot] = nil
        self.free.append(slot)
        self.count -= 1
    }

    /// Moves a watch from one state to another. Who leaves `synced` must have its cursor set first.
    mutating func setState(of slot: Int, to state: Watcher.State) {
        guard let former = self.slots[slot]?.state, former != state else { return }
        if former == .synced { self.unregister(slot) }
        self.slots[slot]?.state = state
        switch state {
        case .synced: self.register(slot)
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
        var slots = self.singles[key].map { self.lists[$0].synced } ?? []
        self.ranges.forEach(holding: key) { slots.append($0) }
        return slots
    }

    mutating func tell(_ slot: Int, _ announcement: inout Announcement) {
        guard self.slots[slot] != nil else { return }
        if self.slots[slot]!.pending.isEmpty { self.told.append(slot) }
        announcement.join(&self.slots[slot]!.pending)
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

    private mutating func register(_ slot: Int) {
        guard let watcher = self.slots[slot] else { return }
        guard watcher.range.isSingle else { return self.ranges.insert(watcher.range, slot) }
        let place = self.lists[watcher.list].synced.count
        self.slots[slot]?.place = place
        self.lists[watcher.list].synced.append(slot)
    }

    /// The last watch of the key takes the place of the one that leaves: ten thousand leave one key in as many steps.
    private mutating func unregister(_ slot: Int) {
        guard let watcher = self.slots[slot] else { return }
        guard watcher.range.isSingle else { return self.ranges.remove(watcher.range, slot) }
        guard let last = self.lists[watcher.list].synced.popLast(), last != slot else { return }
        self.lists[watcher.list].synced[watcher.place] = last
        self.slots[last]?.place = watcher.place
    }
}

/// One event on its way to many watches. Lists of events that shared their storage before share it after, so that an event
/// costs each watch a reference, and is encoded once for all of them.
struct Announcement {
    let event: WatchEvent
    private let alone: [WatchEvent]
    /// Where the list was that was joined last, and what became of it.
    private var last: (storage: UInt, list: [WatchEvent])?

    init(_ event: WatchEvent) {
        (self.event, self.alone) = (event, [event])
    }

    /// To be called once for each watch: only then are all lists still to come as old as this announcement, so that an
    /// address among them is that of one storage, though nothing here holds it.
    mutating func join(_ list: inout [WatchEvent]) {
        if list.isEmpty {
            list = self.alone
            return
        }
        let storage = list.storage
        if let last, last.storage == storage {
            list = last.list
            return
        }
        list.append(self.event)
        self.last = (storage, list)
    }
}
