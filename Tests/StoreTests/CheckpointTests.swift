import EtcdWire
import Platform
import Testing

@testable import Store

@Suite struct CheckpointTests {
    private func sample(_ seed: UInt64) -> [UInt8] {
        var operations = Operations(seed: seed)
        var store = Store(options: ModelTests.options)
        for index in UInt64(1)...200 {
            operations.revision = store.revision
            _ = store.apply(InternalRaftRequest(operation: operations.next()), index: index, term: 3, uptime: .zero)
        }
        return store.checkpoint()
    }

    @Test func checkpointCarriesEverything() throws {
        var bench = Bench()
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 50, id: 9)))
        for number in 0..<300 { try bench.put("k\(number % 40)", "v\(number)", lease: number % 3 == 0 ? 9 : 0) }
        try bench.delete("k7")
        try bench.apply(.compaction(CompactionRequest(revision: 100)))
        let reopened = try Store(checkpoint: bench.store.checkpoint(), uptime: .seconds(7))
        #expect(reopened.revision == 302 && reopened.compactRevision == 100)
        #expect(reopened.appliedIndex == bench.index && reopened.appliedTerm == 1)
        for revision in [100, 150, 302] as [Int64] {
            let request = RangeRequest(key: [0], rangeEnd: [0], revision: revision)
            #expect(try reopened.range(request) == bench.store.range(request))
            let hash = HashKVRequest(revision: revision)
            #expect(try reopened.hashKV(hash) == bench.store.hashKV(hash))
        }
        let lease = LeaseTimeToLiveRequest(id: 9, keys: true)
        let left = reopened.leaseTimeToLive(lease, uptime: .seconds(7))
        #expect(left.ttl == 50)
        #expect(left.keys == bench.store.leaseTimeToLive(lease, uptime: .zero).keys && !left.keys.isEmpty)
    }

    /// Whatever the bytes, opening them does not trap, and what opens can be used.
    @Test func damagedCheckpointsAreRefused() {
        var random = SeededRandom(seed: 77)
        let samples = (0..<5).map { self.sample(UInt64($0)) }
        var (refused, opened) = (0, 0)
        for round in 0..<4000 {
            var bytes = samples[round % samples.count]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                default: bytes.removeSubrange(place...)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            do throws(CheckpointError) {
                var store = try Store(checkpoint: bytes, options: ModelTests.options, uptime: .zero)
                opened += 1
                _ = store.createWatch(WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 1, prevKv: true))
                while store.hasWatchResponses { _ = store.nextWatchResponses() }
                _ = try? store.hashKV(HashKVRequest())
                let put = InternalRaftRequest(operation: .put(PutRequest(key: Operations.keys[0])))
                guard store.appliedIndex < .max else { continue }
                _ = store.apply(put, index: store.appliedIndex + 1, term: 3, uptime: .zero)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 1000 && opened > 0, "\(refused) refused, \(opened) opened")
    }

    @Test func unsoundCheckpointsAreRefused() throws {
        func refusal(_ bytes: [UInt8]) -> String? {
            do throws(CheckpointError) {
                _ = try Store(checkpoint: bytes, uptime: .zero)
                return nil
            } catch {
                return error.message
            }
        }
        #expect(refusal([]) == "version 0")
        #expect(refusal([0x08, 0x02, 0x10, 0x01]) == "version 2")
        #expect(refusal([0x08, 0x01]) == "revision 0, compacted at 0")
        #expect(refusal(Array(self.sample(1).dropLast())) != nil)
        // Twice the same rows.
        var writer = ProtoWriter()
        writer.bytes(8, [0x08, 0x02, 0x22, 0x00])
        #expect(refusal(self.sample(1) + writer.bytes)?.hasPrefix("row 2.0") == true)
    }
}
