/// Why a request was refused: a gRPC status code, and etcd's own words for it, which is what clients tell errors apart by.
/// Or, where ``isFatal``, why the store cannot go on.
public struct StoreError: Error, Hashable, CustomStringConvertible {
    /// A gRPC status code.
    public var code: Int
    public var message: String
    /// Whether what the store stands on is damaged, or could not be read or written: nothing may be committed any more, and
    /// nothing the store says from now on can be relied on. The message names the file and the place in it.
    public var isFatal = false

    public init(code: Int, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String {
        self.message
    }

    /// What the store stands on is damaged, or could not be read or written.
    public static func fatal(_ message: String) -> StoreError {
        var error = StoreError(code: 15, message: message)
        error.isFatal = true
        return error
    }

    private static func invalid(_ message: String) -> StoreError { StoreError(code: 3, message: "etcdserver: \(message)") }
    private static func failed(_ message: String) -> StoreError { StoreError(code: 9, message: "etcdserver: \(message)") }
    private static func notFound(_ message: String) -> StoreError { StoreError(code: 5, message: "etcdserver: \(message)") }
    private static func outOfRange(_ message: String) -> StoreError { StoreError(code: 11, message: "etcdserver: \(message)") }

    public static let emptyKey = Self.invalid("key is not provided")
    public static let keyNotFound = Self.invalid("key not found")
    public static let valueProvided = Self.invalid("value is provided")
    public static let leaseProvided = Self.invalid("lease is provided")
    public static let tooManyOps = Self.invalid("too many operations in txn request")
    public static let duplicateKey = Self.invalid("duplicate key given in txn request")
    public static let requestTooLarge = Self.invalid("request is too large")
    public static let compacted = Self.outOfRange("mvcc: required revision has been compacted")
    public static let futureRevision = Self.outOfRange("mvcc: required revision is a future revision")
    public static let noSpace = StoreError(code: 8, message: "etcdserver: mvcc: database space exceeded")
    public static let corrupt = StoreError(code: 15, message: "etcdserver: corrupt cluster")
    public static let leaseNotFound = Self.notFound("requested lease not found")
    public static let leaseExists = Self.failed("lease already exists")
    public static let leaseTTLTooLarge = Self.outOfRange("too large lease TTL")

    // Members.
    public static let memberExists = Self.failed("member ID already exist")
    public static let memberNotFound = Self.notFound("member not found")
    public static let peerURLExists = Self.failed("Peer URLs already exists")
    public static let memberNotLearner = Self.failed("can only promote a learner member")
    public static let tooManyLearners = Self.failed("too many learner members in cluster")

    // Users and roles.
    public static let rootUserNotExist = Self.failed("root user does not exist")
    public static let rootRoleNotExist = Self.failed("root user does not have root role")
    public static let userExists = Self.failed("user name already exists")
    public static let userEmpty = Self.invalid("user name is empty")
    public static let userNotFound = Self.failed("user name not found")
    public static let roleExists = Self.failed("role name already exists")
    public static let roleNotFound = Self.failed("role name not found")
    public static let roleEmpty = Self.invalid("role name is empty")
    public static let authFailed = Self.invalid("authentication failed, invalid user ID or password")
    /// etcd's words for a user that has no password where one is needed.
    public static let noPasswordUser = StoreError(
        code: 2, message: "auth: authentication failed, password was given for no password user")
    public static let permissionNotGiven = Self.invalid("permission not given")
    public static let permissionDenied = StoreError(code: 7, message: "etcdserver: permission denied")
    public static let roleNotGranted = Self.failed("role is not granted to the user")
    public static let permissionNotGranted = Self.failed("permission is not granted to the role")
    public static let authNotEnabled = Self.failed("authentication is not enabled")
    public static let invalidAuthManagement = Self.invalid("invalid auth management")
    public static let authOldRevision = Self.invalid("revision of auth store is old")

    /// A log entry of a kind that this store does not know; etcd has no such error, it stops.
    public static let unknownRequest = StoreError(code: 12, message: "etcdserver: not implemented apply")
}
