import EtcdWire
import Platform

@testable import Store

extension Model {
    mutating func apply(
        _ operation: InternalRaftRequest.Operation, uptime: Duration
    ) throws(StoreError) -> Store.ApplyResponse {
        var writing = Writing(state: self.current)
        switch operation {
        case .range(let request):
            var response = try self.range(request, in: nil, at: self.revision)
            response.header = self.header
            return .range(response)
        case .put(let request):
            try self.check(request)
            var response = self.put(request, &writing)
            self.commit(writing)
            response.header = self.header
            return .put(response)
        case .deleteRange(let request):
            var response = self.delete(request, &writing)
            self.commit(writing)
            response.header = self.header
            return .deleteRange(response)
        case .txn(let request):
            try self.check(request, puts: true)
            try self.check(request, puts: false)
            var response = try self.execute(request, &writing)
            self.commit(writing)
            response.header = self.header
            return .txn(response)
        case .compaction(let request):
            try self.compact(request.revision)
            return .compaction(CompactionResponse(header: self.header))
        case .leaseGrant(let request):
            return .leaseGrant(try self.grant(request, uptime))
        case .leaseRevoke(let request):
            guard self.leases.removeValue(forKey: request.id) != nil else { throw .leaseNotFound }
            self.deadlines[request.id] = nil
            for kv in Self.select(self.current, [0], [0]) where kv.lease == request.id {
                _ = self.delete(DeleteRangeRequest(key: kv.key), &writing)
            }
            self.commit(writing)
            return .leaseRevoke(LeaseRevokeResponse(header: self.header))
        default:
            preconditionFailure("not modelled")
        }
    }

    private mutating func grant(_ request: LeaseGrantRequest, _ uptime: Duration) throws(StoreError) -> LeaseGrantResponse {
        if request.id == 0 { throw .leaseNotFound }
        if request.ttl > 9_000_000_000 { throw .leaseTTLTooLarge }
        if self.leases[request.id] != nil { throw .leaseExists }
        let ttl = max(2, request.ttl)
        self.leases[request.id] = ttl
        self.deadlines[request.id] = uptime + .seconds(ttl)
        return LeaseGrantResponse(header: self.header, id: request.id, ttl: ttl)
    }

    private mutating func compact(_ revision: Int64) throws(StoreError) {
        if revision <= self.compactRevision { throw .compacted }
        if revision > self.revision { throw .futureRevision }
        self.compactRevision = revision
        self.compactions.insert(revision)
        let rows = self.rows
        self.rows = rows.enumerated().filter { place, row in
            if row.revision > revision { return true }
            let isNewest = !rows[(place + 1)...].contains { $0.kv.key == row.kv.key && $0.revision <= revision }
            return isNewest && (!row.isDeletion || row.revision == revision)
        }.map(\.element)
    }

    /// The rows that count at a revision, as `HashKV` describes them.
    func hash(at revision: Int64) -> UInt32 {
        let kept = Set(self.states[Int(revision)].values.map(\.modRevision))
        var bytes = Array("key".utf8)
        for row in self.rows where row.revision <= revision {
            if row.revision == self.compactRevision, row.isDeletion { continue }
            let isKept = self.states[Int(revision)][row.kv.key]?.modRevision == row.revision && !row.isDeletion
            if row.revision <= self.compactRevision, !kept.isEmpty, !isKept { continue }
            bytes += self.bigEndian(row.revision) + [0x5F] + self.bigEndian(row.sub)
            if row.isDeletion { bytes.append(0x74) }
            bytes += row.isDeletion ? KeyValue(key: row.kv.key).encoded() : row.kv.encoded()
        }
        return CRC32C.checksum(bytes)
    }

    /// Whether a compaction at the event's own revision took it, because the same transaction changed the key again.
    func mayBeForgotten(_ event: WatchEvent) -> Bool {
        guard self.compactions.contains(event.kv.modRevision) else { return false }
        let last = self.changes.last { $0.revision == event.kv.modRevision && $0.kv.key == event.kv.key }
        return last?.kv != event.kv
    }

    private func bigEndian(_ number: Int64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }

    /// What a watch from `start` is told, up to now; with the whole truth about what was before.
    func events(_ request: WatchCreateRequest, from start: Int64) -> [WatchEvent] {
        self.changes.filter { change in
            change.revision >= start && Self.holds(request.key, request.rangeEnd, change.kv.key)
                && !request.filters.contains(change.isDeletion ? .noDelete : .noPut)
        }.map { change in
            // What creates a key has nothing before it, even when the same change deleted the key first.
            let isCreation = !change.isDeletion && change.kv.createRevision == change.revision
            return WatchEvent(
                type: change.isDeletion ? .delete : .put, kv: change.kv,
                prevKv: request.prevKv && !isCreation ? self.states[Int(change.revision) - 1][change.kv.key] : nil)
        }
    }
}
