import EtcdClient
import EtcdWire
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Store

/// The store beside etcd itself: the same requests, answer by answer, then all of history by hash and by watch.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct DifferentialTests {
    typealias Answer = Result<Store.ApplyResponse, StoreError>

    @Test(arguments: EtcdVersion.enabled, [1, 2] as [UInt64])
    func storeAnswersAsEtcdDoes(version: EtcdVersion, seed: UInt64) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        let connector = GRPCConnector()
        let connection = connector.connect(to: [etcd.clientURL], timeout: .seconds(20))
        do {
            try await self.compare(connection, seed: seed) { connector.forget(etcd.clientURL) }
        } catch {
            await connector.close()
            throw error
        }
        await connector.close()
        etcd.kill()
    }

    /// Orders of keys that no two share a place in, with and without limits.
    @Test(arguments: EtcdVersion.enabled)
    func storeSortsAsEtcdDoes(version: EtcdVersion) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        let connector = GRPCConnector()
        let connection = connector.connect(to: [etcd.clientURL], timeout: .seconds(20))
        var bench = Bench()
        let names = ["d", "b", "e", "a", "c"]
        for (place, name) in names.enumerated() {
            for round in 0...place {
                let put = PutRequest(key: Array(name.utf8), value: Array("\(9 - place) \(round)".utf8))
                try bench.apply(.put(put))
                _ = try await connection.put(put)
            }
        }
        for target in RangeRequest.SortTarget.allCases {
            for order in RangeRequest.SortOrder.allCases {
                for limit in [0, 1, 2, 4, 5, 9] as [Int64] {
                    let request = RangeRequest(key: [0], rangeEnd: [0], limit: limit, sortOrder: order, sortTarget: target)
                    let (mine, theirs) = (try bench.store.range(request), try await connection.range(request))
                    #expect(mine.kvs == theirs.kvs && mine.more == theirs.more, "\(request)")
                }
            }
        }
        await connector.close()
        etcd.kill()
    }

    /// - Parameter reconnect: Called now and then: etcd pings with its answers, and the client's HTTP/2 takes more than 200
    ///   pings in half a minute for an attack.
    private func compare(_ connection: any EtcdConnection, seed: UInt64, reconnect: () -> Void) async throws {
        var operations = Operations(seed: seed)
        var store = Store.inMemory()
        for index in UInt64(1)...400 {
            if index % 100 == 0 { reconnect() }
            operations.revision = store.revision
            let operation = Self.certain(operations.next())
            let result = store.propose(operation, index: index)
            if operations.chance(0.5) { try store.compactionStep(limit: operations.roll(8)) }
            let (mine, theirs) = (Self.plain(result), await Self.answer(of: connection, to: operation))
            #expect(mine == theirs, "seed \(seed), request \(index): \(operation)")
            guard mine == theirs else { return }
        }
        for revision in [store.revision, (store.revision + max(1, store.compactRevision)) / 2 + 1] {
            let request = HashKVRequest(revision: revision)
            let hash = try await connection.hashKV(request)
            let mine = try store.hashKV(request)
            #expect(hash.hash == mine.hash && hash.compactRevision == mine.compactRevision, "seed \(seed), at \(revision)")
        }
        try await self.compareWatches(connection, &store, seed)
    }

    private func compareWatches(_ connection: any EtcdConnection, _ store: inout Store, _ seed: UInt64) async throws {
        let all = WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: store.compactRevision + 1, prevKv: true)
        var requests = [all, all, all]
        requests[1].filters = [.noPut]
        requests[2].filters = [.noDelete]
        requests[2].rangeEnd = [0x62]
        for request in requests {
            _ = store.createWatch(request)
            var mine: [WatchEvent] = []
            while store.hasWatchResponses { mine += try store.nextWatchResponses().flatMap(\.events) }
            #expect(!mine.isEmpty, "seed \(seed)")
            let theirs = try await Self.history(connection, request, until: mine.last?.kv.modRevision ?? 0)
            #expect(theirs == mine, "seed \(seed)")
        }
    }

    /// What etcd tells a watch, up to a revision.
    private static func history(
        _ connection: any EtcdConnection, _ request: WatchCreateRequest, until revision: Int64
    ) async throws -> [WatchEvent] {
        let (responses, continuation) = AsyncStream.makeStream(of: WatchResponse.self)
        let task = Task {
            do {
                try await connection.watch(request) { continuation.yield($0) }
            } catch {}
            continuation.finish()
        }
        var events: [WatchEvent] = []
        for await response in responses {
            events += response.events
            if (events.last?.kv.modRevision ?? 0) >= revision { break }
        }
        task.cancel()
        await task.value
        return events
    }

    /// The request with leases that outlive the test, compactions that are over when they are answered, and no order
    /// between equals, which etcd leaves to chance.
    static func certain(_ operation: InternalRaftRequest.Operation) -> InternalRaftRequest.Operation {
        func certain(_ request: RangeRequest) -> RangeRequest {
            var request = request
            if request.sortTarget != .key { request.sortTarget = .key }
            return request
        }
        func certain(_ request: TxnRequest) -> TxnRequest {
            var request = request
            request.success = request.success.map(certain)
            request.failure = request.failure.map(certain)
            return request
        }
        func certain(_ operation: RequestOp) -> RequestOp {
            switch operation {
            case .range(let request): .range(certain(request))
            case .txn(let request): .txn(certain(request))
            case .put, .deleteRange: operation
            }
        }
        switch operation {
        case .range(let request): return .range(certain(request))
        case .txn(let request): return .txn(certain(request))
        case .leaseGrant(var request):
            if request.ttl < 600 { request.ttl = 600 }
            return .leaseGrant(request)
        case .compaction(var request):
            request.physical = true
            return .compaction(request)
        default: return operation
        }
    }

    static func answer(
        of connection: any EtcdConnection, to operation: InternalRaftRequest.Operation
    ) async -> Answer {
        do throws(EtcdError) {
            switch operation {
            case .range(let request): return Self.plain(.success(.range(try await connection.range(request))))
            case .put(let request): return Self.plain(.success(.put(try await connection.put(request))))
            case .deleteRange(let request):
                return Self.plain(.success(.deleteRange(try await connection.deleteRange(request))))
            case .txn(let request): return Self.plain(.success(.txn(try await connection.txn(request))))
            case .compaction(let request):
                return Self.plain(.success(.compaction(try await connection.compact(request))))
            case .leaseGrant(let request):
                return Self.plain(.success(.leaseGrant(try await connection.leaseGrant(request))))
            case .leaseRevoke(let request):
                return Self.plain(.success(.leaseRevoke(try await connection.leaseRevoke(request))))
            default: preconditionFailure("not drawn")
            }
        } catch {
            return .failure(StoreError(code: error.code.rawValue, message: error.message))
        }
    }

    /// The answer without what tells clusters and members apart.
    private static func plain(_ answer: Answer) -> Answer {
        answer.map { response in
            func plain(_ header: inout ResponseHeader) { header = ResponseHeader(revision: header.revision) }
            switch response {
            case .range(var response):
                plain(&response.header)
                return .range(response)
            case .put(var response):
                plain(&response.header)
                return .put(response)
            case .deleteRange(var response):
                plain(&response.header)
                return .deleteRange(response)
            case .txn(var response):
                plain(&response.header)
                return .txn(response)
            case .compaction(var response):
                plain(&response.header)
                return .compaction(response)
            case .leaseGrant(var response):
                plain(&response.header)
                return .leaseGrant(response)
            case .leaseRevoke(var response):
                plain(&response.header)
                return .leaseRevoke(response)
            default: return response
            }
        }
    }
}
