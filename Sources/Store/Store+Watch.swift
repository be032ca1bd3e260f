public import EtcdWire

extension Store {
    /// Opens a watch and returns the `created` response. A `watchID` of 0 is replaced by a free one; ids are unique in the
    /// store. When the request is refused the response is also `canceled`, with a `watchID` of -1.
    public mutating func createWatch(_ request: WatchCreateRequest) -> WatchResponse {
        func refused(_ reason: String) -> WatchResponse {
            WatchResponse(header: self.header, watchID: -1, created: true, canceled: true, cancelReason: reason)
        }
        if request.startRevision < 0 { return refused(StoreError.compacted.message) }
        let range = KeyRange(key: request.key.isEmpty ? [0] : request.key, rangeEnd: request.rangeEnd)
        if let end = range.end, range.start >= end { return refused("mvcc: watcher range is empty") }
        if request.watchID != 0, self.hub.slot(of: request.watchID) != nil {
            return refused("mvcc: duplicate watch ID provided on the WatchStream")
        }
        let next = self.revision + 1
        let watcher = Watcher(
            id: request.watchID != 0 ? request.watchID : self.hub.makeID(), range: range,
            withoutPuts: request.filters.contains(.noPut), withoutDeletions: request.filters.contains(.noDelete),
            prevKv: request.prevKv, state: .paused, cursor: request.startRevision == 0 ? next : request.startRevision)
        let slot = self.hub.insert(watcher)
        #if QUORATE_PLANTED_BUGS
            let step: Int64 = self.options.bug == .watchSkipsOnResume ? 1 : self.options.bug == .watchRepeatsOnResume ? -1 : 0
            if watcher.cursor < next, watcher.cursor > 1 { _ = self.hub.update(slot) { $0.cursor += step } }
        #endif
        self.hub.setState(of: slot, to: watcher.cursor >= next ? .synced : .behind)
        return WatchResponse(header: self.header, watchID: watcher.id, created: true)
    }

    /// Ends a watch. Returns the `canceled` response, or nil when there is no such watch.
    public mutating func cancelWatch(_ id: Int64) -> WatchResponse? {
        guard let slot = self.hub.slot(of: id) else { return nil }
        self.hub.remove(slot)
        return WatchResponse(header: self.header, watchID: id, canceled: true)
    }

    /// Goes on with the watches of a store that this one takes the place of, as when a member takes another's database. What
    /// they were not told of yet is read from history.
    public mutating func adoptWatches(of other: inout Store) {
        self.hub = other.hub
        other.hub = WatchHub()
        self.hub.fallBehind(after: other.revision)
    }

    /// Holds back a watch whose receiver is behind. It costs nothing while paused, and loses nothing: what it missed is
    /// read from history when it is resumed, or it is canceled when that was compacted.
    public mutating func pauseWatch(_ id: Int64) {
        guard let slot = self.hub.slot(of: id) else { return }
        let next = self.revision + 1
        _ = self.hub.update(slot) { watcher in
            guard watcher.state == .synced else { return }
            watcher.cursor = watcher.pending.first?.kv.modRevision ?? max(watcher.cursor, next)
            watcher.pending = []
        }
        self.hub.setState(of: slot, to: .paused)
    }

    public mutating func resumeWatch(_ id: Int64) {
        guard let slot = self.hub.slot(of: id), let watcher = self.hub[slot], watcher.state == .paused else { return }
        self.hub.setState(of: slot, to: watcher.cursor > self.revision ? .synced : .behind)
    }

