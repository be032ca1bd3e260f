public import EtcdClient

/// What the store did not do, to which key, and why.
public struct StoreError: Error, Hashable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        case notFound
        case alreadyExists
        /// Someone else changed the object since it was read: read it again, decide again.
        case conflict
        /// Another controller leads; this one must write nothing more.
        case deposed
        /// The stored value is not an object of the type.
        case unreadable
        /// The store did not answer, or not in time. A write may have happened, or may yet happen.
        case unavailable
        /// The store refused the request; the same request will be refused again.
        case refused
    }

    public var code: Code
    public var key: String
    public var message: String
    /// The store's own answer, where it gave one.
    public var cause: EtcdError?

    public init(_ code: Code, key: String, _ message: String, cause: EtcdError? = nil) {
        self.code = code
        self.key = key
        self.message = message
        self.cause = cause
    }

    init(_ error: EtcdError, key: String) {
        let code: Code =
            switch error.code {
            case .deadlineExceeded, .unavailable, .canceled, .unknown, .internal, .resourceExhausted, .aborted: .unavailable
            default: .refused
            }
        self.init(code, key: key, error.description, cause: error)
    }

    public var description: String { "\(self.key): \(self.message)" }
}
