internal import EtcdWire

extension Store {
    mutating func put(_ request: PutRequest) throws(StoreError) -> PutResponse {
        try self.checkLease(of: request)
        try self.checkKey(of: request)
        var response = try self.putWithinWrite(request)
        try self.endWrite()
        response.header = self.header
        return response
    }

    mutating func deleteRange(_ request: DeleteRangeRequest) throws(StoreError) -> DeleteRangeResponse {
        var response = try self.deleteRangeWithinWrite(request)
        try self.endWrite()
        response.header = self.header
        return response
    }

    func checkLease(of request: PutRequest) throws(StoreError) {
        if request.lease != 0, self.leases.read(request.lease, { _ in true }) == nil { throw .leaseNotFound }
    }

    /// Whether the key is there whose value or lease is to be kept.
    func checkKey(of request: PutRequest) throws(StoreError) {
        if request.ignoreValue || request.ignoreLease {
            guard self.index.read(Key(request.key), { $0.current != nil }) == true else { throw .keyNotFound }
        }
    }

    /// Carries out a put that was checked, as part of the change being written. Should the change have deleted the key
    /// whose value or lease is to be kept, there is none to keep (etcd stops there).
    mutating func putWithinWrite(_ request: PutRequest) throws(StoreError) -> PutResponse {
        let key = Key(request.key)
        let (latest, previous) = self.index.read(key) { ($0.latest, $0.current) } ?? (nil, nil)
        let main = self.revision + 1
        var kv = KeyValue(
            key: request.key, createRevision: previous?.createRevision ?? main, modRevision: main,
            version: (previous?.version ?? 0) &+ 1, value: request.value,
            lease: request.ignoreLease ? previous?.lease ?? 0 : request.lease)
        var response = PutResponse(header: ResponseHeader(revision: main))
        if let latest, previous != nil, request.prevKv || request.ignoreValue {
            let row = try self.row(latest)
            if request.prevKv { response.prevKv = row }
            if request.ignoreValue { kv.value = row.value }
        }
        try self.append(key, kv, isTombstone: false)
        if previous == nil { self.counts.keys += 1 }
        self.counts.puts += 1
        self.counts.putBytes += UInt64(kv.key.count + kv.value.count)
        self.move(key, from: previous?.lease ?? 0, to: kv.lease)
        return response
    }

    /// Carries out a deletion as part of the change being written.
    mutating func deleteRangeWithinWrite(_ request: DeleteRangeRequest) throws(StoreError) -> DeleteRangeResponse {
        let range = KeyRange(key: request.key, rangeEnd: request.rangeEnd)
        let doomed = self.select(range, at: self.readRevision).found
        var response = DeleteRangeResponse(deleted: Int64(doomed.count))
        if request.prevKv {
            for (_, id) in doomed { response.prevKvs.append(try self.row(id)) }
        }
        for (key, _) in doomed { try self.delete(key) }
        self.counts.deletions += 1
        response.header.revision = self.readRevision
        return response
    }

    /// Deletes a key that is there.
    mutating func delete(_ key: Key) throws(StoreError) {
        let lease = self.index.read(key) { $0.current?.lease } ?? nil
        try self.append(key, KeyValue(key: key.bytes, modRevision: self.revision + 1), isTombstone: true)
        self.counts.keys -= 1
        self.move(key, from: lease ?? 0, to: 0)
    }

    private mutating func append(_ key: Key, _ kv: KeyValue, isTombstone: Bool) throws(StoreError) {
        let id = RowID(main: kv.modRevision, sub: Int64(self.written.count), isTombstone: isTombstone)
        let row = Row(id: id, kv: kv)
        try self.backend.put(id.bytes, row.bytes, in: .key)
        self.written.append(row)
        let current = isTombstone ? nil : Current(createRevision: kv.createRevision, version: kv.version, lease: kv.lease)
        if self.index.update(key, { $0.append(id, current) }) == nil { self.index.set(key, History(id, current)) }
    }

    /// Makes what was written one revision, if there is anything, and tells the watches.
    mutating func endWrite() throws(StoreError) {
        guard !self.written.isEmpty else { return }
        self.revision += 1
        try self.notify()
        self.written.removeAll(keepingCapacity: true)
    }
}
