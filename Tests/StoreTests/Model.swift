import EtcdWire
import Platform

@testable import Store

/// What etcd promises, in the plainest way: a dictionary of all keys for every revision there ever was.
struct Model {
    typealias State = [[UInt8]: KeyValue]

    struct Change: Hashable {
        var revision: Int64
        var sub: Int64
        var kv: KeyValue
        var isDeletion: Bool
    }

    /// The state that each revision left; the first is revision 0, which never was.
    var states: [State] = [[:], [:]]
    /// Every change ever made.
    var changes: [Change] = []
    /// Those of them that compactions left.
    var rows: [Change] = []
    var compactRevision: Int64 = -1
    var compactions: Set<Int64> = []
    var leases: [Int64: Int64] = [:]
    var deadlines: [Int64: Duration] = [:]
    var index: UInt64 = 0

    var revision: Int64 { Int64(self.states.count - 1) }
    var header: ResponseHeader { ResponseHeader(clusterID: 11, memberID: 22, revision: self.revision, raftTerm: 3) }
    var current: State { self.states[self.states.count - 1] }

    // MARK: Reads

    static func holds(_ key: [UInt8], _ rangeEnd: [UInt8], _ candidate: [UInt8]) -> Bool {
        if rangeEnd.isEmpty { return candidate == key }
        if candidate.lexicographicallyPrecedes(key) { return false }
        return rangeEnd == [0] || candidate.lexicographicallyPrecedes(rangeEnd)
    }

