internal import WriteAheadLog

/// How an embedded store is kept.
public struct EmbeddedStoreConfiguration: Sendable {
    /// Bytes after which a log segment is cut.
    public var segmentBytes: Int64 = 16_000_000
    /// Changed rows after which the database is committed. What is not yet committed is in the log, from which a restart
    /// takes it; so this bounds the time that takes, and memory.
    public var commitRows = 20_000
    /// The same in bytes of rows.
    public var commitBytes = 16_000_000
    /// How long a changed row waits at most for a commit, so that a store at rest restarts at once.
    public var commitInterval: Duration = .seconds(5)
    /// Entries after which the log is cut, and let go of up to the cut before: the database has what was in it.
    public var snapshotEntries = 100_000
    /// The same in bytes of the log.
    public var snapshotBytes = 32_000_000
    /// The largest request, encoded (etcd's `--max-request-bytes`).
    public var maximumRequestBytes = 1_572_864
    /// The shortest lease, in seconds.
    public var minimumLeaseTTL: Int64 = 2
    /// How often expired leases are looked for.
    public var tickInterval: Duration = .milliseconds(500)
    /// How often a watch that asked for it hears that nothing changed.
    public var progressInterval: Duration = .seconds(600)
    /// Responses a watch may be behind before the rest waits in the store's history.
    public var watchQueueLimit = 64
    /// The ids of a store that is being made; random when nil.
    public var identity: (memberID: UInt64, clusterID: UInt64)?
    /// Called once, with why, when the disk failed and the store stopped. The process should end: nothing that it says
    /// from then on can be relied on.
    public var onFatal: @Sendable (String) -> Void = { _ in }

    public init() {}

    var log: WALConfiguration { WALConfiguration(segmentBytes: self.segmentBytes, commitIsDurable: true) }
}

/// Why an embedded store cannot be opened, or had to stop.
public struct EmbeddedStoreError: Error, Hashable, CustomStringConvertible {
    public var code: Code
    /// Names the file, and the offset in it where there is one.
    public var message: String

    public init(_ code: Code, _ message: String) {
        (self.code, self.message) = (code, message)
    }

    init(_ error: DatabaseError) {
        self.init(error.isOfDisk ? .disk : .corrupt, error.message)
    }

    init(_ error: WALError) {
        let code: Code =
            switch error.code {
            case .disk: .disk
            case .locked: .locked
            default: .corrupt
            }
        self.init(code, error.description)
    }

    public var description: String { self.message }

    public enum Code: Sendable, Hashable {
        /// Another process has the store open.
        case locked
        /// What was durable is damaged or missing. The files are left as they are.
        case corrupt
        case disk
    }
}
