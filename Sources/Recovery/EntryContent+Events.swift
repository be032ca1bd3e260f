internal import EtcdWire

extension EntryContent {
    var operation: InternalRaftRequest.Operation? {
        if case .request(let request) = self { request.operation } else { nil }
    }

    /// Whether it may make a revision.
    var mayWrite: Bool {
        switch self.operation {
        case .put, .deleteRange, .txn, .leaseRevoke: true
        default: false
        }
    }

    /// Whether these events, all of one revision, are what the entry asks for.
    func couldHaveMade(_ events: [WatchEvent]) -> Bool {
        switch self.operation {
        case .put(let request): events.count == 1 && request.couldHaveMade(events[0])
        case .deleteRange(let request): events.allSatisfy(request.couldHaveMade)
        case .txn(let request): request.couldHaveMade(events)
        case .leaseRevoke: events.allSatisfy { $0.type == .delete }
        default: false
        }
    }
}

extension PutRequest {
    fileprivate func couldHaveMade(_ event: WatchEvent) -> Bool {
        event.type == .put && event.kv.key == self.key && (self.ignoreValue || event.kv.value == self.value)
            && (self.ignoreLease || event.kv.lease == self.lease)
    }
}

extension DeleteRangeRequest {
    fileprivate func couldHaveMade(_ event: WatchEvent) -> Bool {
        guard event.type == .delete else { return false }
        if self.rangeEnd.isEmpty { return event.kv.key == self.key }
        let isBeforeEnd = self.rangeEnd == [0] || event.kv.key.lexicographicallyPrecedes(self.rangeEnd)
        return isBeforeEnd && !event.kv.key.lexicographicallyPrecedes(self.key)
    }
}

extension TxnRequest {
    /// One branch was taken, and within it one of each nested transaction's.
    func couldHaveMade(_ events: [WatchEvent]) -> Bool {
        [self.success, self.failure].contains { branch in
            events.allSatisfy { event in branch.contains { $0.couldHaveMade(event) } }
        }
    }
}

extension RequestOp {
    fileprivate func couldHaveMade(_ event: WatchEvent) -> Bool {
        switch self {
        case .put(let request): request.couldHaveMade(event)
        case .deleteRange(let request): request.couldHaveMade(event)
        case .txn(let request): request.couldHaveMade([event])
        case .range: false
        }
    }
}