    static func select(_ state: State, _ key: [UInt8], _ rangeEnd: [UInt8]) -> [KeyValue] {
        state.values.filter { self.holds(key, rangeEnd, $0.key) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    func range(_ request: RangeRequest, in working: State?, at now: Int64) throws(StoreError) -> RangeResponse {
        let revision = request.revision <= 0 ? now : request.revision
        if revision > now { throw .futureRevision }
        if revision < self.compactRevision { throw .compacted }
        let state = revision == now && working != nil ? working! : self.states[Int(revision)]
        let all = Self.select(state, request.key, request.rangeEnd)
        var response = RangeResponse(header: ResponseHeader(revision: now), count: Int64(all.count))
        if request.countOnly { return response }
        var kvs = all
        let isFiltered = [
            request.minModRevision, request.maxModRevision, request.minCreateRevision, request.maxCreateRevision,
        ].contains { $0 != 0 }
        if request.sortOrder == .none, !isFiltered, request.limit > 0 { kvs = Array(kvs.prefix(Int(request.limit) + 1)) }
        if request.minModRevision != 0 { kvs = kvs.filter { $0.modRevision >= request.minModRevision } }
        if request.maxModRevision != 0 { kvs = kvs.filter { $0.modRevision <= request.maxModRevision } }
        if request.minCreateRevision != 0 { kvs = kvs.filter { $0.createRevision >= request.minCreateRevision } }
        if request.maxCreateRevision != 0 { kvs = kvs.filter { $0.createRevision <= request.maxCreateRevision } }
        func number(_ kv: KeyValue) -> Int64 {
            switch request.sortTarget {
            case .version: kv.version
            case .create: kv.createRevision
            case .mod: kv.modRevision
            case .key, .value: 0
            }
        }
        let numbered = kvs.enumerated().sorted { one, other in
            let (left, right) = request.sortOrder == .descend ? (other, one) : (one, other)
            switch request.sortTarget {
            case .key where left.element.key != right.element.key:
                return left.element.key.lexicographicallyPrecedes(right.element.key)
            case .value where left.element.value != right.element.value:
                return left.element.value.lexicographicallyPrecedes(right.element.value)
            default:
                return number(left.element) != number(right.element)
                    ? number(left.element) < number(right.element) : one.offset < other.offset
            }
        }
        kvs = numbered.map(\.element)
        if request.limit > 0, kvs.count > Int(request.limit) {
            kvs = Array(kvs.prefix(Int(request.limit)))
            response.more = true
        }
        response.kvs = request.keysOnly ? kvs.map { kv in Self.with(kv) { $0.value = [] } } : kvs
        return response
    }

    static func with(_ kv: KeyValue, _ body: (inout KeyValue) -> Void) -> KeyValue {
        var kv = kv
        body(&kv)
        return kv
    }

    func holds(_ compare: Compare) -> Bool {
        let found = Self.select(self.current, compare.key, compare.rangeEnd)
        if found.isEmpty { return compare.target != .value && self.holds(compare, KeyValue()) }
        return found.allSatisfy { self.holds(compare, $0) }
    }

    private func holds(_ compare: Compare, _ kv: KeyValue) -> Bool {
        let order: Int
        switch (compare.target, compare.operand) {
        case (.value, let operand):
            var other: [UInt8] = []
            if case .value(let value) = operand { other = value }
            order = kv.value == other ? 0 : kv.value.lexicographicallyPrecedes(other) ? -1 : 1
        case (let target, let operand):
            var mine = kv.version
            var other: Int64 = 0
            if target == .create { mine = kv.createRevision }
            if target == .mod { mine = kv.modRevision }
            if target == .lease { mine = kv.lease }
            switch (target, operand) {
            case (.version, .version(let value)), (.create, .createRevision(let value)), (.mod, .modRevision(let value)),
                (.lease, .lease(let value)):
                other = value
            default: break
            }
            order = mine == other ? 0 : mine < other ? -1 : 1
        }
        return [.equal: order == 0, .notEqual: order != 0, .greater: order > 0, .less: order < 0][compare.result] ?? false
    }

    // MARK: Writes

    /// A change in the making.
    struct Writing {
        var state: State
        var changes: [Change] = []
    }

    mutating func commit(_ writing: Writing) {
        guard !writing.changes.isEmpty else { return }
        self.states.append(writing.state)
        self.changes += writing.changes
        self.rows += writing.changes
    }

    func put(_ request: PutRequest, _ writing: inout Writing) -> PutResponse {
        let old = writing.state[request.key]
        let revision = self.revision + 1
        let kv = KeyValue(
            key: request.key, createRevision: old?.createRevision ?? revision, modRevision: revision,
            version: (old?.version ?? 0) + 1, value: request.ignoreValue ? old?.value ?? [] : request.value,
            lease: request.ignoreLease ? old?.lease ?? 0 : request.lease)
        writing.state[request.key] = kv
        writing.changes.append(
            Change(revision: revision, sub: Int64(writing.changes.count), kv: kv, isDeletion: false))
        return PutResponse(header: ResponseHeader(revision: revision), prevKv: request.prevKv ? old : nil)
    }

    func delete(_ request: DeleteRangeRequest, _ writing: inout Writing) -> DeleteRangeResponse {
        let found = Self.select(writing.state, request.key, request.rangeEnd)
        for kv in found {
            writing.state[kv.key] = nil
            let tombstone = KeyValue(key: kv.key, modRevision: self.revision + 1)
            writing.changes.append(
                Change(
                    revision: self.revision + 1, sub: Int64(writing.changes.count), kv: tombstone, isDeletion: true))
        }
        return DeleteRangeResponse(
            header: ResponseHeader(revision: self.revision + (writing.changes.isEmpty ? 0 : 1)),
            deleted: Int64(found.count), prevKvs: request.prevKv ? found : [])
    }

    func check(_ request: PutRequest) throws(StoreError) {
        if request.lease != 0, self.leases[request.lease] == nil { throw .leaseNotFound }
        if request.ignoreValue || request.ignoreLease, self.current[request.key] == nil { throw .keyNotFound }
    }

    func check(_ request: TxnRequest, puts: Bool) throws(StoreError) {
        for operation in self.holdsAll(request) ? request.success : request.failure {
            switch operation {
            case .put(let request) where puts:
                // etcd looks for the key first here, and for the lease first in a put by itself.
                if request.ignoreValue || request.ignoreLease, self.current[request.key] == nil { throw .keyNotFound }
                try self.check(request)
            case .range(let request) where !puts && request.revision != 0:
                if request.revision > self.revision { throw .futureRevision }
                if request.revision < self.compactRevision { throw .compacted }
            case .txn(let request): try self.check(request, puts: puts)
            default: break
            }
        }
    }

    private func holdsAll(_ request: TxnRequest) -> Bool {
        request.compare.allSatisfy { self.holds($0) }
    }

    func execute(_ request: TxnRequest, _ writing: inout Writing) throws(StoreError) -> TxnResponse {
        var response = TxnResponse(succeeded: self.holdsAll(request))
        for operation in response.succeeded ? request.success : request.failure {
            let now = self.revision + (writing.changes.isEmpty ? 0 : 1)
            switch operation {
            case .range(let request):
                response.responses.append(.range(try self.range(request, in: writing.state, at: now)))
            case .put(let request): response.responses.append(.put(self.put(request, &writing)))
            case .deleteRange(let request): response.responses.append(.deleteRange(self.delete(request, &writing)))
            case .txn(let request): response.responses.append(.txn(try self.execute(request, &writing)))
            }
        }
        return response
    }
}
