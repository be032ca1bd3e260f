public import EtcdWire

extension Store {
    /// Whether the request is well formed, whatever the store holds. What fails here need not be logged.
    public func validate(_ operation: InternalRaftRequest.Operation) throws(StoreError) {
        switch operation {
        case .range(let request): try Self.validate(request)
        case .put(let request): try Self.validate(request)
        case .deleteRange(let request): try Self.validate(request)
        case .txn(let request): try self.validate(request)
        default: break
        }
    }

    private static func validate(_ request: RangeRequest) throws(StoreError) {
        guard !request.key.isEmpty else { throw .emptyKey }
    }

    private static func validate(_ request: DeleteRangeRequest) throws(StoreError) {
        guard !request.key.isEmpty else { throw .emptyKey }
    }

    private static func validate(_ request: PutRequest) throws(StoreError) {
        guard !request.key.isEmpty else { throw .emptyKey }
        guard !request.ignoreValue || request.value.isEmpty else { throw .valueProvided }
        guard !request.ignoreLease || request.lease == 0 else { throw .leaseProvided }
    }

    private func validate(_ request: TxnRequest) throws(StoreError) {
        try Self.validate(request, budget: self.options.maximumTxnOps)
        _ = try Writes(of: request.success)
        _ = try Writes(of: request.failure)
    }

    /// - Parameter budget: What the levels above have left of the allowed operations.
    private static func validate(_ request: TxnRequest, budget: Int) throws(StoreError) {
        let longest = max(request.compare.count, request.success.count, request.failure.count)
        guard longest <= budget else { throw .tooManyOps }
        for compare in request.compare where compare.key.isEmpty { throw .emptyKey }
        for branch in [request.success, request.failure] {
            for operation in branch {
                switch operation {
                case .range(let request): try self.validate(request)
                case .put(let request): try self.validate(request)
                case .deleteRange(let request): try self.validate(request)
                case .txn(let request): try self.validate(request, budget: budget - longest)
                }
            }
        }
    }
}

/// What a branch of a transaction writes, so far as one key may not be written twice.
private struct Writes {
    private var puts: [Key] = []
    private var deletions: [KeyRange] = []

    /// - Throws: When a key is put twice, or put and deleted, by operations that may both be carried out.
    init(of operations: [RequestOp]) throws(StoreError) {
        // etcd overlooks a deletion without an end here, and so it is allowed together with any put.
        for case .deleteRange(let request) in operations where request.rangeEnd != [0] {
            self.deletions.append(KeyRange(key: request.key, rangeEnd: request.rangeEnd))
        }
        for case .txn(let request) in operations {
            // Of the two branches one alone is carried out, so they may write the same keys.
            let success = try Writes(of: request.success)
            let failure = try Writes(of: request.failure)
            try self.refuse(success.puts)
            try self.refuse(failure.puts)
            self.puts += success.puts + failure.puts
            self.deletions += success.deletions + failure.deletions
        }
        for case .put(let request) in operations {
            let key = Key(request.key)
            try self.refuse([key])
            self.puts.append(key)
        }
    }

    private func refuse(_ keys: [Key]) throws(StoreError) {
        for key in keys {
            if self.puts.contains(key) || self.deletions.contains(where: { $0.contains(key) }) { throw .duplicateKey }
        }
    }
}
