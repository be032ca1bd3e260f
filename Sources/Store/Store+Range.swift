public import EtcdWire

extension Store {
    public func range(_ request: RangeRequest) throws(StoreError) -> RangeResponse {
        guard !request.key.isEmpty else { throw .emptyKey }
        var response = try self.rangeWithinWrite(request)
        response.header = self.header
        return response
    }

    /// The revision that a read sees: the one being written, once it has a change.
    var readRevision: Int64 {
        self.written.isEmpty ? self.revision : self.revision + 1
    }

    /// The range as a transaction's operation, which sees what those before it wrote. Its header has the revision alone.
    func rangeWithinWrite(_ request: RangeRequest) throws(StoreError) -> RangeResponse {
        let current = self.readRevision
        guard request.revision <= current else { throw .futureRevision }
        let revision = request.revision <= 0 ? current : request.revision
        guard revision >= self.compactRevision else { throw .compacted }
        let range = KeyRange(key: request.key, rangeEnd: request.rangeEnd)
        let limit = request.limit > 0 ? Int(clamping: request.limit) : Int.max
        // etcd cuts before it sorts unless an order is asked for, even by another target than the key.
        let isPlain = !request.isFiltered && request.sortOrder == .none
        // One more than asked for tells whether there is more.
        let wanted = request.countOnly ? 0 : isPlain && limit < Int.max ? limit + 1 : Int.max
        let (found, count) = self.select(range, at: revision, limit: wanted)
        var kvs: [KeyValue] = []
        kvs.reserveCapacity(found.count)
        for (_, id) in found { kvs.append(try self.row(id)) }
        if request.isFiltered { kvs.removeAll { !request.admits($0) } }
        request.sort(&kvs)
        let more = kvs.count > limit
        if more { kvs.removeSubrange(limit...) }
        if request.keysOnly {
            for index in kvs.indices { kvs[index].value = [] }
        }
        return RangeResponse(header: ResponseHeader(revision: current), kvs: kvs, more: more, count: Int64(count))
    }

    /// The first `limit` keys of a range as a revision left them, and how many it has.
    func select(
        _ range: KeyRange, at revision: Int64, limit: Int = .max
    ) -> (found: [(key: Key, id: RowID)], count: Int) {
        if range.isSingle {
            guard let id = self.index.read(range.start, { $0.at(revision) }) ?? nil else { return ([], 0) }
            return (limit > 0 ? [(range.start, id)] : [], 1)
        }
        var found: [(key: Key, id: RowID)] = []
        var count = 0
        self.index.forEach(from: range.start) { key, history in
            if let end = range.end, key >= end { return false }
            if let id = history.at(revision) {
                if count < limit { found.append((key, id)) }
                count += 1
            }
            return true
        }
        return (found, count)
    }

    /// Reads a row that the index knows.
    func row(_ id: RowID) throws(StoreError) -> KeyValue {
        let bytes = id.bytes
        guard let value = try self.backend.value(bytes, in: .key) else { throw .damaged(.key, bytes, "is missing") }
        return try self.decode(value, of: id)
    }

    /// A row from its bytes. A deletion's hold the key alone; the revision is that of the row.
    func decode(_ value: [UInt8], of id: RowID) throws(StoreError) -> KeyValue {
        do throws(WireError) {
            var kv = try KeyValue(decoding: value)
            if id.isTombstone { kv.modRevision = id.main }
            return kv
        } catch {
            throw .damaged(.key, id.bytes, "has a value that is no KeyValue: \(error)")
        }
    }
}

extension RangeRequest {
    fileprivate var isFiltered: Bool {
        self.minModRevision != 0 || self.maxModRevision != 0 || self.minCreateRevision != 0 || self.maxCreateRevision != 0
    }

    fileprivate func admits(_ kv: KeyValue) -> Bool {
        (self.maxModRevision == 0 || kv.modRevision <= self.maxModRevision)
            && (self.minModRevision == 0 || kv.modRevision >= self.minModRevision)
            && (self.maxCreateRevision == 0 || kv.createRevision <= self.maxCreateRevision)
            && (self.minCreateRevision == 0 || kv.createRevision >= self.minCreateRevision)
    }

    /// Sorts keys that come in their own order. Equal ones stay in it, whichever way the others go.
    fileprivate func sort(_ kvs: inout [KeyValue]) {
        let descends = self.sortOrder == .descend
        if self.sortTarget == .key {
            if descends { kvs.reverse() }
            return
        }
        let target = self.sortTarget
        // `sort` is stable in Swift, though it does not promise so: the place of each key decides between equals.
        var places = Array(kvs.indices)
        places.sort { one, other in
            let order = target.compare(kvs[one], kvs[other])
            return order == 0 ? one < other : descends ? order > 0 : order < 0
        }
        kvs = places.map { kvs[$0] }
    }
}

extension RangeRequest.SortTarget {
    /// Negative, zero or positive.
    fileprivate func compare(_ one: KeyValue, _ other: KeyValue) -> Int {
        switch self {
        case .key: compareBytes(one.key, other.key)
        case .version: (one.version - other.version).signum()
        case .create: (one.createRevision - other.createRevision).signum()
        case .mod: (one.modRevision - other.modRevision).signum()
        case .value: compareBytes(one.value, other.value)
        }
    }
}

extension Int64 {
    fileprivate func signum() -> Int {
        self < 0 ? -1 : self > 0 ? 1 : 0
    }
}