    /// Takes what there is to tell: first what has just changed, then a share of history for each watch that is behind.
    /// All events of one revision are in one response, and a watch's responses are in order. A response that is `canceled`
    /// is its watch's last.
    ///
    /// - Parameter limit: Watches behind to serve in this call; call again while ``hasWatchResponses``.
    public mutating func nextWatchResponses(limit: Int = 512) throws(StoreError) -> [WatchResponse] {
        if let failure { throw failure }
        var responses: [WatchResponse] = []
        let header = self.header
        for slot in self.hub.takeTold() {
            let response = self.hub.update(slot) { watcher -> WatchResponse? in
                guard !watcher.pending.isEmpty else { return nil }
                defer { watcher.pending = [] }
                return WatchResponse(header: header, watchID: watcher.id, events: watcher.pending)
            }
            guard let response = response ?? nil else { continue }
            self.counts.events += UInt64(response.events.count)
            responses.append(response)
        }
        var share: Share?
        for _ in 0..<min(limit, self.hub.queued) {
            guard let slot = self.hub.dequeue(), let response = try self.catchUp(slot, &share) else { continue }
            self.counts.events += UInt64(response.events.count)
            responses.append(response)
        }
        return responses
    }

    /// Whether ``nextWatchResponses(limit:)`` has more to do.
    public var hasWatchResponses: Bool {
        !self.hub.told.isEmpty || self.hub.queued > 0
    }

    /// Open watches; those among them that read history; and those that something just done is still to be told to.
    public var watchCount: Int { self.hub.count }
    public var slowWatchCount: Int { self.hub.queued }
    public var waitingWatchCount: Int { self.hub.told.count }

    /// An empty response whose header says that the watch was told everything up to that revision, or nil when it was not.
    public func watchProgress(_ id: Int64) -> WatchResponse? {
        #if QUORATE_PLANTED_BUGS
            if self.options.bug == .tellsProgressEarly { return WatchResponse(header: self.header, watchID: id) }
        #endif
        guard let slot = self.hub.slot(of: id), let watcher = self.hub[slot], watcher.state == .synced,
            watcher.pending.isEmpty
        else { return nil }
        return WatchResponse(header: self.header, watchID: id)
    }

    /// Tells the synced watches of the change just made.
    mutating func notify() throws(StoreError) {
        guard self.hub.count > 0 else { return }
        for row in self.written {
            let slots = self.hub.matches(Key(row.kv.key))
            guard !slots.isEmpty else { continue }
            var plain = Announcement(Self.event(of: row))
            var withPrevious: Announcement?
            for slot in slots {
                guard let wantsPrevious = self.hub.wantsPrevious(slot, of: row.id) else { continue }
                guard wantsPrevious else {
                    self.hub.tell(slot, &plain)
                    continue
                }
                if withPrevious == nil { withPrevious = Announcement(try self.eventWithPrevious(of: row)) }
                if withPrevious != nil { self.hub.tell(slot, &withPrevious!) }
            }
        }
    }

    /// Reads a watch that is behind its share of history, or gives it the one before it where that is the same.
    private mutating func catchUp(_ slot: Int, _ share: inout Share?) throws(StoreError) -> WatchResponse? {
        guard let watcher = self.hub[slot] else { return nil }
        if watcher.cursor < self.compactRevision {
            self.hub.remove(slot)
            return WatchResponse(
                header: self.header, watchID: watcher.id, canceled: true, compactRevision: self.compactRevision)
        }
        let own = if let share, share.isFor(watcher) { share } else { try self.readShare(of: watcher) }
        share = own
        _ = self.hub.update(slot) { $0.cursor = own.next }
        if own.next > self.revision { self.hub.setState(of: slot, to: .synced) } else { self.hub.enqueue(slot) }
        guard !own.events.isEmpty else { return nil }
        var header = self.header
        header.revision = own.next - 1
        return WatchResponse(header: header, watchID: watcher.id, events: own.events)
    }

    private func readShare(of watcher: Watcher) throws(StoreError) -> Share {
        var turn = Turn(watcher)
        if watcher.range.isSingle {
            for id in self.index.read(watcher.range.start, { $0.rows(from: watcher.cursor) }) ?? [] {
                guard turn.goesOn(with: id) else { break }
                guard watcher.wants(id), self.isKept(id, of: watcher.range.start) else { continue }
                turn.take(Row(id: id, kv: try self.row(id)))
            }
        } else {
            try self.readRows(&turn)
        }
        var events: [WatchEvent] = []
        events.reserveCapacity(turn.rows.count)
        for row in turn.rows { events.append(watcher.prevKv ? try self.eventWithPrevious(of: row) : Self.event(of: row)) }
        // A watch of what is to come may be ahead of a store that was put in the place of another.
        return Share(watcher, events: events, next: max(watcher.cursor, turn.next ?? self.revision + 1))
    }

