public import EtcdWire

/// A request to etcd's key-value service.
public enum EtcdRequest: Hashable, Sendable {
    case range(RangeRequest)
    case put(PutRequest)
    case deleteRange(DeleteRangeRequest)
    case txn(TxnRequest)
    case compact(CompactionRequest)
}

/// The answer to a request. Whoever records it leaves requests that were refused for other reasons out of the history.
public enum EtcdReply: Hashable, Sendable {
    case range(RangeResponse)
    case put(PutResponse)
    case deleteRange(DeleteRangeResponse)
    case txn(TxnResponse)
    case compact(CompactionResponse)
    /// `etcdserver: mvcc: required revision has been compacted`
    case compacted
    /// `etcdserver: mvcc: required revision is a future revision`
    case futureRevision
}

/// etcd's key-value store as one object: revisions, transactions, reads of the past, compaction. Every field of a reply is
/// checked, headers by their revision alone. Leases are kept with their keys as they were put, and never end.
///
/// Since a reply tells its revision, few orders are ever tried. Where the ``EventLog`` of what was stored is given, it also
/// settles which of the operations of unknown outcome took effect, and when.
public struct EtcdModel: SequentialModel {
    public let initialState: EtcdModelState
    private let log: EventLog?

    /// - Parameters:
    ///   - state: What the store holds when the history begins.
    ///   - log: What was stored from then on. Beyond its last revision anything may follow.
    public init(from state: EtcdModelState = EtcdModelState(), log: EventLog? = nil) {
        self.initialState = state
        self.log = log
    }

    public func step(_ state: EtcdModelState, _ input: EtcdRequest, _ output: EtcdReply?) -> EtcdModelState? {
        if let revision = output?.revision {
            if case .range(let request) = input, request.serializable, request.revision <= 0 {
                return self.readsPast(state, request, revision, output) ? state : nil
            }
            let expected = state.revision + (output?.hasWritten == true ? 1 : 0)
            guard revision == expected else { return nil }
        }
        if output == nil, let events = self.log?.events(at: state.revision + 1), !input.mayWrite(events) { return nil }
        let result = state.applying(input)
        if let output {
            guard result.reply.isEqual(to: output) else { return nil }
        }
        if result.state.revision > state.revision, let log = self.log {
            guard log.mayHold(result.events, at: result.state.revision) else { return nil }
        }
        return result.state
    }

    public func isReadOnly(_ input: EtcdRequest, _ output: EtcdReply?) -> Bool {
        switch (input, output) {
        case (.range, _), (_, .compacted), (_, .futureRevision): true
        case (.compact, _), (_, nil): false
        case (_, let output?): !output.hasWritten
        }
    }

    /// Revisions only rise.
    public func isTooLate(
        _ state: EtcdModelState, _ input: EtcdRequest, _ output: EtcdReply, before others: () -> [EtcdRequest]
    ) -> Bool {
        if case .range(let request) = input, request.serializable { return false }
        guard let revision = output.revision else { return false }
        return output.hasWritten ? revision <= state.revision : revision < state.revision
    }

    /// A serializable read without a revision is answered by a member as of the revision it has reached.
    private func readsPast(
        _ state: EtcdModelState, _ request: RangeRequest, _ revision: Int64, _ output: EtcdReply?
    ) -> Bool {
        guard let output, revision <= state.revision else { return false }
        // A member that lags has not compacted yet either; what it had then, the model does not know any more.
        if revision < state.compactRevision { return true }
        guard let table = state.table(at: revision) else { return false }
        return EtcdReply.range(table.range(request, header: revision)).isEqual(to: output)
    }
}

extension EtcdRequest {
    /// Whether the events of one revision can be this request's doing. Cheaper than to carry it out, and enough to tell for
    /// nearly all of which nobody knows when they took effect, and if.
    fileprivate func mayWrite(_ events: [WatchEvent]) -> Bool {
        let event = events[0]
        switch self {
        case .range, .compact: return true
        case .put(let request): return events.count == 1 && request.mayWrite(event)
        case .deleteRange: return event.type == .delete
        case .txn(let request): return request.mayWrite(event)
        }
    }
}

extension PutRequest {
    fileprivate func mayWrite(_ event: WatchEvent) -> Bool {
        event.type == .put && event.kv.key == self.key && (self.ignoreValue || event.kv.value == self.value)
    }
}

extension TxnRequest {
    fileprivate func mayWrite(_ event: WatchEvent) -> Bool {
        [self.success, self.failure].contains { branch in
            branch.contains { operation in
                switch operation {
                case .range: false
                case .put(let request): request.mayWrite(event)
                case .deleteRange: event.type == .delete
                case .txn(let request): request.mayWrite(event)
                }
            }
        }
    }
}

extension EtcdReply {
    /// The store's revision when it answered.
    public var revision: Int64? {
        switch self {
        case .range(let response): response.header.revision
        case .put(let response): response.header.revision
        case .deleteRange(let response): response.header.revision
        case .txn(let response): response.header.revision
        case .compact(let response): response.header.revision
        case .compacted, .futureRevision: nil
        }
    }

    /// Whether the request took a revision of its own.
    public var hasWritten: Bool {
        switch self {
        case .put: true
        case .deleteRange(let response): response.deleted > 0
        case .txn(let response): Self.hasWritten(response)
        case .range, .compact, .compacted, .futureRevision: false
        }
    }

    private static func hasWritten(_ response: TxnResponse) -> Bool {
        response.responses.contains { response in
            switch response {
            case .range: false
            case .put: true
            case .deleteRange(let response): response.deleted > 0
            case .txn(let response): Self.hasWritten(response)
            }
        }
    }

    /// Whether the answers agree in all but who gave them.
    func isEqual(to other: EtcdReply) -> Bool {
        guard self.revision == other.revision else { return false }
        switch (self, other) {
        case (.range(let left), .range(let right)): return left.withoutHeader == right.withoutHeader
        case (.put(let left), .put(let right)): return left.withoutHeader == right.withoutHeader
        case (.deleteRange(let left), .deleteRange(let right)): return left.withoutHeader == right.withoutHeader
        case (.txn(let left), .txn(let right)): return left.withoutHeader == right.withoutHeader
        case (.compact, .compact), (.compacted, .compacted), (.futureRevision, .futureRevision): return true
        default: return false
        }
    }
}

extension RangeResponse {
    fileprivate var withoutHeader: RangeResponse {
        RangeResponse(kvs: self.kvs, more: self.more, count: self.count)
    }
}

extension PutResponse {
    fileprivate var withoutHeader: PutResponse { PutResponse(prevKv: self.prevKv) }
}

extension DeleteRangeResponse {
    fileprivate var withoutHeader: DeleteRangeResponse {
        DeleteRangeResponse(deleted: self.deleted, prevKvs: self.prevKvs)
    }
}

extension TxnResponse {
    fileprivate var withoutHeader: TxnResponse {
        TxnResponse(
            succeeded: self.succeeded,
            responses: self.responses.map { response in
                switch response {
                case .range(let response): .range(response.withoutHeader)
                case .put(let response): .put(response.withoutHeader)
                case .deleteRange(let response): .deleteRange(response.withoutHeader)
                case .txn(let response): .txn(response.withoutHeader)
                }
            })
    }
}
