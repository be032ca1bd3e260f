internal import EtcdWire
@testable internal import Member
internal import Store
internal import Testing

@Suite("Watch streams")
struct WatchStreamsTests {
    private struct World: ~Copyable {
        var store: Store
        var streams: WatchStreams
        private var index: UInt64 = 0

        init(fragmentBytes: Int = 1 << 20) throws {
            self.store = try Store(backend: MemoryBackend())
            self.streams = WatchStreams(progressInterval: .seconds(10), fragmentBytes: fragmentBytes)
        }

        mutating func put(_ key: String, _ value: String = "v") throws {
            try self.txn([.put(PutRequest(key: Array(key.utf8), value: Array(value.utf8)))])
        }

        mutating func txn(_ operations: [RequestOp]) throws {
            try self.apply(.txn(TxnRequest(success: operations)))
        }

        mutating func apply(_ operation: InternalRaftRequest.Operation) throws {
            self.index += 1
            _ = try self.store.apply(InternalRaftRequest(operation: operation), index: self.index, term: 1, uptime: .zero)
                .get()
        }

        mutating func say(_ request: WatchRequest, on stream: UInt64) -> [WatchResponse] {
            self.streams.receive(request, on: StreamID(raw: stream), &self.store).map(\.response)
        }

        mutating func create(_ key: String, on stream: UInt64, id: Int64 = 0, from revision: Int64 = 0) -> WatchResponse? {
            let request = WatchCreateRequest(key: Array(key.utf8), startRevision: revision, watchID: id, fragment: true)
            return self.say(.create(request), on: stream).first
        }

        /// Which watches are told how far they are.
        mutating func tick(_ uptime: Duration) -> [Int64] {
            self.streams.tick(self.store, uptime: uptime).map(\.response.watchID)
        }

        /// Everything there is to tell, by stream.
        mutating func take() throws -> [UInt64: [WatchResponse]] {
            var all: [UInt64: [WatchResponse]] = [:]
            repeat {
                for message in try self.streams.take(&self.store) {
                    all[message.stream.raw, default: []].append(message.response)
                }
            } while self.store.hasWatchResponses
            return all
        }
    }

    @Test("Each stream counts its watches from 0, and hears of its own alone")
    func ids() throws {
        var world = try World()
        for stream in [1, 2] as [UInt64] { world.streams.open(StreamID(raw: stream)) }
        #expect(world.create("a", on: 1)?.watchID == 0)
        #expect(world.create("b", on: 1)?.watchID == 1)
        #expect(world.create("b", on: 2)?.watchID == 0)
        try world.put("b")
        let told = try world.take()
        #expect(told[1]?.map(\.watchID) == [1] && told[2]?.map(\.watchID) == [0])
        #expect(told[1]?.first?.events.map(\.kv.key) == [Array("b".utf8)])
    }

    @Test("An id that is taken is refused, and one that was given up is free")
    func duplicate() throws {
        var world = try World()
        world.streams.open(StreamID(raw: 1))
        #expect(world.create("a", on: 1, id: 5)?.created == true)
        let refused = world.create("a", on: 1, id: 5)
        #expect(refused?.created == true && refused?.canceled == true && refused?.watchID == -1)
        #expect(refused?.cancelReason == "mvcc: duplicate watch ID provided on the WatchStream")
        let canceled = world.say(.cancel(WatchCancelRequest(watchID: 5)), on: 1)
        #expect(canceled.map(\.canceled) == [true] && canceled.map(\.watchID) == [5])
        #expect(world.say(.cancel(WatchCancelRequest(watchID: 5)), on: 1).isEmpty)
        #expect(world.create("a", on: 1, id: 5)?.canceled == false)
    }

