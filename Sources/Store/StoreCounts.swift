/// What a store has done since it was opened: for people to look at, and for nothing that it decides.
public struct StoreCounts: Sendable, Hashable {
    /// Keys put, and calls to delete: those within transactions and of leases that ended among them.
    public internal(set) var puts: UInt64 = 0
    public internal(set) var deletions: UInt64 = 0
    /// Transactions with more than one operation.
    public internal(set) var txns: UInt64 = 0
    /// Bytes of the keys and values put.
    public internal(set) var putBytes: UInt64 = 0
    /// Events that were handed out to watches.
    public internal(set) var events: UInt64 = 0
    public internal(set) var leasesGranted: UInt64 = 0
    public internal(set) var leasesRevoked: UInt64 = 0
    public internal(set) var leasesRenewed: UInt64 = 0
    /// Rows that compactions removed.
    public internal(set) var rowsCompacted: UInt64 = 0
    /// Not since it was opened, but as it is: keys that are there.
    public internal(set) var keys: Int64 = 0

    public init() {}
}
