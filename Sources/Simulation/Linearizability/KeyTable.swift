internal import EtcdWire

/// Keys in their order, as they are at one revision.
struct KeyTable: Sendable {
    private(set) var rows: [KeyValue]

    init(_ rows: [KeyValue]) {
        self.rows = rows.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    subscript(key: [UInt8]) -> KeyValue? {
        get {
            let index = self.index(of: key)
            return index < self.rows.count && self.rows[index].key == key ? self.rows[index] : nil
        }
        set {
            let index = self.index(of: key)
            let isThere = index < self.rows.count && self.rows[index].key == key
            switch (newValue, isThere) {
            case (let row?, true): self.rows[index] = row
            case (let row?, false): self.rows.insert(row, at: index)
            case (nil, true): self.rows.remove(at: index)
            case (nil, false): break
            }
        }
    }

    /// The rows of `[key, end)`, with etcd's two special ends: empty for the one key, `[0]` for all from it on.
    func rows(from key: [UInt8], to end: [UInt8]) -> ArraySlice<KeyValue> {
        let start = self.index(of: key)
        if end.isEmpty { return self[key] == nil ? [] : self.rows[start...start] }
        if end == [0] { return self.rows[start...] }
        return self.rows[start..<max(start, self.index(of: end))]
    }

    func range(_ request: RangeRequest, header revision: Int64) -> RangeResponse {
        let all = self.rows(from: request.key, to: request.rangeEnd)
        var response = RangeResponse(header: ResponseHeader(revision: revision), count: Int64(all.count))
        if request.countOnly { return response }
        var rows = all.filter { request.selects($0) }
        // As etcd has it: unless an order or a bound is asked for, one row more than the limit is all that it looks at.
        if request.limit > 0, request.sortOrder == .none, !request.hasBounds {
            rows = Array(rows.prefix(Int(request.limit) + 1))
        }
        Self.sort(&rows, by: request)
        if request.limit > 0, rows.count > Int(request.limit) {
            rows.removeLast(rows.count - Int(request.limit))
            response.more = true
        }
        if request.keysOnly {
            for index in rows.indices { rows[index].value = [] }
        }
        response.kvs = rows
        return response
    }

    /// Whether every key compared is as the condition wants it; where there is none, a key with nothing in it.
    func satisfies(_ compare: Compare) -> Bool {
        let rows = self.rows(from: compare.key, to: compare.rangeEnd)
        return rows.isEmpty ? Self.satisfies(compare, nil) : rows.allSatisfy { Self.satisfies(compare, $0) }
    }

    private static func satisfies(_ compare: Compare, _ row: KeyValue?) -> Bool {
        // A key that is not there has no value to compare; all else of it is zero.
        guard row != nil || compare.target != .value else { return false }
        let row = row ?? KeyValue()
        switch compare.target {
        case .version:
            guard case .version(let version)? = compare.operand else { return compare.holds(row.version, 0) }
            return compare.holds(row.version, version)
        case .create:
            guard case .createRevision(let revision)? = compare.operand else { return compare.holds(row.createRevision, 0) }
            return compare.holds(row.createRevision, revision)
        case .mod:
            guard case .modRevision(let revision)? = compare.operand else { return compare.holds(row.modRevision, 0) }
            return compare.holds(row.modRevision, revision)
        case .lease:
            guard case .lease(let lease)? = compare.operand else { return compare.holds(row.lease, 0) }
            return compare.holds(row.lease, lease)
        case .value:
            guard case .value(let value)? = compare.operand else { return compare.holds(row.value.count, 0) }
            let order = row.value == value ? 0 : row.value.lexicographicallyPrecedes(value) ? -1 : 1
            return compare.holds(order, 0)
        }
    }

    private static func sort(_ rows: inout [KeyValue], by request: RangeRequest) {
        func sort(_ precedes: (KeyValue, KeyValue) -> Bool) {
            rows.sort { request.sortOrder == .descend ? precedes($1, $0) : precedes($0, $1) }
        }
        switch request.sortTarget {
        case .key where request.sortOrder == .descend: rows.reverse()
        case .key: break
        // An order that is not asked for is ascending by any other target.
        case .version: sort { $0.version < $1.version }
        case .create: sort { $0.createRevision < $1.createRevision }
        case .mod: sort { $0.modRevision < $1.modRevision }
        case .value: sort { $0.value.lexicographicallyPrecedes($1.value) }
        }
    }

    /// Where the first key stands that is not before this one.
    private func index(of key: [UInt8]) -> Int {
        var (low, high) = (0, self.rows.count)
        while low < high {
            let middle = (low + high) / 2
            if self.rows[middle].key.lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension RangeRequest {
    fileprivate var hasBounds: Bool {
        self.minModRevision != 0 || self.maxModRevision != 0 || self.minCreateRevision != 0 || self.maxCreateRevision != 0
    }

    /// Whether the row is within the bounds.
    fileprivate func selects(_ row: KeyValue) -> Bool {
        func isWithin(_ revision: Int64, _ minimum: Int64, _ maximum: Int64) -> Bool {
            (minimum == 0 || revision >= minimum) && (maximum == 0 || revision <= maximum)
        }
        return isWithin(row.modRevision, self.minModRevision, self.maxModRevision)
            && isWithin(row.createRevision, self.minCreateRevision, self.maxCreateRevision)
    }
}

extension Compare {
    fileprivate func holds<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
        switch self.result {
        case .equal: left == right
        case .greater: left > right
        case .less: left < right
        case .notEqual: left != right
        }
    }
}
