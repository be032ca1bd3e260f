import EtcdWire
import Platform
import Testing

@testable import Store

/// The store beside the model, through thousands of requests of every kind.
@Suite struct ModelTests {
    static let options = Store.Options(clusterID: 11, memberID: 22, minimumLeaseTTL: 2)

    @Test(arguments: 0..<40, BackendKind.allCases)
    func storeDoesWhatTheModelDoes(seed: UInt64, kind: BackendKind) throws {
        var operations = Operations(seed: seed)
        var model = Model()
        var store = try Store(backend: kind.make(seed: seed), options: Self.options)
        var uptime = Duration.seconds(100)
        for index in UInt64(1)...400 {
            operations.revision = model.revision
            let operation = operations.next()
            uptime += .milliseconds(operations.roll(300))
            let expected = self.expect(operation, &model, store: store, uptime)
            let result = store.propose(operation, index: index, uptime: uptime)
            #expect(result == expected, "seed \(seed), entry \(index): \(operation)")
            guard result == expected else { return }
            #expect(store.revision == model.revision && store.compactRevision == model.compactRevision)
            if operations.chance(0.1) { try self.compareReads(&operations, model, store, seed) }
            if operations.chance(0.1) { self.compareLeases(&operations, &model, &store, uptime, seed) }
            if operations.chance(0.3) { try store.compactionStep(limit: operations.roll(8)) }
            if operations.chance(0.02) {
                let before = store.description
                store = try Store(backend: try kind.reopen(store), options: Self.options, uptime: uptime)
                #expect(store.description == before, "seed \(seed), entry \(index)")
                for (id, ttl) in model.leases { model.deadlines[id] = uptime + .seconds(ttl) }
            }
        }
        #expect(model.revision > 100, "the requests of seed \(seed) change too little")
    }

    private func expect(
        _ operation: InternalRaftRequest.Operation, _ model: inout Model, store: borrowing Store, _ uptime: Duration
    ) -> Store.ApplyResult {
        do throws(StoreError) {
            // What a well-formed request is, is tested apart.
            try store.validate(operation)
            return .success(try model.apply(operation, uptime: uptime))
        } catch {
            return .failure(error)
        }
    }

    private func compareReads(
        _ operations: inout Operations, _ model: Model, _ store: borrowing Store, _ seed: UInt64
    ) throws {
        let request = operations.range()
        var expected: Result<RangeResponse, StoreError>
        do throws(StoreError) {
            var response = try model.range(request, in: nil, at: model.revision)
            response.header = model.header
            expected = .success(response)
        } catch {
            expected = .failure(error)
        }
        var result: Result<RangeResponse, StoreError>
        do throws(StoreError) { result = .success(try store.range(request)) } catch { result = .failure(error) }
        #expect(result == expected, "seed \(seed): \(request)")

        let txn = operations.txn(depth: 1)
        if Store.isReadOnly(txn) {
            var copy = model
            let expected = self.expect(.txn(txn), &copy, store: store, .zero)
            do throws(StoreError) {
                #expect(.success(.txn(try store.readTxn(txn))) == expected, "seed \(seed): \(txn)")
            } catch {
                #expect(.failure(error) == expected, "seed \(seed): \(txn)")
            }
        }

        let oldest = max(1, model.compactRevision)
        let revision = Int64.random(in: oldest...model.revision, using: &operations.random)
        let hash = try store.hashKV(HashKVRequest(revision: revision))
        #expect(
            hash
                == HashKVResponse(
                    header: model.header, hash: model.hash(at: revision), compactRevision: model.compactRevision,
                    hashRevision: revision),
            "seed \(seed), revision \(revision)")
    }

    private func compareLeases(
        _ operations: inout Operations, _ model: inout Model, _ store: inout Store, _ uptime: Duration, _ seed: UInt64
    ) {
        let id = operations.lease()
        let isAlive = model.deadlines[id].map { $0 > uptime } ?? false
        let kept = store.leaseKeepAlive(LeaseKeepAliveRequest(id: id), uptime: uptime)
        let ttl = isAlive ? model.leases[id] ?? 0 : 0
        #expect(kept == LeaseKeepAliveResponse(header: model.header, id: id, ttl: ttl), "seed \(seed)")
        if isAlive { model.deadlines[id] = uptime + .seconds(ttl) }

        let other = operations.lease()
        let left = store.leaseTimeToLive(LeaseTimeToLiveRequest(id: other, keys: true), uptime: uptime)
        if let ttl = model.leases[other], let deadline = model.deadlines[other] {
            let keys = Model.select(model.current, [0], [0]).filter { $0.lease == other }.map(\.key)
            let seconds = max(.zero, deadline - uptime).components.seconds
            #expect(
                left
                    == LeaseTimeToLiveResponse(
                        header: model.header, id: other, ttl: seconds, grantedTTL: ttl, keys: keys), "seed \(seed)")
        } else {
            #expect(left == LeaseTimeToLiveResponse(header: model.header, id: other, ttl: -1), "seed \(seed)")
        }
        let byEnd = model.deadlines.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        #expect(store.leaseLeases().leases.map(\.id) == byEnd.map(\.key), "seed \(seed)")
        let due = byEnd.prefix { $0.value <= uptime }
        #expect(store.expiredLeases(uptime: uptime, limit: 100) == due.map(\.key), "seed \(seed)")
        #expect(store.nextLeaseDeadline == model.deadlines.values.min(), "seed \(seed)")
    }

    /// Equal entries make equal bytes, whatever was read or watched in between, and whenever compactions went on.
    @Test func equalEntriesMakeEqualRows() throws {
        func run(watching: Bool) throws -> [String: [String]] {
            var operations = Operations(seed: 99)
            let backend = MemoryBackend()
            var store = try Store(backend: backend, options: Self.options)
            for index in UInt64(1)...500 {
                operations.revision = store.revision
                if watching, index % 7 == 0 {
                    _ = store.createWatch(WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 1))
                }
                _ = store.propose(operations.next(), index: index, uptime: .seconds(watching ? Int(index) : 0))
                if watching { _ = try store.nextWatchResponses() }
                if watching, index % 11 == 0 { try store.compactionStep(limit: 3) }
            }
            try store.finishCompaction()
            try store.prepareCommit()
            return try backend.rows()
        }
        #expect(try run(watching: true) == run(watching: false))
    }
}
