import EtcdWire
import Platform
import Testing

@testable import Store

@Suite struct WatchTests {
    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func oneChangeReachesAThousandWatchesInOneBatch() throws {
        var bench = Bench()
        var ids: [Int64] = []
        for number in 0..<1000 {
            let request =
                number % 2 == 0
                ? WatchCreateRequest(key: self.key("/a/"), rangeEnd: self.key("/a0"))
                : WatchCreateRequest(key: self.key("/a/k"))
            ids.append(bench.store.createWatch(request).watchID)
        }
        try bench.put("/a/k", "v")
        let responses = try bench.store.nextWatchResponses()
        #expect(Set(responses.map(\.watchID)) == Set(ids) && responses.count == 1000)
        #expect(responses.allSatisfy { $0.events.count == 1 && $0.events[0].kv.value == self.key("v") })
        #expect(bench.store.hasWatchResponses == false)
        try bench.put("/b", "v")
        #expect(bench.store.hasWatchResponses == false)
    }

    @Test func refusals() {
        var store = Store.inMemory()
        let compacted = "etcdserver: mvcc: required revision has been compacted"
        let negative = store.createWatch(WatchCreateRequest(key: [1], startRevision: -1))
        #expect(negative.created && negative.canceled && negative.watchID == -1 && negative.cancelReason == compacted)
        #expect(store.createWatch(WatchCreateRequest(key: [1], watchID: 9)).watchID == 9)
        let second = store.createWatch(WatchCreateRequest(key: [1], watchID: 9))
        #expect(second.created && second.canceled && second.watchID == -1)
        #expect(second.cancelReason == "mvcc: duplicate watch ID provided on the WatchStream")
        #expect(store.cancelWatch(9)?.canceled == true)
        #expect(store.cancelWatch(9) == nil)
        #expect(store.watchCount == 0)
        store.pauseWatch(9)
        store.resumeWatch(9)
        #expect(store.watchProgress(9) == nil)
    }

    /// A watch with far to go does not keep one with little to go waiting.
    @Test func longHistoryIsReadInTurns() throws {
        var bench = Bench()
        for number in 0..<5000 { try bench.put("/long/\(number % 100)") }
        let long = bench.store.createWatch(WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 2)).watchID
        let short = bench.store.createWatch(WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 5000)).watchID
        let first = try bench.store.nextWatchResponses()
        #expect(first.map(\.watchID) == [long, short])
        #expect(first[0].events.count < 2000 && first[1].events.count == 2)
        #expect(first[0].header.revision == first[0].events.last?.kv.modRevision)
        #expect(bench.store.watchProgress(long) == nil && bench.store.watchProgress(short) != nil)
        var events = first[0].events
        // Changes made meanwhile come after what is still missing.
        try bench.put("/now")
        while bench.store.hasWatchResponses {
            for response in try bench.store.nextWatchResponses() where response.watchID == long { events += response.events }
        }
        #expect(events.map(\.kv.modRevision) == Array(2...5002))
    }

    @Test func pausedWatchIsCanceledWhenItsHistoryIsGone() throws {
        var bench = Bench()
        let id = bench.store.createWatch(WatchCreateRequest(key: self.key("k"))).watchID
        try bench.put("k", "1")
        bench.store.pauseWatch(id)
        #expect(try bench.store.nextWatchResponses().isEmpty)
        try bench.put("k", "2")
        try bench.put("k", "3")
        try bench.apply(.compaction(CompactionRequest(revision: 3)))
        #expect(bench.store.hasWatchResponses == false)
        bench.store.resumeWatch(id)
        let responses = try bench.store.nextWatchResponses()
        #expect(responses.count == 1 && responses[0].canceled && responses[0].compactRevision == 3)
        #expect(responses[0].watchID == id && bench.store.watchCount == 0)
    }

    /// A pause before its first revision does not bring a watch to that revision any sooner.
    @Test func watchOfTheFutureWaitsForIt() throws {
        var bench = Bench()
        let id = bench.store.createWatch(WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 5)).watchID
        #expect(bench.store.watchProgress(id)?.header.revision == 1)
        bench.store.pauseWatch(id)
        bench.store.resumeWatch(id)
        for name in ["a", "b", "c", "d", "e"] { try bench.put(name) }
        let events = try bench.store.nextWatchResponses().flatMap(\.events)
        #expect(events.map(\.kv.modRevision) == [5, 6])
    }

    /// History can be watched from the compacted revision itself, deletions included.
    @Test func watchFromTheCompactedRevision() throws {
        var bench = Bench()
        try bench.put("a")
        try bench.put("b")
        try bench.delete("a")
        try bench.put("c")
        try bench.apply(.compaction(CompactionRequest(revision: 4)))
        _ = bench.store.createWatch(WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 4, prevKv: true))
        let events = try bench.store.nextWatchResponses().flatMap(\.events)
        #expect(events.map(\.kv.modRevision) == [4, 5])
        #expect(events.first?.type == .delete && events.first?.prevKv == nil)
    }
}
