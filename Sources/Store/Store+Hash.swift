public import EtcdWire
internal import Platform

extension Store {
    /// CRC-32C over the rows of etcd's `key` bucket up to a revision, so that members of any version agree.
    ///
    /// Of the rows that a compaction reached, only those count that a compaction at the hashed revision would leave; and a
    /// tombstone of the compacted revision never does, because older versions do not keep it.
    public func hashKV(_ request: HashKVRequest) throws(StoreError) -> HashKVResponse {
        let revision = request.revision <= 0 ? self.revision : request.revision
        guard revision >= self.compactRevision else { throw .compacted }
        guard revision <= self.revision else { throw .futureRevision }
        var keepsAny = false
        if self.compactRevision > 0 {
            self.index.forEach { _, history in
                keepsAny = history.at(revision) != nil
                return !keepsAny
            }
        }
        var hash = CRC32C.checksum(Array("key".utf8))
        for row in self.log {
            guard row.main <= revision else { break }
            if row.main <= self.compactRevision {
                if row.isTombstone, row.main == self.compactRevision { continue }
                if keepsAny, self.index[Key(row.kv.key)]?.at(revision)?.modRevision != row.main { continue }
            }
            hash = CRC32C.checksum(row.backendKey, continuing: hash)
            hash = CRC32C.checksum(row.backendValue, continuing: hash)
        }
        return HashKVResponse(
            header: self.header, hash: hash, compactRevision: self.compactRevision, hashRevision: revision)
    }
}

extension Row {
    /// Main and sub as big-endian numbers with `_` between, and `t` after those of a tombstone.
    fileprivate var backendKey: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(18)
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: self.main >> shift)) }
        bytes.append(UInt8(ascii: "_"))
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: self.sub >> shift)) }
        if self.isTombstone { bytes.append(UInt8(ascii: "t")) }
        return bytes
    }

    fileprivate var backendValue: [UInt8] {
        self.isTombstone ? KeyValue(key: self.kv.key).encoded() : self.kv.encoded()
    }
}
