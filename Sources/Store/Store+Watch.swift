public import EtcdWire

extension Store {
    /// How much history one watch is read in one turn: etcd's own measure.
    private static var revisionsPerTurn: Int { 1000 }
    /// Bytes of events after which a turn ends.
    private static var bytesPerTurn: Int { 1 << 20 }
    /// Rows looked at in a turn, wanted or not.
    private static var rowsPerTurn: Int { 20_000 }

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
        self.hub.setState(of: slot, to: watcher.cursor >= next ? .synced : .behind)
        return WatchResponse(header: self.header, watchID: watcher.id, created: true)
    }

    /// Ends a watch. Returns the `canceled` response, or nil when there is no such watch.
    public mutating func cancelWatch(_ id: Int64) -> WatchResponse? {
        guard let slot = self.hub.slot(of: id) else { return nil }
        self.hub.remove(slot)
        return WatchResponse(header: self.header, watchID: id, canceled: true)
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
    public mutating func nextWatchResponses(limit: Int = 512) -> [WatchResponse] {
        var responses: [WatchResponse] = []
        let header = self.header
        for slot in self.hub.takeTold() {
            let response = self.hub.update(slot) { watcher -> WatchResponse? in
                guard !watcher.pending.isEmpty else { return nil }
                defer { watcher.pending = [] }
                return WatchResponse(header: header, watchID: watcher.id, events: watcher.pending)
            }
            if let response = response ?? nil { responses.append(response) }
        }
        for _ in 0..<min(limit, self.hub.queued) {
            guard let slot = self.hub.dequeue(), let response = self.catchUp(slot) else { continue }
            responses.append(response)
        }
        return responses
    }

    /// Whether ``nextWatchResponses(limit:)`` has more to do.
    public var hasWatchResponses: Bool {
        !self.hub.told.isEmpty || self.hub.queued > 0
    }

    /// Open watches.
    public var watchCount: Int {
        self.hub.count
    }

    /// An empty response whose header says that the watch was told everything up to that revision, or nil when it was not.
    public func watchProgress(_ id: Int64) -> WatchResponse? {
        guard let slot = self.hub.slot(of: id), let watcher = self.hub[slot], watcher.state == .synced,
            watcher.pending.isEmpty
        else { return nil }
        return WatchResponse(header: self.header, watchID: id)
    }

    /// Tells the synced watches of the rows of a change just made.
    mutating func notify(from start: Int) {
        guard self.hub.count > 0 else { return }
        for row in self.log[start...] {
            let slots = self.hub.matches(Key(row.kv.key))
            guard !slots.isEmpty else { continue }
            let event = Self.event(of: row)
            var eventWithPrevious: WatchEvent?
            for slot in slots {
                guard let watcher = self.hub[slot], watcher.wants(row) else { continue }
                guard watcher.prevKv else {
                    self.hub.tell(slot, event)
                    continue
                }
                let full = eventWithPrevious ?? self.eventWithPrevious(of: row)
                eventWithPrevious = full
                self.hub.tell(slot, full)
            }
        }
    }

    /// Reads a watch that is behind its share of history.
    private mutating func catchUp(_ slot: Int) -> WatchResponse? {
        guard var watcher = self.hub[slot] else { return nil }
        if watcher.cursor < self.compactRevision {
            self.hub.remove(slot)
            return WatchResponse(
                header: self.header, watchID: watcher.id, canceled: true, compactRevision: self.compactRevision)
        }
        let rows: ArraySlice<Row>
        if watcher.range.isSingle {
            rows = (self.index[watcher.range.start]?.rows(from: watcher.cursor) ?? [])[...]
        } else {
            let cursor = watcher.cursor
            rows = self.log[self.log.firstIndex(from: 0) { $0.main >= cursor }...]
        }
        var events: [WatchEvent] = []
        var (revisions, bytes, seen) = (0, 0, 0)
        var last: Int64 = 0
        var next = self.revision + 1
        for row in rows {
            if row.main != last {
                // A turn may only end between revisions.
                if revisions >= Self.revisionsPerTurn || bytes >= Self.bytesPerTurn || seen >= Self.rowsPerTurn {
                    next = row.main
                    break
                }
                last = row.main
                revisions += events.last.map { $0.kv.modRevision == last ? 0 : 1 } ?? 0
            }
            seen += 1
            guard watcher.wants(row), watcher.range.contains(Key(row.kv.key)) else { continue }
            let event = watcher.prevKv ? self.eventWithPrevious(of: row) : Self.event(of: row)
            bytes += event.kv.key.count + event.kv.value.count + (event.prevKv?.value.count ?? 0)
            events.append(event)
        }
        watcher.cursor = next
        _ = self.hub.update(slot) { $0.cursor = next }
        if next > self.revision { self.hub.setState(of: slot, to: .synced) } else { self.hub.enqueue(slot) }
        guard !events.isEmpty else { return nil }
        var header = self.header
        header.revision = next - 1
        return WatchResponse(header: header, watchID: watcher.id, events: events)
    }

    private static func event(of row: Row) -> WatchEvent {
        WatchEvent(type: row.isTombstone ? .delete : .put, kv: row.kv)
    }

    /// The event with the key as the revision before left it: nothing when the key was created, or when that is compacted.
    private func eventWithPrevious(of row: Row) -> WatchEvent {
        var event = Self.event(of: row)
        guard row.isTombstone || row.kv.createRevision != row.main, row.main - 1 >= self.compactRevision else {
            return event
        }
        event.prevKv = self.index[Key(row.kv.key)]?.at(row.main - 1)
        return event
    }
}
