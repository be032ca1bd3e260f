public import Bolt

/// A backend in a bbolt file, as etcd's own. Changes pile up in one transaction, which reads what it has changed itself,
/// until whoever owns the store commits it.
public final class BoltBackend: Backend {
    private let database: BoltDatabase
    private var transaction: BoltWriteTransaction
    /// Those of the transaction, by their place.
    private var buckets: [BoltWriteBucket] = []
    /// What was put or removed since the last commit: how many rows, and their bytes.
    public private(set) var changes = 0
    public private(set) var changedBytes = 0

    /// Rows come in the order of their revisions, so their pages can be filled: nothing is ever put between them. As etcd
    /// has it.
    private static let rowFill = 0.9

    /// Makes the buckets that are missing.
    public init(_ database: BoltDatabase) throws(StoreError) {
        self.database = database
        do throws(BoltError) { self.transaction = try database.begin() } catch { throw .fatal(error.description) }
        try self.openBuckets()
    }

    private func openBuckets() throws(StoreError) {
        do throws(BoltError) {
            self.buckets = []
            for bucket in Bucket.allCases {
                self.buckets.append(try self.transaction.createBucketIfMissing(Array(bucket.rawValue.utf8)))
            }
            self.buckets[Bucket.key.place].fillPercent = Self.rowFill
        } catch {
            throw .fatal(error.description)
        }
    }

    /// Makes all changes durable, together or not at all.
    public func commit() throws(StoreError) {
        do throws(BoltError) {
            try self.transaction.commit()
            self.transaction = try self.database.begin()
        } catch {
            throw .fatal(error.description)
        }
        try self.openBuckets()
        (self.changes, self.changedBytes) = (0, 0)
    }

    /// Commits, and rewrites the file without its free pages.
    public func defragment() throws(StoreError) {
        do throws(BoltError) {
            try self.transaction.commit()
            try self.database.defragment()
            self.transaction = try self.database.begin()
        } catch {
            throw .fatal(error.description)
        }
        try self.openBuckets()
        (self.changes, self.changedBytes) = (0, 0)
    }

    /// What was committed last, to be read while the store goes on.
    public func snapshot() throws(StoreError) -> BoltReadTransaction {
        do throws(BoltError) { return try self.database.snapshot() } catch { throw .fatal(error.description) }
    }

    /// Bytes of the file's pages, as last committed; of them, those in use.
    public var sizeBytes: Int64 { self.database.sizeBytes }
    public var inUseBytes: Int64 { self.database.inUseBytes }

    /// Forgets what was not committed, and closes the file.
    public func close() throws(StoreError) {
        if self.transaction.isOpen { self.transaction.rollback() }
        do throws(BoltError) { try self.database.close() } catch { throw .fatal(error.description) }
    }

    public func value(_ key: [UInt8], in bucket: Bucket) throws(StoreError) -> [UInt8]? {
        do throws(BoltError) { return try self.buckets[bucket.place].value(key) } catch {
            throw .fatal(error.description)
        }
    }

    public func forEach(
        in bucket: Bucket, from start: [UInt8], to end: [UInt8]?,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Bool
    ) throws(StoreError) {
        var failure: StoreError?
        do throws(BoltError) {
            try self.buckets[bucket.place].forEach(from: start, to: end) { (key, value) throws(BoltError) in
                do throws(StoreError) {
                    return try body(key, value)
                } catch {
                    failure = error
                    return false
                }
            }
        } catch {
            throw .fatal(error.description)
        }
        if let failure { throw failure }
    }

    public func put(_ key: [UInt8], _ value: [UInt8], in bucket: Bucket) throws(StoreError) {
        self.count(key.count + value.count)
        do throws(BoltError) { try self.buckets[bucket.place].put(key, value) } catch { throw .fatal(error.description) }
    }

    public func remove(_ key: [UInt8], in bucket: Bucket) throws(StoreError) {
        self.count(key.count)
        do throws(BoltError) { try self.buckets[bucket.place].remove(key) } catch { throw .fatal(error.description) }
    }

    private func count(_ bytes: Int) {
        self.changes += 1
        self.changedBytes += bytes
    }
}
