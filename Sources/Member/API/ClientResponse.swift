package import EtcdWire
internal import Store

/// What a member answers to a ``ClientRequest``.
package enum ClientResponse: Sendable {
    // Those that come in great numbers stand here by themselves, so that they need no box.
    case range(RangeResponse)
    case put(PutResponse)
    case deleteRange(DeleteRangeResponse)
    case txn(TxnResponse)
    case other(any WireMessage)

    /// Appends the message.
    func encode(into writer: inout ProtoWriter) {
        switch self {
        case .range(let response): response.encode(into: &writer)
        case .put(let response): response.encode(into: &writer)
        case .deleteRange(let response): response.encode(into: &writer)
        case .txn(let response): response.encode(into: &writer)
        case .other(let response): response.encode(into: &writer)
        }
    }
}

extension Result<ClientResponse, StoreError> {
    /// What a client is told of an entry that was applied.
    init(_ applied: Store.ApplyResult) {
        switch applied {
        case .failure(let error): self = .failure(error)
        case .success(let response):
            switch response {
            case .range(let response): self = .success(.range(response))
            case .put(let response): self = .success(.put(response))
            case .deleteRange(let response): self = .success(.deleteRange(response))
            case .txn(let response): self = .success(.txn(response))
            case .compaction(let response): self = .success(.other(response))
            case .leaseGrant(let response): self = .success(.other(response))
            case .leaseRevoke(let response): self = .success(.other(response))
            case .leaseCheckpoint(let response): self = .success(.other(response))
            case .alarm(let response): self = .success(.other(response))
            case .auth(let response): self = .success(.other(response.message))
            case .members, .nothing: self = .failure(.unknownRequest)
            }
        }
    }
}

extension AuthResponse {
    fileprivate var message: any WireMessage {
        switch self {
        case .done(let response): response
        case .status(let response): response
        case .authenticate(let response): response
        case .userGet(let response): response
        case .userList(let response): response
        case .roleGet(let response): response
        case .roleList(let response): response
        }
    }
}
