import EmbeddedStore
import EtcdClient
import EtcdWire
import Platform
import Synchronization
import Testing

/// What one watch was told, and a way to wait for more.
final class Events: Sendable {
    private let responses = Mutex<[WatchResponse]>([])
    private let failure = Mutex<EtcdError?>(nil)
    private let task: Task<Void, Never>

    /// - Parameter gate: Awaited in each response's handler.
    init(
        _ store: EmbeddedStore, _ request: WatchCreateRequest,
        gate: @escaping @Sendable (WatchResponse) async -> Void = { _ in }
    ) {
        // The task is started by hand once `self` is whole.
        let start = AsyncStream<Events>.makeStream()
        self.task = Task {
            for await events in start.stream {
                do throws(EtcdError) {
                    try await store.watch(request) { response in
                        events.responses.withLock { $0.append(response) }
                        await gate(response)
                    }
                } catch {
                    events.failure.withLock { $0 = error }
                }
            }
        }
        start.continuation.yield(self)
        start.continuation.finish()
    }

    convenience init(_ store: EmbeddedStore, key: String) {
        self.init(store, WatchCreateRequest(key: bytes(key)))
    }

    var all: [WatchResponse] { self.responses.withLock { $0 } }
    var events: [WatchEvent] { self.all.flatMap(\.events) }
    var values: [String] { self.events.map { String(decoding: $0.kv.value, as: UTF8.self) } }

    func cancel() { self.task.cancel() }

    /// Waits for the watch's end. Nil when the store ended it.
    func end() async -> EtcdError? {
        await self.task.value
        return self.failure.withLock { $0 }
    }

    /// Waits until what was told satisfies a condition. The suite's time limit ends a wait in vain.
    func wait(meanwhile: () -> Void = {}, _ condition: ([WatchResponse]) -> Bool) async throws {
        while !condition(self.all) {
            meanwhile()
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    func waitForEvents(_ count: Int) async throws {
        try await self.wait { $0.reduce(0) { $0 + $1.events.count } >= count }
    }
}

@Suite(.timeLimit(.minutes(5))) struct WatchTests {
    @Test func fromNowAndFromThePast() async throws {
        let store = try await openStore(SimulatedDisk(seed: 1))
        for value in 1...3 { try await store.put("a", "\(value)") }
        let now = Events(store, WatchCreateRequest(key: bytes("a"), prevKv: true))
        let past = Events(store, WatchCreateRequest(key: bytes("a"), startRevision: 3))
        for events in [now, past] { try await events.wait { $0.first?.created == true } }
        try await store.put("a", "4")
        try await store.put("b", "x")
        _ = try await store.deleteRange(DeleteRangeRequest(key: bytes("a")))
        try await now.waitForEvents(2)
        try await past.waitForEvents(4)
        #expect(now.values == ["4", ""])
        #expect(now.events.map { $0.prevKv?.value } == [bytes("3"), bytes("4")])
        #expect(past.values == ["2", "3", "4", ""])
        #expect(past.events.map(\.kv.modRevision) == [3, 4, 5, 7])
        try await store.close()
        #expect(await now.end() == EtcdError(.unavailable, "the embedded store is closed"))
    }

    @Test func prefixAndFilters() async throws {
        let store = try await openStore(SimulatedDisk(seed: 1))
        let request = WatchCreateRequest(key: bytes("p/"), rangeEnd: bytes("p0"), filters: [.noDelete])
        let events = Events(store, request)
        try await events.wait { !$0.isEmpty }
        for key in ["p/1", "q/1", "p/2"] { try await store.put(key, key) }
        _ = try await store.deleteRange(DeleteRangeRequest(key: bytes("p/1")))
        try await store.put("p/3", "p/3")
        try await events.waitForEvents(3)
        #expect(events.values == ["p/1", "p/2", "p/3"])
        try await store.close()
    }

    @Test func compactedHistoryIsSaidSo() async throws {
        let store = try await openStore(SimulatedDisk(seed: 1))
        for value in 1...5 { try await store.put("a", "\(value)") }
        _ = try await store.compact(CompactionRequest(revision: 4))
        let events = Events(store, WatchCreateRequest(key: bytes("a"), startRevision: 2))
        #expect(await events.end() == nil)
        let last = try #require(events.all.last)
        #expect(last.canceled)
        #expect(last.compactRevision == 4)
        #expect(events.events.isEmpty)
        try await store.close()
    }

    @Test func aCanceledTaskEndsItsWatch() async throws {
        let store = try await openStore(SimulatedDisk(seed: 1))
        let events = Events(store, key: "a")
        try await events.wait { !$0.isEmpty }
        events.cancel()
        #expect(await events.end()?.code == .canceled)
        try await store.close()
    }

    @Test func oneChangeReachesAThousandWatches() async throws {
        let store = try await openStore(SimulatedDisk(seed: 1))
        let watches = (0..<1000).map { _ in Events(store, key: "a") }
        for events in watches { try await events.wait { !$0.isEmpty } }
        try await store.put("a", "1")
        for events in watches { try await events.waitForEvents(1) }
        #expect(watches.allSatisfy { $0.values == ["1"] })
        try await store.close()
    }

    /// A watch whose handler is stuck costs the others nothing, and loses nothing itself.
    @Test func aSlowWatchHoldsUpNobody() async throws {
        let store = try await openStore(SimulatedDisk(seed: 1)) { $0.watchQueueLimit = 4 }
        let gate = AsyncStream<Void>.makeStream()
        let opened = Mutex(false)
        let slow = Events(store, WatchCreateRequest(key: bytes("a"))) { response in
            guard !response.created, !opened.withLock({ $0 }) else { return }
            for await _ in gate.stream { break }
            opened.withLock { $0 = true }
        }
        let quick = Events(store, key: "a")
        for events in [slow, quick] { try await events.wait { !$0.isEmpty } }
        for value in 0..<200 { try await store.put("a", "\(value)") }
        try await quick.waitForEvents(200)
        #expect(slow.events.count < 200)
        gate.continuation.yield()
        try await slow.waitForEvents(200)
        #expect(slow.values == (0..<200).map { "\($0)" })
        #expect(slow.values == quick.values)
        try await store.close()
    }

    @Test func progressIsTold() async throws {
        let clock = ManualClock()
        let store = try await openStore(SimulatedDisk(seed: 1), { $0.progressInterval = .seconds(5) }, clock: clock)
        try await store.put("b", "1")
        let events = Events(store, WatchCreateRequest(key: bytes("a"), progressNotify: true))
        let silent = Events(store, key: "a")
        for events in [events, silent] { try await events.wait { !$0.isEmpty } }
        try await store.put("b", "2")
        try await events.wait(meanwhile: { clock.advance(by: .seconds(1)) }) { $0.count > 1 }
        let progress = events.all[1]
        #expect(progress.events.isEmpty)
        #expect(!progress.created && !progress.canceled)
        #expect(progress.header.revision == 3)
        #expect(silent.all.count == 1)
        try await store.close()
    }
}
