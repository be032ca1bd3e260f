public import EtcdWire
internal import Platform

extension Store {
    /// CRC-32C over the rows of etcd's `key` bucket up to a revision, so that members of any version agree. Rows that a
    /// compaction drops do not count, whether or not they are gone by now.
    ///
    /// Of the rows that a compaction reached, only those count that a compaction at the hashed revision would leave; and a
    /// tombstone of the compacted revision never does, because older versions do not keep it.
    public func hashKV(_ request: HashKVRequest) throws(StoreError) -> HashKVResponse {
        let name = CRC32C.checksum(Array("key".utf8))
        // Of no rows at all.
        guard request.revision >= 0 else {
            return HashKVResponse(header: self.header, hash: name, compactRevision: self.compactRevision)
        }
        let revision = request.revision == 0 ? self.revision : request.revision
        guard revision >= self.compactRevision else { throw .compacted }
        guard revision <= self.revision else { throw .futureRevision }
        let compacted = self.compactRevision
        var keepsAny = false
        if compacted > 0 {
            self.index.forEach { _, history in
                keepsAny = history.at(revision) != nil
                return !keepsAny
            }
        }
        // Where a compaction at the hashed revision would leave nothing, all that the last one left counts.
        let keptAt = keepsAny ? revision : compacted
        var hash = name
        try self.backend.forEach(in: .key, from: [], to: RowID.start(of: revision + 1)) { (key, value) throws(StoreError) in
            guard let id = RowID(key) else { throw .damaged(.key, [UInt8](bytesOf: key), "is no revision") }
            if id.main <= compacted {
                if id.isTombstone, id.main == compacted { return true }
                guard let fields = RowFields(value) else { throw .damaged(.key, id.bytes, "has a value that is no KeyValue") }
                guard self.index[Key(fields.key)]?.at(keptAt) == id else { return true }
            }
            hash = CRC32C.checksum(value, continuing: CRC32C.checksum(key, continuing: hash))
            return true
        }
        return HashKVResponse(header: self.header, hash: hash, compactRevision: compacted, hashRevision: revision)
    }

    /// CRC-32C over all rows of all buckets, their names included, but for how far the log is applied: what etcd's `Hash`
    /// gives. Members of one release agree on it when they have applied and compacted the same.
    public func hash() throws(StoreError) -> UInt32 {
        var hash: UInt32 = 0
        for bucket in Bucket.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
            hash = CRC32C.checksum(Array(bucket.rawValue.utf8), continuing: hash)
            try self.backend.forEach(in: bucket, from: [], to: nil) { (key, value) throws(StoreError) in
                if bucket == .meta {
                    let name = [UInt8](bytesOf: key)
                    if name == Meta.consistentIndex || name == Meta.term { return true }
                }
                hash = CRC32C.checksum(value, continuing: CRC32C.checksum(key, continuing: hash))
                return true
            }
        }
        return hash
    }
}
