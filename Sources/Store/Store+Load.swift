internal import EtcdWire

extension Store {
    /// Reads all that is kept in memory from the backend, and what etcd writes into every backend it opens, where it lacks.
    mutating func load(uptime: Duration) throws(StoreError) {
        self.appliedIndex = try self.number(Meta.consistentIndex, in: .meta) ?? 0
        self.appliedTerm = try self.number(Meta.term, in: .meta) ?? 0
        try self.loadLeases()
        try self.loadRows()
        try self.loadCompaction()
        try self.loadAlarms()
        try self.loadAuth()
        try self.loadMembership()
        self.renewLeases(uptime: uptime)
    }

    /// Builds the index: rows come in the order in which they were made. A row without bytes, which marks the revision that a
    /// restore went up to, is one of the empty key, as in etcd.
    private mutating func loadRows() throws(StoreError) {
        var last: RowID?
        var index = SortedMap<Key, History>()
        try self.backend.forEach(in: .key, from: [], to: nil) { (key, value) throws(StoreError) in
            guard let id = RowID(key), last.map({ $0.precedes(id) }) != false else {
                throw .damaged(.key, [UInt8](bytesOf: key), "is no revision after the one before it")
            }
            guard let fields = RowFields(value) else { throw .damaged(.key, id.bytes, "has a value that is no KeyValue") }
            last = id
            let name = Key(fields.key)
            let current =
                id.isTombstone
                ? nil : Current(createRevision: fields.createRevision, version: fields.version, lease: fields.lease)
            if index.update(name, { $0.append(id, current) }) == nil { index.set(name, History(id, current)) }
            return true
        }
        self.index = index
        if let last { self.revision = max(1, last.main) }
        index.forEach { name, history in
            if history.current != nil { self.counts.keys += 1 }
            if let lease = history.current?.lease, lease != 0 { self.leases.update(lease) { $0.keys.set(name, ()) } }
            return true
        }
    }

    /// A compaction that was accepted goes on, wherever it was stopped.
    private mutating func loadCompaction() throws(StoreError) {
        let finished = try self.compactionMark(Meta.finishedCompactRevision)
        let scheduled = try self.compactionMark(Meta.scheduledCompactRevision)
        if let finished { self.compactRevision = finished }
        if let scheduled, scheduled > self.compactRevision {
            self.compactRevision = scheduled
            self.compaction = Compaction(revision: scheduled)
        }
        self.revision = max(self.revision, self.compactRevision)
    }

    private func compactionMark(_ name: [UInt8]) throws(StoreError) -> Int64? {
        guard let value = try self.backend.value(name, in: .meta) else { return nil }
        guard let id = unsafe RowID(value.span.bytes) else { throw .damaged(.meta, name, "is no revision") }
        return id.main
    }

    private mutating func loadLeases() throws(StoreError) {
        var leases: [Lease] = []
        let shortest = self.options.minimumLeaseTTL
        try self.backend.forEach(in: .lease, from: [], to: nil) { (key, value) throws(StoreError) in
            guard let record = try? LeaseRecord(decoding: [UInt8](bytesOf: value)), record.id != 0, record.ttl >= 0,
                key.byteCount == 8, key.bigEndian(at: 0) == record.id
            else { throw .damaged(.lease, [UInt8](bytesOf: key), "is no lease") }
            let ttl = max(record.ttl, shortest)
            leases.append(Lease(id: record.id, ttl: ttl, remainingTTL: max(0, min(record.remainingTTL, ttl)), deadline: 0))
            return true
        }
        for lease in leases { self.insert(lease) }
    }

    private mutating func loadAlarms() throws(StoreError) {
        var alarms: [AlarmMember] = []
        try self.backend.forEach(in: .alarm, from: [], to: nil) { (key, _) throws(StoreError) in
            let bytes = [UInt8](bytesOf: key)
            guard let alarm = try? AlarmMember(decoding: bytes) else { throw .damaged(.alarm, bytes, "is no alarm") }
            alarms.append(alarm)
            return true
        }
        self.alarms = alarms.sorted { $0.precedes($1) }
    }

    /// A number of eight bytes.
    func number(_ name: [UInt8], in bucket: Bucket) throws(StoreError) -> UInt64? {
        guard let value = try self.backend.value(name, in: bucket) else { return nil }
        guard value.count == 8 else { throw .damaged(bucket, name, "is \(value.count) bytes long, not 8") }
        return unsafe UInt64(bitPattern: value.span.bytes.bigEndian(at: 0))
    }
}

extension StoreError {
    /// A row of the backend makes no sense.
    static func damaged(_ bucket: Bucket, _ key: [UInt8], _ what: String) -> StoreError {
        .fatal("bucket \(bucket.rawValue): the row \(readable(key)) \(what)")
    }
}

/// A key as people read it: text, or hexadecimal where it is none.
private func readable(_ key: [UInt8]) -> String {
    if !key.isEmpty, key.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { return String(decoding: key, as: UTF8.self) }
    return "0x" + key.prefix(64).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
