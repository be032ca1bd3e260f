internal import EtcdWire

/// A compaction under way. Reads below it are refused from its first moment; the rows that it drops go a few at a time.
struct Compaction {
    let revision: Int64
    /// Where in the index to go on, while ``isIndexDone`` is false.
    var next: Key?
    var isIndexDone = false
    /// Rows that the index has dropped and that still stand in the backend, in order; those before ``removed`` are gone.
    var dropped: [RowID] = []
    var removed = 0

    /// Rows gathered before they are removed: enough that neighbours are removed together.
    static var batch: Int { 1 << 16 }

    init(revision: Int64) {
        self.revision = revision
    }
}

extension Store {
    mutating func compact(_ request: CompactionRequest) throws(StoreError) -> CompactionResponse {
        let revision = request.revision
        guard revision > self.compactRevision else { throw .compacted }
        guard revision <= self.revision else { throw .futureRevision }
        self.compactRevision = revision
        try self.backend.put(Meta.scheduledCompactRevision, RowID.start(of: revision), in: .meta)
        var compaction = Compaction(revision: revision)
        if let unfinished = self.compaction {
            compaction.dropped = unfinished.dropped
            compaction.removed = unfinished.removed
        }
        self.compaction = compaction
        return CompactionResponse(header: self.header)
    }

    /// Whether rows that a compaction drops still stand in the backend.
    public var isCompacting: Bool { self.compaction != nil }

    /// Goes on with the compaction under way: looks at a share of the keys, or removes some rows.
    /// - Parameter limit: Keys or rows to deal with, about; the time it takes is bounded by it.
    public mutating func compactionStep(limit: Int) throws(StoreError) {
        if let failure { throw failure }
        guard self.compaction != nil else { return }
        do throws(StoreError) {
            try self.stepCompaction(limit)
        } catch {
            self.failure = error
            throw error
        }
    }

    /// Removes all rows that compactions dropped.
    public mutating func finishCompaction() throws(StoreError) {
        while self.isCompacting { try self.compactionStep(limit: Compaction.batch) }
    }

    private mutating func stepCompaction(_ limit: Int) throws(StoreError) {
        guard var compaction = self.compaction else { return }
        // Held twice, its rows would be copied at each change.
        self.compaction = nil
        let isGathering = compaction.removed == 0 && compaction.dropped.count < Compaction.batch && !compaction.isIndexDone
        if isGathering {
            self.gather(&compaction, limit)
        } else {
            let end = min(compaction.removed + limit, compaction.dropped.count)
            for row in compaction.dropped[compaction.removed..<end] { try self.backend.remove(row.bytes, in: .key) }
            self.counts.rowsCompacted += UInt64(end - compaction.removed)
            compaction.removed = end
            if end == compaction.dropped.count { (compaction.dropped, compaction.removed) = ([], 0) }
        }
        guard compaction.isIndexDone, compaction.dropped.isEmpty else {
            self.compaction = compaction
            return
        }
        try self.backend.put(Meta.finishedCompactRevision, RowID.start(of: compaction.revision), in: .meta)
    }

    private mutating func gather(_ compaction: inout Compaction, _ limit: Int) {
        let revision = compaction.revision
        var (seen, dropped) = (0, compaction.dropped)
        compaction.dropped = []
        repeat {
            compaction.next = self.index.filterSome(from: compaction.next) { history in
                seen += 1
                #if QUORATE_PLANTED_BUGS
                    let bound = self.options.bug == .compactsTooMuch ? revision + 5 : revision
                    return history.compact(at: bound, dropped: &dropped)
                #else
                    return history.compact(at: revision, dropped: &dropped)
                #endif
            }
            compaction.isIndexDone = compaction.next == nil
        } while !compaction.isIndexDone && seen < limit && dropped.count < Compaction.batch
        if compaction.isIndexDone || dropped.count >= Compaction.batch { dropped.sort { $0.precedes($1) } }
        compaction.dropped = dropped
    }
}
