/// Why a request was refused: a gRPC status code, and etcd's own words for it, which is what clients tell errors apart by.
public struct StoreError: Error, Hashable, CustomStringConvertible {
    /// A gRPC status code.
    public var code: Int
    public var message: String

    public init(code: Int, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String {
        self.message
    }

    public static let emptyKey = StoreError(code: 3, message: "etcdserver: key is not provided")
    public static let keyNotFound = StoreError(code: 3, message: "etcdserver: key not found")
    public static let valueProvided = StoreError(code: 3, message: "etcdserver: value is provided")
    public static let leaseProvided = StoreError(code: 3, message: "etcdserver: lease is provided")
    public static let tooManyOps = StoreError(code: 3, message: "etcdserver: too many operations in txn request")
    public static let duplicateKey = StoreError(code: 3, message: "etcdserver: duplicate key given in txn request")
    public static let compacted = StoreError(
        code: 11, message: "etcdserver: mvcc: required revision has been compacted")
    public static let futureRevision = StoreError(
        code: 11, message: "etcdserver: mvcc: required revision is a future revision")
    public static let leaseNotFound = StoreError(code: 5, message: "etcdserver: requested lease not found")
    public static let leaseExists = StoreError(code: 9, message: "etcdserver: lease already exists")
    public static let leaseTTLTooLarge = StoreError(code: 11, message: "etcdserver: too large lease TTL")
    public static let requestTooLarge = StoreError(code: 3, message: "etcdserver: request is too large")
    /// A log entry of a kind that this store does not know; etcd has no such error, it stops.
    public static let unknownRequest = StoreError(code: 12, message: "etcdserver: not implemented apply")
}