    @Test("A stream that is paused loses nothing")
    func paused() throws {
        var world = try World()
        let stream = StreamID(raw: 1)
        world.streams.open(stream)
        _ = world.create("a", on: 1)
        try world.put("a", "1")
        world.streams.pause(stream, &world.store)
        try world.put("a", "2")
        _ = world.create("a", on: 1, from: 2)
        #expect(try world.take().isEmpty)
        world.streams.resume(stream, &world.store)
        let told = try world.take()[1] ?? []
        for watch in [0, 1] as [Int64] {
            let values = told.filter { $0.watchID == watch }.flatMap(\.events).map {
                String(decoding: $0.kv.value, as: UTF8.self)
            }
            #expect(values == ["1", "2"])
        }
    }

    @Test("A watch of what was compacted ends with the revision, and without a reason")
    func compacted() throws {
        var world = try World()
        world.streams.open(StreamID(raw: 1))
        for value in 1...4 { try world.put("a", "\(value)") }
        try world.apply(.compaction(CompactionRequest(revision: 4)))
        #expect(world.create("a", on: 1, from: 2)?.canceled == false)
        let told = try world.take()[1] ?? []
        #expect(told.map(\.canceled) == [true] && told.map(\.compactRevision) == [4] && told.map(\.cancelReason) == [""])
        #expect(world.say(.cancel(WatchCancelRequest(watchID: 0)), on: 1).isEmpty)
    }

    @Test("One revision's events are cut only where the client allows it, and every part but the last says so")
    func fragments() throws {
        var world = try World(fragmentBytes: 300)
        world.streams.open(StreamID(raw: 1))
        let all = WatchCreateRequest(key: [0], rangeEnd: [0], fragment: true)
        let whole = WatchCreateRequest(key: [0], rangeEnd: [0])
        _ = world.say(.create(all), on: 1)
        _ = world.say(.create(whole), on: 1)
        try world.txn((0..<10).map { .put(PutRequest(key: Array("k\($0)".utf8), value: [UInt8](repeating: 1, count: 100))) })
        let told = try world.take()[1] ?? []
        let parts = told.filter { $0.watchID == 0 }
        #expect(parts.count == 10 && parts.map(\.fragment) == Array(repeating: true, count: 9) + [false])
        #expect(parts.flatMap(\.events) == told.filter { $0.watchID == 1 }.flatMap(\.events))
        #expect(told.count { $0.watchID == 1 } == 1)
    }

    @Test("Progress on request waits until each watch of the stream was told everything")
    func progressOnRequest() throws {
        var world = try World()
        world.streams.open(StreamID(raw: 1))
        for value in 1...3 { try world.put("a", "\(value)") }
        _ = world.create("a", on: 1, from: 2)
        #expect(world.say(.progress(WatchProgressRequest()), on: 1).isEmpty)
        let told = try world.take()[1] ?? []
        #expect(told.last?.watchID == -1 && told.last?.header.revision == 4 && told.dropLast().flatMap(\.events).count == 3)
        #expect(world.say(.progress(WatchProgressRequest()), on: 1).map(\.watchID) == [-1])
    }

    @Test("Progress by itself, to quiet watches that asked for it")
    func progress() throws {
        var world = try World()
        world.streams.open(StreamID(raw: 1))
        for (key, notify) in [("a", true), ("b", true), ("c", false)] {
            _ = world.say(.create(WatchCreateRequest(key: Array(key.utf8), progressNotify: notify)), on: 1)
        }
        #expect(world.tick(.zero).isEmpty)
        try world.put("a")
        _ = try world.take()
        #expect(world.tick(.seconds(9)).isEmpty)
        #expect(world.tick(.seconds(10)) == [1])
        #expect(world.tick(.seconds(20)) == [0, 1])
    }

    @Test("A closed stream leaves no watch behind")
    func close() throws {
        var world = try World()
        world.streams.open(StreamID(raw: 1))
        for key in ["a", "b"] { _ = world.create(key, on: 1) }
        world.streams.close(StreamID(raw: 1), &world.store)
        let left = world.store.watchCount
        #expect(left == 0)
        try world.put("a")
        #expect(try world.take().isEmpty)
    }
}
