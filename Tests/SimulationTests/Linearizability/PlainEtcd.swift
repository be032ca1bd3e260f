import EtcdWire
import Simulation

/// etcd's key-value store, the plain way: a dictionary, and a copy of it for every revision.
struct PlainEtcd {
    private(set) var revision: Int64 = 1
    private(set) var compactRevision: Int64 = -1
    private(set) var events: [WatchEvent] = []
    private var keys: [[UInt8]: KeyValue] = [:]
    private var past: [Int64: [[UInt8]: KeyValue]] = [1: [:]]

    mutating func apply(_ request: EtcdRequest) -> EtcdReply {
        switch request {
        case .range(let range):
            return self.range(range)
        case .compact(let compaction):
            if compaction.revision <= self.compactRevision { return .compacted }
            if compaction.revision > self.revision { return .futureRevision }
            self.compactRevision = compaction.revision
            return .compact(CompactionResponse(header: self.header))
        case .put(let put):
            let previous = self.put(put, at: self.revision + 1)
            self.commit()
            return .put(PutResponse(header: self.header, prevKv: put.prevKv ? previous : nil))
        case .deleteRange(let delete):
            let deleted = self.delete(delete, at: self.revision + 1)
            if !deleted.isEmpty { self.commit() }
            return .deleteRange(Self.response(delete, deleted, self.header))
        case .txn(let txn):
            return .txn(self.txn(txn))
        }
    }

    /// The answer to a range as of a revision that was.
    func range(_ request: RangeRequest, asOf revision: Int64) -> RangeResponse {
        Self.range(request, self.past[revision] ?? [:], ResponseHeader(memberID: 7, revision: revision))
    }

    private var header: ResponseHeader { ResponseHeader(clusterID: 5, memberID: 6, revision: self.revision, raftTerm: 2) }

    private mutating func commit() {
        self.revision += 1
        self.past[self.revision] = self.keys
    }

    private func range(_ request: RangeRequest) -> EtcdReply {
        if request.revision > self.revision { return .futureRevision }
        if request.revision > 0 && request.revision < self.compactRevision { return .compacted }
        let keys = request.revision > 0 ? self.past[request.revision] ?? [:] : self.keys
        return .range(Self.range(request, keys, self.header))
    }

    private static func range(
        _ request: RangeRequest, _ keys: [[UInt8]: KeyValue], _ header: ResponseHeader
    ) -> RangeResponse {
        var found = keys.values.filter { Self.isIn($0.key, request.key, request.rangeEnd) }
        found.sort { String(decoding: $0.key, as: UTF8.self) < String(decoding: $1.key, as: UTF8.self) }
        let count = Int64(found.count)
        if request.countOnly { return RangeResponse(header: header, count: count) }
        let kept = request.limit > 0 ? Array(found.prefix(Int(request.limit))) : found
        let rows = request.keysOnly ? kept.map { Self.withoutValue($0) } : kept
        return RangeResponse(header: header, kvs: rows, more: kept.count < found.count, count: count)
    }

    private static func withoutValue(_ row: KeyValue) -> KeyValue {
        KeyValue(key: row.key, createRevision: row.createRevision, modRevision: row.modRevision, version: row.version)
    }

    private mutating func put(_ request: PutRequest, at revision: Int64) -> KeyValue? {
        let previous = self.keys[request.key]
        let row = KeyValue(
            key: request.key, createRevision: previous?.createRevision ?? revision, modRevision: revision,
            version: 1 + (previous?.version ?? 0), value: request.value)
        self.keys[request.key] = row
        self.events.append(WatchEvent(kv: row, prevKv: previous))
        return previous
    }

    private mutating func delete(_ request: DeleteRangeRequest, at revision: Int64) -> [KeyValue] {
        let rows = Self.range(RangeRequest(key: request.key, rangeEnd: request.rangeEnd), self.keys, self.header).kvs
        for row in rows {
            self.keys[row.key] = nil
            let tombstone = KeyValue(key: row.key, modRevision: revision)
            self.events.append(WatchEvent(type: .delete, kv: tombstone, prevKv: row))
        }
        return rows
    }

    private static func response(
        _ request: DeleteRangeRequest, _ rows: [KeyValue], _ header: ResponseHeader
    ) -> DeleteRangeResponse {
        DeleteRangeResponse(header: header, deleted: Int64(rows.count), prevKvs: request.prevKv ? rows : [])
    }

    private mutating func txn(_ request: TxnRequest) -> TxnResponse {
        let succeeded = request.compare.allSatisfy { self.satisfies($0) }
        let written = self.events.count
        var responses: [ResponseOp] = []
        for operation in succeeded ? request.success : request.failure {
            let revision = self.revision + 1
            switch operation {
            case .range(let range): responses.append(.range(Self.range(range, self.keys, ResponseHeader(revision: revision))))
            case .put(let put):
                let previous = self.put(put, at: revision)
                responses.append(.put(PutResponse(prevKv: put.prevKv ? previous : nil)))
            case .deleteRange(let delete):
                responses.append(.deleteRange(Self.response(delete, self.delete(delete, at: revision), ResponseHeader())))
            case .txn: preconditionFailure("not simulated")
            }
        }
        if self.events.count > written { self.commit() }
        return TxnResponse(header: self.header, succeeded: succeeded, responses: responses)
    }

    private func satisfies(_ compare: Compare) -> Bool {
        let row = self.keys[compare.key]
        switch compare.operand {
        case .version(let version)?: return Self.holds(compare.result, row?.version ?? 0, version)
        case .createRevision(let revision)?: return Self.holds(compare.result, row?.createRevision ?? 0, revision)
        case .modRevision(let revision)?: return Self.holds(compare.result, row?.modRevision ?? 0, revision)
        case .value(let value)?:
            guard let row else { return false }
            let values = [row.value, value].map { String(decoding: $0, as: UTF8.self) }
            return Self.holds(compare.result, values[0], values[1])
        default: preconditionFailure("not simulated")
        }
    }

    private static func holds<Value: Comparable>(_ result: Compare.CompareResult, _ left: Value, _ right: Value) -> Bool {
        switch result {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .greater: left > right
        }
    }

    private static func isIn(_ key: [UInt8], _ start: [UInt8], _ end: [UInt8]) -> Bool {
        let (key, start) = (String(decoding: key, as: UTF8.self), String(decoding: start, as: UTF8.self))
        if end.isEmpty { return key == start }
        return key >= start && (end == [0] || key < String(decoding: end, as: UTF8.self))
    }
}
