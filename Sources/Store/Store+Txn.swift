public import EtcdWire

extension Store {
    /// Whether neither branch of the transaction changes anything, so that ``readTxn(_:)`` can answer it without an entry.
    public static func isReadOnly(_ request: TxnRequest) -> Bool {
        (request.success + request.failure).allSatisfy { operation in
            switch operation {
            case .range: true
            case .put, .deleteRange: false
            case .txn(let request): self.isReadOnly(request)
            }
        }
    }

    /// Answers a transaction that ``isReadOnly(_:)``.
    public func readTxn(_ request: TxnRequest) throws(StoreError) -> TxnResponse {
        precondition(Self.isReadOnly(request), "a transaction that writes must be applied as an entry")
        try self.validate(.txn(request))
        let branch = try Branch(of: request, in: self)
        try self.checkRanges(branch)
        var response = try self.read(branch)
        response.header = self.header
        return response
    }

    mutating func txn(_ request: TxnRequest) throws(StoreError) -> TxnResponse {
        let branch = try Branch(of: request, in: self)
        try self.checkPuts(branch)
        try self.checkRanges(branch)
        var response = try self.execute(branch)
        try self.endWrite()
        if branch.steps.count > 1 { self.counts.txns += 1 }
        response.header = self.header
        return response
    }

    private func checkPuts(_ branch: Branch) throws(StoreError) {
        for step in branch.steps {
            switch step {
            case .put(let request):
                // In this order, though a put by itself is checked in the other: etcd's answers differ so.
                try self.checkKey(of: request)
                try self.checkLease(of: request)
            case .txn(let branch): try self.checkPuts(branch)
            case .range, .deleteRange: break
            }
        }
    }

    private func checkRanges(_ branch: Branch) throws(StoreError) {
        for step in branch.steps {
            switch step {
            case .range(let request) where request.revision != 0:
                guard request.revision <= self.revision else { throw .futureRevision }
                guard request.revision >= self.compactRevision else { throw .compacted }
            case .txn(let branch): try self.checkRanges(branch)
            case .range, .put, .deleteRange: break
            }
        }
    }

    /// Is not refused once the branch is checked: the revisions of its ranges stay where they were.
    private mutating func execute(_ branch: Branch) throws(StoreError) -> TxnResponse {
        var response = TxnResponse(succeeded: branch.succeeded)
        response.responses.reserveCapacity(branch.steps.count)
        for step in branch.steps {
            switch step {
            case .range(let request): response.responses.append(.range(try self.rangeWithinWrite(request)))
            case .put(let request): response.responses.append(.put(try self.putWithinWrite(request)))
            case .deleteRange(let request): response.responses.append(.deleteRange(try self.deleteRangeWithinWrite(request)))
            case .txn(let branch): response.responses.append(.txn(try self.execute(branch)))
            }
        }
        return response
    }

    private func read(_ branch: Branch) throws(StoreError) -> TxnResponse {
        var response = TxnResponse(succeeded: branch.succeeded)
        for step in branch.steps {
            switch step {
            case .range(let request): response.responses.append(.range(try self.rangeWithinWrite(request)))
            case .txn(let branch): response.responses.append(.txn(try self.read(branch)))
            case .put, .deleteRange: preconditionFailure("a branch that reads has only ranges")
            }
        }
        return response
    }

    /// Whether a comparison holds: for every key of its range, or, when there is none, for a key that never was.
    fileprivate func holds(_ compare: Compare) throws(StoreError) -> Bool {
        let range = KeyRange(key: compare.key, rangeEnd: compare.rangeEnd)
        let found = self.select(range, at: self.revision).found
        guard !found.isEmpty else { return compare.target != .value && compare.holds(for: KeyValue()) }
        for (key, id) in found {
            let kv = compare.target == .value ? try self.row(id) : self.withoutValue(key, id)
            guard compare.holds(for: kv) else { return false }
        }
        return true
    }

    /// A key that is there now, as the index knows it.
    private func withoutValue(_ key: Key, _ id: RowID) -> KeyValue {
        guard let current = self.index.read(key, { $0.current }) ?? nil else { preconditionFailure("the key was just found") }
        return KeyValue(
            key: key.bytes, createRevision: current.createRevision, modRevision: id.main, version: current.version,
            lease: current.lease)
    }
}

/// The side of a transaction that is taken, all the way down. It is settled before anything is written, as etcd does: a
/// nested comparison does not see what the transaction around it writes.
private struct Branch {
    enum Step {
        case range(RangeRequest)
        case put(PutRequest)
        case deleteRange(DeleteRangeRequest)
        case txn(Branch)
    }

    let succeeded: Bool
    let steps: [Step]

    init(of request: TxnRequest, in store: borrowing Store) throws(StoreError) {
        var succeeded = true
        for compare in request.compare where succeeded { succeeded = try store.holds(compare) }
        self.succeeded = succeeded
        var steps: [Step] = []
        for operation in succeeded ? request.success : request.failure {
            switch operation {
            case .range(let request): steps.append(.range(request))
            case .put(let request): steps.append(.put(request))
            case .deleteRange(let request): steps.append(.deleteRange(request))
            case .txn(let request): steps.append(.txn(try Branch(of: request, in: store)))
            }
        }
        self.steps = steps
    }
}

extension Compare {
    /// An operand of another kind than the target counts as zero or empty.
    fileprivate func holds(for kv: KeyValue) -> Bool {
        let order: Int
        switch (self.target, self.operand) {
        case (.version, .version(let version)): order = Self.order(kv.version, version)
        case (.version, _): order = Self.order(kv.version, 0)
        case (.create, .createRevision(let revision)): order = Self.order(kv.createRevision, revision)
        case (.create, _): order = Self.order(kv.createRevision, 0)
        case (.mod, .modRevision(let revision)): order = Self.order(kv.modRevision, revision)
        case (.mod, _): order = Self.order(kv.modRevision, 0)
        case (.lease, .lease(let lease)): order = Self.order(kv.lease, lease)
        case (.lease, _): order = Self.order(kv.lease, 0)
        case (.value, .value(let value)): order = compareBytes(kv.value, value)
        case (.value, _): order = compareBytes(kv.value, [])
        }
        switch self.result {
        case .equal: return order == 0
        case .notEqual: return order != 0
        case .greater: return order > 0
        case .less: return order < 0
        }
    }

    private static func order(_ one: Int64, _ other: Int64) -> Int {
        one < other ? -1 : one > other ? 1 : 0
    }
}
