import EtcdWire
import Platform
import Simulation
import Store
import Testing

/// The model of etcd against the store that is itself compared to etcd: one client, so that each answer has one state.
@Suite("The model of etcd")
struct ModelAgainstStoreTests {
    static let count = environmentNumber("QUORATE_HISTORIES", default: 1000) / 5

    @Test("Each answer of the store is the model's")
    func sameAnswers() throws {
        for seed in 0..<UInt64(Self.count) {
            var random = SeededRandom(seed: seed)
            var store = try Store(backend: MemoryBackend())
            var requests = WideRequests()
            var history = OperationHistory<EtcdRequest, EtcdReply>()
            for index in 1...60 {
                let request = requests.next(&random, revision: store.revision)
                guard (try? store.validate(request.operation)) != nil else { continue }
                let number = history.invoke(client: 1, request)
                let applied = store.apply(
                    InternalRaftRequest(operation: request.operation), index: UInt64(index), term: 1, uptime: .zero)
                history.complete(number, try Self.reply(applied))
            }
            let verdict = LinearizabilityChecker(EtcdModel()).check(history.operations)
            if let counterexample = verdict.counterexample { Issue.record("seed \(seed): \(counterexample)") }
            #expect(verdict.isLinearizable, "seed \(seed)")
        }
    }

    private static func reply(_ result: Store.ApplyResult) throws -> EtcdReply {
        switch result {
        case .success(.range(let response)): return .range(response)
        case .success(.put(let response)): return .put(response)
        case .success(.deleteRange(let response)): return .deleteRange(response)
        case .success(.txn(let response)): return .txn(response)
        case .success(.compaction(let response)): return .compact(response)
        case .failure(let error) where error == .compacted: return .compacted
        case .failure(let error) where error == .futureRevision: return .futureRevision
        default: throw FormatError("\(result)")
        }
    }
}

extension EtcdRequest {
    fileprivate var operation: InternalRaftRequest.Operation {
        switch self {
        case .range(let request): .range(request)
        case .put(let request): .put(request)
        case .deleteRange(let request): .deleteRange(request)
        case .txn(let request): .txn(request)
        case .compact(let request): .compaction(request)
        }
    }
}

/// Requests with all that the model knows: orders and bounds of ranges, transactions within transactions.
private struct WideRequests {
    private var values = 0

    mutating func next(_ random: inout SeededRandom, revision: Int64) -> EtcdRequest {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: .put(self.put(&random))
        case 6..<8: .deleteRange(self.delete(&random))
        case 8..<12: .txn(self.txn(&random, revision, depth: 0))
        case 12: .compact(CompactionRequest(revision: Int64.random(in: 0...(revision + 1), using: &random)))
        default: .range(self.range(&random, revision))
        }
    }

    private func bounds(_ random: inout SeededRandom) -> (key: [UInt8], end: [UInt8]) {
        func key() -> [UInt8] { [UInt8.random(in: 97..<102, using: &random)] }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return (key(), [0])
        case 1: return (key(), key())
        case 2: return ([0], [0])
        default: return (key(), [])
        }
    }

    private mutating func put(_ random: inout SeededRandom) -> PutRequest {
        self.values += 1
        return PutRequest(
            key: [UInt8.random(in: 97..<102, using: &random)], value: Array("v\(self.values % 7)".utf8),
            prevKv: random.chance(0.5))
    }

    private func delete(_ random: inout SeededRandom) -> DeleteRangeRequest {
        let (key, end) = self.bounds(&random)
        return DeleteRangeRequest(key: key, rangeEnd: end, prevKv: random.chance(0.5))
    }

    private func range(_ random: inout SeededRandom, _ revision: Int64) -> RangeRequest {
        func near() -> Int64 { Int64.random(in: 0...(revision + 1), using: &random) }
        let (key, end) = self.bounds(&random)
        var request = RangeRequest(key: key, rangeEnd: end)
        if random.chance(0.4) { request.limit = Int64.random(in: 1...3, using: &random) }
        if random.chance(0.3) { request.revision = near() }
        if random.chance(0.4) {
            request.sortOrder = RangeRequest.SortOrder.allCases.randomElement(using: &random) ?? .none
            // Two keys can have the same version or value, and their order is then nobody's promise.
            request.sortTarget = [.key, .create, .mod].randomElement(using: &random) ?? .key
        }
        request.keysOnly = random.chance(0.1)
        request.countOnly = random.chance(0.1)
        if random.chance(0.1) { request.minModRevision = near() }
        if random.chance(0.1) { request.maxModRevision = near() }
        if random.chance(0.1) { request.minCreateRevision = near() }
        if random.chance(0.1) { request.maxCreateRevision = near() }
        return request
    }

    private mutating func txn(_ random: inout SeededRandom, _ revision: Int64, depth: Int) -> TxnRequest {
        func near() -> Int64 { Int64.random(in: 0...revision, using: &random) }
        var request = TxnRequest()
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            var (key, end) = self.bounds(&random)
            if random.chance(0.7) { end = [] }
            if key.isEmpty { key = [97] }
            let result = Compare.CompareResult.allCases.randomElement(using: &random) ?? .equal
            let target = Compare.CompareTarget.allCases.randomElement(using: &random) ?? .mod
            var compare = Compare(result: result, target: target, key: key, rangeEnd: end)
            switch target {
            case .version: compare.operand = .version(Int64.random(in: 0...2, using: &random))
            case .create: compare.operand = .createRevision(random.chance(0.4) ? 0 : near())
            case .mod: compare.operand = .modRevision(random.chance(0.4) ? 0 : near())
            case .value: compare.operand = .value(Array("v\(Int.random(in: 0..<7, using: &random))".utf8))
            case .lease: compare.operand = .lease(Int64.random(in: 0...1, using: &random))
            }
            request.compare.append(compare)
        }
        for _ in 0..<Int.random(in: 0...3, using: &random) { request.success.append(self.operation(&random, revision, depth)) }
        for _ in 0..<Int.random(in: 0...3, using: &random) { request.failure.append(self.operation(&random, revision, depth)) }
        return request
    }

    private mutating func operation(_ random: inout SeededRandom, _ revision: Int64, _ depth: Int) -> RequestOp {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: .range(self.range(&random, revision))
        case 4..<7: .put(self.put(&random))
        case 7, 8: .deleteRange(self.delete(&random))
        default: depth < 2 ? .txn(self.txn(&random, revision, depth: depth + 1)) : .put(self.put(&random))
        }
    }
}