    /// What a watch behind is told at once. Watches that want the same from the same revision on are told the same: it is
    /// read once for those that follow each other.
    private struct Share {
        private let watcher: Watcher
        let events: [WatchEvent]
        /// The revision that the watch goes on from.
        let next: Int64

        init(_ watcher: Watcher, events: [WatchEvent], next: Int64) {
            (self.watcher, self.events, self.next) = (watcher, events, next)
        }

        func isFor(_ other: Watcher) -> Bool {
            self.watcher.cursor == other.cursor && self.watcher.prevKv == other.prevKv
                && self.watcher.withoutPuts == other.withoutPuts && self.watcher.withoutDeletions == other.withoutDeletions
                && self.watcher.range == other.range
        }
    }

    /// One share of history: rows that the watch wants.
    private struct Turn {
        let watcher: Watcher
        var rows: [Row] = []
        /// The revision that the next turn begins at; nil when history ended first.
        private(set) var next: Int64?
        private var (revisions, bytes, seen) = (0, 0, 0)
        private var last: Int64 = 0

        init(_ watcher: Watcher) {
            self.watcher = watcher
        }

        /// Whether this row still belongs to the turn, which may only end between revisions.
        mutating func goesOn(with id: RowID) -> Bool {
            if id.main != self.last {
                if let row = self.rows.last, row.id.main == self.last { self.revisions += 1 }
                if self.revisions >= revisionsPerTurn || self.bytes >= bytesPerTurn || self.seen >= rowsPerTurn {
                    self.next = id.main
                    return false
                }
                self.last = id.main
            }
            self.seen += 1
            return true
        }

        mutating func take(_ row: Row) {
            self.bytes += row.kv.key.count + row.kv.value.count
            self.rows.append(row)
        }
    }

    private func readRows(_ turn: inout Turn) throws(StoreError) {
        let watcher = turn.watcher
        let start = RowID.start(of: max(0, watcher.cursor))
        try self.backend.forEach(in: .key, from: start, to: nil) { (key, value) throws(StoreError) in
            guard let id = RowID(key) else { throw .damaged(.key, [UInt8](bytesOf: key), "is no revision") }
            guard turn.goesOn(with: id) else { return false }
            guard watcher.wants(id) else { return true }
            guard let fields = RowFields(value) else { throw .damaged(.key, id.bytes, "has a value that is no KeyValue") }
            let name = Key(fields.key)
            guard watcher.range.contains(name), self.isKept(id, of: name) else { return true }
            turn.take(Row(id: id, kv: try self.decode([UInt8](bytesOf: value), of: id)))
            return true
        }
    }

    /// Whether the last compaction leaves a row, be it gone through with or not.
    private func isKept(_ id: RowID, of key: Key) -> Bool {
        let compacted = self.compactRevision
        return id.main > compacted || self.index.read(key) { $0.newest(atOrBefore: compacted) } == .some(id)
    }

    private static func event(of row: Row) -> WatchEvent {
        WatchEvent(type: row.id.isTombstone ? .delete : .put, kv: row.kv)
    }

    /// The event with the key as the revision before left it: nothing when the key was created, or when that is compacted.
    private func eventWithPrevious(of row: Row) throws(StoreError) -> WatchEvent {
        var event = Self.event(of: row)
        let before = row.id.main - 1
        guard row.id.isTombstone || row.kv.createRevision != row.id.main, before >= self.compactRevision else { return event }
        if let id = self.index.read(Key(row.kv.key), { $0.at(before) }) ?? nil { event.prevKv = try self.row(id) }
        return event
    }
}

/// How much history one watch is read in one turn: etcd's own measure.
private let revisionsPerTurn = 1000
/// Bytes of events after which a turn ends.
private let bytesPerTurn = 1 << 20
/// Rows looked at in a turn, wanted or not.
private let rowsPerTurn = 10_000
