import EtcdWire
import Platform
import Simulation

/// Histories of etcd in which no value is written twice, whole or with one violation in them.
struct EtcdHistory {
    typealias Operation = ClientOperation<EtcdRequest, EtcdReply>

    var operations: [Operation]
    let store: PlainEtcd
    private var random: SeededRandom

    init(seed: UInt64, operations: Int = 40) {
        var random = SeededRandom(seed: seed)
        var store = PlainEtcd()
        var requests = EtcdRequests()
        let run = SimulatedClients<EtcdRequest, EtcdReply>(
            Int.random(in: 2...6, using: &random), operations: operations, loss: Double.random(in: 0...0.1, using: &random),
            &random
        ) { random in
            requests.next(&random, revision: store.revision)
        } apply: {
            store.apply($0)
        }
        self.operations = run.operations
        // A member that is behind answers some of the serializable reads.
        for (index, operation) in run.operations.enumerated() {
            guard case .range(let request) = operation.input, request.serializable, let returned = operation.returned,
                let revision = operation.output?.revision, random.chance(0.5)
            else { continue }
            // What the history compacts in the end could be compacted when it was read.
            let oldest = max(1, store.compactRevision, revision - 5)
            guard oldest <= revision else { continue }
            let behind = Int64.random(in: oldest...revision, using: &random)
            self.operations[index].outcome = .returned(.range(store.range(request, asOf: behind)), at: returned)
        }
        self.store = store
        self.random = random
    }

    /// What can be broken so that the history is surely wrong.
    enum Violation: CaseIterable {
        case staleRead, staleContents, lostUpdate, neverWritten, swappedRevisions
    }

    /// Breaks it; false when it holds nothing to break so.
    mutating func plant(_ violation: Violation) -> Bool {
        switch violation {
        case .staleRead: self.plantStaleRead()
        case .staleContents: self.plantStaleContents()
        case .lostUpdate: self.plantLostUpdate()
        case .neverWritten: self.plantNeverWritten()
        case .swappedRevisions: self.plantSwappedRevisions()
        }
    }

    /// Ranges of what is there now, answered.
    private var reads: [(index: Int, request: RangeRequest, response: RangeResponse)] {
        self.operations.indices.compactMap { index in
            guard case .range(let request) = self.operations[index].input, request.revision == 0, !request.serializable,
                case .range(let response)? = self.operations[index].output
            else { return nil }
            return (index, request, response)
        }
    }

    private var writes: [(index: Int, revision: Int64)] {
        self.operations.indices.compactMap { index in
            guard let output = self.operations[index].output, output.hasWritten, let revision = output.revision else {
                return nil
            }
            return (index, revision)
        }
    }

    /// A read answered as of a revision older than one that was acknowledged before it began.
    private mutating func plantStaleRead() -> Bool {
        let writes = self.writes
        let choices = self.reads.compactMap { read -> (Int, RangeRequest, Int64)? in
            let acknowledged = writes.filter { isBefore(self.operations[$0.index], self.operations[read.index]) }
            guard let latest = acknowledged.map(\.revision).max() else { return nil }
            return (read.index, read.request, latest)
        }
        guard let (index, request, latest) = choices.randomElement(using: &self.random) else { return false }
        let revision = Int64.random(in: 1..<latest, using: &self.random)
        self.answer(index, .range(self.store.range(request, asOf: revision)))
        return true
    }

    /// A read that tells the right revision, with rows as they were before the write that made it.
    private mutating func plantStaleContents() -> Bool {
        let writes = self.writes
        let choices = self.reads.compactMap { read -> (Int, RangeResponse)? in
            // What a write of this very revision did shows in its rows; how many there are, another can have changed.
            guard let revision = writes.first(where: { $0.revision == read.response.header.revision })?.revision,
                !read.request.countOnly
            else { return nil }
            var old = self.store.range(read.request, asOf: revision - 1)
            old.header = read.response.header
            return old.kvs != read.response.kvs ? (read.index, old) : nil
        }
        guard let (index, response) = choices.randomElement(using: &self.random) else { return false }
        self.answer(index, .range(response))
        return true
    }

    /// Two writes that both took one revision.
    private mutating func plantLostUpdate() -> Bool {
        guard let write = self.writes.randomElement(using: &self.random),
            let returned = self.operations[write.index].returned
        else { return false }
        let put = PutRequest(key: Array("lost".utf8), value: Array("lost".utf8))
        let reply = PutResponse(header: ResponseHeader(revision: write.revision))
        self.operations.append(
            Operation(
                client: -1, input: .put(put), invoked: self.operations[write.index].invoked,
                outcome: .returned(.put(reply), at: returned)))
        return true
    }

