public import EtcdWire

extension Store {
    /// Applies one log entry: any that etcd 3.4, 3.5 or 3.6 writes. One that was applied before is passed over.
    ///
    /// A request that fails changes nothing but ``appliedIndex``. An entry that makes no sense, on which etcd stops, is a
    /// failure that ``StoreError/isFatal``; so is every failure of the backend.
    ///
    /// - Parameter uptime: Time since some fixed point; a granted lease's deadline counts from it. Nothing else depends on it.
    public mutating func apply(_ entry: RaftEntry, uptime: Duration) -> ApplyResult {
        guard entry.index > self.appliedIndex else { return .success(.nothing) }
        let content: EntryContent
        do throws(WireError) {
            content = try EntryContent(entry)
        } catch {
            return self.fail(.fatal("the log entry at index \(entry.index) makes no sense: \(error)"))
        }
        return self.apply(entry, content, uptime: uptime)
    }

    /// The same, where the caller has read the entry already.
    public mutating func apply(_ entry: RaftEntry, _ content: EntryContent, uptime: Duration) -> ApplyResult {
        guard entry.index > self.appliedIndex else { return .success(.nothing) }
        if case .request(let request) = content {
            return self.apply(request, index: entry.index, term: entry.term, uptime: uptime)
        }
        return self.applying(entry.index, entry.term) { (store) throws(StoreError) in
            switch content {
            case .nothing, .request: .nothing
            case .v2(let request): try store.apply(request)
            case .confChange(let change): .members(try store.apply(change))
            case .confChangeV2:
                throw .fatal("the log entry at index \(entry.index) changes several members, as etcd never does")
            }
        }
    }

    /// Applies one request, which stands in the log at `index`, above ``appliedIndex``.
    public mutating func apply(
        _ request: InternalRaftRequest, index: UInt64, term: UInt64, uptime: Duration
    ) -> ApplyResult {
        self.applying(index, term) { (store) throws(StoreError) in
            guard let operation = request.operation else {
                guard request.unknown.isEmpty else { throw .unknownRequest }
                return .nothing
            }
            try store.checkAlarms(operation)
            try store.authorize(operation, request.header)
            return try store.apply(operation, uptime: uptime)
        }
    }

    private mutating func applying(
        _ index: UInt64, _ term: UInt64, _ body: (inout Store) throws(StoreError) -> ApplyResponse
    ) -> ApplyResult {
        precondition(index > self.appliedIndex, "entry \(index) applied after \(self.appliedIndex)")
        if let failure { return .failure(failure) }
        self.appliedIndex = index
        self.appliedTerm = term
        do throws(StoreError) {
            return .success(try body(&self))
        } catch {
            return self.fail(error)
        }
    }

    private mutating func fail(_ error: StoreError) -> ApplyResult {
        if error.isFatal { self.failure = self.failure ?? error }
        return .failure(error)
    }

    private mutating func apply(
        _ operation: InternalRaftRequest.Operation, uptime: Duration
    ) throws(StoreError) -> ApplyResponse {
        #if QUORATE_PLANTED_BUGS
            if let response = try self.misapply(operation) { return response }
        #endif
        return switch operation {
        case .range(let request): .range(try self.range(request))
        case .put(let request): .put(try self.put(request))
        case .deleteRange(let request): .deleteRange(try self.deleteRange(request))
        case .txn(let request): .txn(try self.txn(request))
        case .compaction(let request): .compaction(try self.compact(request))
        case .leaseGrant(let request): .leaseGrant(try self.leaseGrant(request, uptime: uptime))
        case .leaseRevoke(let request): .leaseRevoke(try self.leaseRevoke(request))
        case .leaseCheckpoint(let request): .leaseCheckpoint(try self.leaseCheckpoint(request))
        case .alarm(let request): .alarm(try self.alarm(request))
        case .v2(let request): try self.apply(request)
        case .clusterVersionSet, .clusterMemberAttrSet, .downgradeInfoSet: try self.applyToCluster(operation)
        case .downgradeVersionTest: .nothing
        default: .auth(try self.applyToAuth(operation))
        }
    }

    #if QUORATE_PLANTED_BUGS
        private mutating func misapply(_ operation: InternalRaftRequest.Operation) throws(StoreError) -> ApplyResponse? {
            switch (self.options.bug, operation) {
            case (.membersDiffer, .put(var put)) where self.options.memberID % 3 == 0 && self.revision % 16 == 0:
                put.value.append(0)
                return .put(try self.put(put))
            case (.forgetsDeletions, .deleteRange) where self.revision % 8 == 0:
                return .deleteRange(DeleteRangeResponse(header: self.header, deleted: 1))
            case (.deletesWithoutPrevious, .txn(var txn)):
                txn.success = txn.success.map { operation in
                    guard case .deleteRange(var delete) = operation else { return operation }
                    delete.prevKv = false
                    return .deleteRange(delete)
                }
                return .txn(try self.txn(txn))
            default: return nil
            }
        }
    #endif

    /// Puts into the backend how far the log is applied. To be called just before the backend is committed.
    public func prepareCommit() throws(StoreError) {
        if let failure { throw failure }
        guard self.appliedIndex > 0 else { return }
        #if QUORATE_PLANTED_BUGS
            let late: UInt64 = self.options.bug == .appliedIndexLate && self.appliedIndex > 10 ? 1 : 0
            try self.backend.put(Meta.consistentIndex, bigEndian(self.appliedIndex - late), in: .meta)
        #else
            try self.backend.put(Meta.consistentIndex, bigEndian(self.appliedIndex), in: .meta)
        #endif
        if self.appliedTerm > 0 { try self.backend.put(Meta.term, bigEndian(self.appliedTerm), in: .meta) }
        guard self.confState != ConfState() else { return }
        try self.backend.put(Meta.confState, self.confState.json(), in: .meta)
    }
}

/// The keys of the bucket `meta`.
enum Meta {
    static let consistentIndex = Array("consistent_index".utf8)
    static let term = Array("term".utf8)
    static let confState = Array("confState".utf8)
    static let scheduledCompactRevision = Array("scheduledCompactRev".utf8)
    static let finishedCompactRevision = Array("finishedCompactRev".utf8)
}

/// Eight bytes, the most significant first.
func bigEndian(_ value: UInt64) -> [UInt8] {
    stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
}
