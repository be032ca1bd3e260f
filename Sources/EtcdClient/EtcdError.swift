/// What a call to etcd came to when it did not succeed. The message is the server's own, word for word, where it sent one
/// (`etcdserver: mvcc: required revision has been compacted`), since that is what clients tell errors apart by.
public struct EtcdError: Error, Hashable, CustomStringConvertible {
    public var code: Code
    public var message: String
    /// Whether surely no server has acted on the request: it never left, or it was turned away at the door.
    public var isUnsent: Bool

    public init(_ code: Code, _ message: String, isUnsent: Bool = false) {
        self.code = code
        self.message = message
        self.isUnsent = isUnsent
    }

    public var description: String {
        self.message.isEmpty ? "\(self.code)" : self.message
    }

    /// The gRPC status codes.
    public enum Code: Int, Sendable, Hashable {
        case ok = 0
        case canceled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
        case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable, dataLoss
        case unauthenticated
    }

    /// Whether the call may have taken effect although it failed: the reply was lost, or never came in time.
    public var mayHaveHappened: Bool {
        switch self.code {
        case .deadlineExceeded, .unavailable, .canceled, .unknown, .internal: !self.isUnsent
        default: false
        }
    }
}