    private mutating func plantNeverWritten() -> Bool {
        let choices = self.reads.filter { !$0.response.kvs.isEmpty }
        guard let choice = choices.randomElement(using: &self.random) else { return false }
        var response = choice.response
        let row = Int.random(in: response.kvs.indices, using: &self.random)
        response.kvs[row].value = Array("never".utf8)
        self.answer(choice.index, .range(response))
        return true
    }

    /// Two writes, one after the other, whose revisions are in the wrong order.
    private mutating func plantSwappedRevisions() -> Bool {
        let writes = self.writes
        let choices = writes.flatMap { first in
            writes.filter { isBefore(self.operations[first.index], self.operations[$0.index]) }.map { (first.index, $0.index) }
        }
        guard let (first, second) = choices.randomElement(using: &self.random),
            let old = self.operations[first].output, let new = self.operations[second].output
        else { return false }
        self.answer(first, old.with(new))
        self.answer(second, new.with(old))
        return true
    }

    private mutating func answer(_ index: Int, _ output: EtcdReply) {
        guard let returned = self.operations[index].returned else { return }
        self.operations[index].outcome = .returned(output, at: returned)
    }
}

extension EtcdReply {
    /// With the header of another.
    fileprivate func with(_ other: EtcdReply) -> EtcdReply {
        let header = ResponseHeader(revision: other.revision ?? 0)
        switch self {
        case .put(var response):
            response.header = header
            return .put(response)
        case .deleteRange(var response):
            response.header = header
            return .deleteRange(response)
        case .txn(var response):
            response.header = header
            return .txn(response)
        case .range, .compact, .compacted, .futureRevision: return self
        }
    }
}

/// Requests as clients make them, on few keys; no two put the same value.
struct EtcdRequests {
    private var puts = 0

    mutating func next(_ random: inout SeededRandom, revision: Int64) -> EtcdRequest {
        let key = Self.key(&random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: return .put(self.put(key, &random))
        case 30..<38: return .deleteRange(DeleteRangeRequest(key: key, prevKv: random.chance(0.5)))
        case 38..<40: return .deleteRange(DeleteRangeRequest(key: key, rangeEnd: Self.key(&random), prevKv: true))
        case 40..<60: return .txn(self.txn(key, &random, revision))
        case 60..<62: return .compact(CompactionRequest(revision: Int64.random(in: 0...(revision + 1), using: &random)))
        default: return .range(self.range(key, &random, revision))
        }
    }

    private static func key(_ random: inout SeededRandom) -> [UInt8] {
        [UInt8(ascii: "a") + UInt8.random(in: 0..<5, using: &random)]
    }

    private mutating func put(_ key: [UInt8], _ random: inout SeededRandom) -> PutRequest {
        self.puts += 1
        return PutRequest(key: key, value: Array("v\(self.puts)".utf8), prevKv: random.chance(0.3))
    }

    private func range(_ key: [UInt8], _ random: inout SeededRandom, _ revision: Int64) -> RangeRequest {
        var request = RangeRequest(key: key)
        if random.chance(0.4) { request.rangeEnd = random.chance(0.5) ? [0] : [UInt8(ascii: "z")] }
        if random.chance(0.2) { request.limit = Int64.random(in: 1...3, using: &random) }
        if random.chance(0.2) { request.revision = Int64.random(in: 1...(revision + 1), using: &random) }
        request.serializable = request.revision == 0 && random.chance(0.15)
        request.keysOnly = random.chance(0.1)
        request.countOnly = random.chance(0.1)
        return request
    }

    private mutating func txn(_ key: [UInt8], _ random: inout SeededRandom, _ revision: Int64) -> TxnRequest {
        let near = Int64.random(in: max(0, revision - 4)...revision, using: &random)
        let result = Compare.CompareResult.allCases.randomElement(using: &random) ?? .equal
        let compare: Compare =
            switch Int.random(in: 0..<4, using: &random) {
            case 0: .version(of: key, result, Int64.random(in: 0...2, using: &random))
            case 1: .createRevision(of: key, result, random.chance(0.5) ? 0 : near)
            case 2: .modRevision(of: key, result, random.chance(0.3) ? 0 : near)
            default: .value(of: key, result, Array("v\(max(0, self.puts - 2))".utf8))
            }
        var request = TxnRequest(compare: [compare])
        request.success = [.put(self.put(key, &random))]
        if random.chance(0.3) { request.success.append(.range(RangeRequest(key: [UInt8(ascii: "a")], rangeEnd: [0]))) }
        if random.chance(0.2) { request.success.append(.put(self.put([UInt8(ascii: "x")], &random))) }
        request.failure = [.range(RangeRequest(key: key))]
        if random.chance(0.3) { request.failure = [.deleteRange(DeleteRangeRequest(key: key))] }
        return request
    }
}
