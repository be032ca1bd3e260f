internal import NIOCore

/// Names a stream of a connection for as long as the connection lasts: its slot is used again, with a new generation.
struct StreamKey: Hashable, Sendable {
    var slot: UInt32
    var generation: UInt32
}

/// What a connection knows of an open stream.
struct HTTP2Stream {
    /// 0 while the slot is free.
    var id: UInt32 = 0
    var generation: UInt32 = 0
    /// The peer has sent END_STREAM.
    var isRemoteClosed = false
    /// Our side is to end: the trailers are in `trailers` or sent.
    var isEnding = false
    var isInReadyQueue = false
    /// Whether its owner is told when less waits on it.
    var reportsDraining = false
    /// The last buffer of `queue` is shared with nobody and may be added to.
    var isTailOurs = false
    /// What we may send. Negative when the peer has taken back more than was left.
    var sendWindow = 0
    /// What the peer may send.
    var receiveWindow = 0
    /// Bytes consumed of which the peer has not been told.
    var uncredited = 0
    /// From the `content-length` field; what is still to come of it.
    var contentLeft: Int?
    /// Message bytes that wait for a window, oldest first.
    var queue: [ByteBuffer] = []
    /// Bytes in `queue`.
    var queued = 0
    /// What follows the queue: the header block that ends the stream.
    var trailers: [UInt8]?
}

/// The open streams of a connection: slots in an array, found by stream id through an open-addressed table.
struct StreamTable {
    private(set) var slots: [HTTP2Stream] = []
    private var free: [UInt32] = []
    private(set) var count = 0
    /// Slot + 1 by hash of the id; 0 where there is none. A power of two, at most half full.
    private var index: [UInt32] = [UInt32](repeating: 0, count: 16)

    subscript(_ slot: Int) -> HTTP2Stream {
        get { self.slots[slot] }
        _modify { yield &self.slots[slot] }
    }

    func key(_ slot: Int) -> StreamKey {
        StreamKey(slot: UInt32(slot), generation: self.slots[slot].generation)
    }

    /// The slot that a key names, unless its stream has ended.
    func slot(_ key: StreamKey) -> Int? {
        let slot = Int(key.slot)
        guard slot < self.slots.count, self.slots[slot].generation == key.generation, self.slots[slot].id != 0 else {
            return nil
        }
        return slot
    }

    func find(_ id: UInt32) -> Int? {
        var place = self.place(of: id)
        while self.index[place] != 0 {
            let slot = Int(self.index[place] - 1)
            if self.slots[slot].id == id { return slot }
            place = (place + 1) & (self.index.count - 1)
        }
        return nil
    }

    mutating func open(_ id: UInt32, sendWindow: Int, receiveWindow: Int) -> Int {
        precondition(id != 0, "stream 0 is the connection")
        if self.free.isEmpty {
            self.free.append(UInt32(self.slots.count))
            self.slots.append(HTTP2Stream())
        }
        let slot = Int(self.free.removeLast())
        self.slots[slot].id = id
        self.slots[slot].sendWindow = sendWindow
        self.slots[slot].receiveWindow = receiveWindow
        self.count += 1
        if self.count * 2 > self.index.count { self.grow() } else { self.insert(id, slot) }
        return slot
    }

    mutating func close(_ slot: Int) {
        let id = self.slots[slot].id
        precondition(id != 0, "the stream is closed already")
        self.remove(id)
        let generation = self.slots[slot].generation
        self.slots[slot] = HTTP2Stream()
        self.slots[slot].generation = generation &+ 1
        self.free.append(UInt32(slot))
        self.count -= 1
    }

    private func place(of id: UInt32) -> Int {
        Int(truncatingIfNeeded: id >> 1) & (self.index.count - 1)
    }

    private mutating func insert(_ id: UInt32, _ slot: Int) {
        var place = self.place(of: id)
        while self.index[place] != 0 { place = (place + 1) & (self.index.count - 1) }
        self.index[place] = UInt32(slot) + 1
    }

    private mutating func grow() {
        self.index = [UInt32](repeating: 0, count: self.index.count * 2)
        for slot in self.slots.indices where self.slots[slot].id != 0 { self.insert(self.slots[slot].id, slot) }
    }

    /// Takes an id out and moves those behind it up, so that no search ends early.
    private mutating func remove(_ id: UInt32) {
        let mask = self.index.count - 1
        var hole = self.place(of: id)
        while self.slots[Int(self.index[hole] - 1)].id != id { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while self.index[next] != 0 {
            let home = self.place(of: self.slots[Int(self.index[next] - 1)].id)
            // It may move up unless its home lies between the hole and where it is.
            if (next &- home) & mask >= (next &- hole) & mask {
                self.index[hole] = self.index[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        self.index[hole] = 0
    }
}

/// The streams that ended last. A frame for one of them may have been on its way when it ended.
struct RecentStreams {
    private static let capacity = 256
    private var ids: [UInt32] = []
    private var byUs: [Bool] = []
    private var next = 0

    /// - Parameter byUs: Whether we reset it, so that the peer may not know yet.
    mutating func insert(_ id: UInt32, byUs: Bool) {
        if self.ids.count < Self.capacity {
            self.ids.append(id)
            self.byUs.append(byUs)
        } else {
            self.ids[self.next] = id
            self.byUs[self.next] = byUs
            self.next = (self.next + 1) % Self.capacity
        }
    }

    /// Nil when it is none of them.
    func wasByUs(_ id: UInt32) -> Bool? {
        self.ids.lastIndex(of: id).map { self.byUs[$0] }
    }
}
