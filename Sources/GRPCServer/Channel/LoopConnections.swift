internal import NIOCore

/// A connection as its event loop keeps it, whatever it speaks.
protocol LoopConnection: AnyObject {
    /// Takes no new requests, and closes when those under way are done.
    func drain()
    func close()
    /// About a second has passed.
    func tick(_ now: NIODeadline)
}

/// The connections of one event loop, each in a place of its own. Never leaves its loop.
final class LoopConnections {
    private struct Slot {
        var generation: UInt32 = 0
        var connection: (any LoopConnection)?
        /// The same, where it speaks gRPC.
        var rpc: RPCHandler?
    }

    let number: UInt32
    let counter: CallCounter
    private var slots: [Slot] = []
    private var free: [Int] = []
    /// The places that have been given answers since they were last flushed.
    private var touched: [Int] = []
    private var isDraining = false

    /// - Parameter methods: How many the server has.
    init(number: UInt32, methods: Int) {
        self.number = number
        self.counter = CallCounter(methods: methods)
    }

    func add(_ connection: any LoopConnection) -> RPCConnection.Place {
        if self.free.isEmpty {
            self.free.append(self.slots.count)
            self.slots.append(Slot())
        }
        let index = self.free.removeLast()
        self.slots[index].connection = connection
        return RPCConnection.Place(
            loop: self.number, connection: UInt32(index), generation: self.slots[index].generation)
    }

    /// What stands in a place turns out to be this.
    func replace(_ place: RPCConnection.Place, _ connection: any LoopConnection) {
        let index = Int(place.connection)
        guard self.slots[index].generation == place.generation, self.slots[index].connection != nil else { return }
        self.slots[index].connection = connection
        self.slots[index].rpc = connection as? RPCHandler
        if self.isDraining { connection.drain() }
    }

    func remove(_ place: RPCConnection.Place) {
        let index = Int(place.connection)
        guard self.slots[index].generation == place.generation, self.slots[index].connection != nil else { return }
        self.slots[index] = Slot(generation: place.generation &+ 1)
        self.free.append(index)
    }

    /// Hands answers to their connections, and then lets each send all it has at once.
    func answer(_ parts: [ReplyBatch.Part]) {
        for part in parts {
            for entry in part.entries {
                let index = Int(entry.call.connection)
                guard index < self.slots.count, self.slots[index].generation == entry.call.connectionGeneration,
                    let rpc = self.slots[index].rpc
                else {
                    if case .message(let stream) = entry.kind { stream.arrived(entry.count) }
                    continue
                }
                if rpc.answer(entry, part.arena) { self.touched.append(index) }
            }
        }
        for index in self.touched {
            let rpc = self.slots[index].rpc
            rpc?.flushAnswers()
        }
        self.touched.removeAll(keepingCapacity: true)
    }

    func drain() {
        self.isDraining = true
        for connection in self.slots.compactMap(\.connection) { connection.drain() }
    }

    func closeAll() {
        for connection in self.slots.compactMap(\.connection) { connection.close() }
    }

    func tick() {
        let now = NIODeadline.now()
        for connection in self.slots.compactMap(\.connection) { connection.tick(now) }
    }
}
