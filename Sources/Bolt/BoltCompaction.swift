public import Platform

extension BoltReadTransaction {
    /// Copies what this shows into a new file with hardly a free page in it: etcd's defragmentation. Leaves are filled to nine
    /// tenths, as etcd does. The new file gets its name once it is complete and durable; one of that name is replaced.
    ///
    /// - Parameters:
    ///   - disk: Where the new file is made.
    ///   - transactionKeys: How many keys are held in memory at a time.
    public func compact(into path: String, disk: any Disk, transactionKeys: Int = 10_000) throws(BoltError) {
        let copy = try self.copy(beside: path, disk: disk, transactionKeys: transactionKeys)
        try copy.close()
        try onDisk(path) { () throws(DiskError) in
            try disk.rename(copy.path, to: path)
            try disk.syncDirectory(parentDirectory(of: path))
        }
    }

    /// A complete and durable copy, open and locked, with a name beside the one it is to have.
    fileprivate func copy(beside path: String, disk: any Disk, transactionKeys: Int) throws(BoltError) -> BoltDatabase {
        let temporary = path + ".compacting"
        try onDisk(temporary) { () throws(DiskError) in
            if try disk.stat(temporary) != nil { try disk.remove(temporary) }
        }
        var options = BoltDatabase.Options(pageSize: self.meta.pageSize, fillPercent: 0.9)
        options.syncsCommits = false
        let copy = try BoltDatabase.open(temporary, disk: disk, options: options)
        let compaction = Compaction(copy, transactionKeys: transactionKeys)
        try compaction.copy(self.root, to: [])
        try compaction.finish()
        try copy.trim()
        try copy.sync()
        return copy
    }
}

extension BoltDatabase {
    /// Copies what is committed into a new file with hardly a free page in it; see
    /// ``BoltReadTransaction/compact(into:disk:transactionKeys:)``.
    public func compact(into path: String, transactionKeys: Int = 10_000) throws(BoltError) {
        let snapshot = try self.snapshot()
        defer { snapshot.close() }
        try snapshot.compact(into: path, disk: self.disk, transactionKeys: transactionKeys)
    }

    /// Puts such a copy in the place of the file, and goes on with it. Snapshots there are show what they showed. A crash
    /// leaves the one or the other.
    public func defragment(transactionKeys: Int = 10_000) throws(BoltError) {
        precondition(!self.hasWriter, "a database is defragmented between transactions")
        let snapshot = try self.snapshot()
        defer { snapshot.close() }
        let copy = try snapshot.copy(beside: self.path, disk: self.disk, transactionKeys: transactionKeys)
        try onDisk(self.path) { () throws(DiskError) in try self.disk.rename(copy.path, to: self.path) }
        try self.adopt(copy)
    }
}

/// Fills a new file in the order of the keys, in transactions of bounded size.
private final class Compaction {
    /// Bytes of keys and values held in memory at a time, about.
    private static let transactionBytes = 16 << 20

    private let database: BoltDatabase
    private let transactionKeys: Int
    private var transaction: BoltWriteTransaction?
    /// The bucket written to last, in this transaction, and its names from the outermost on.
    private var bucket: (path: [[UInt8]], bucket: BoltWriteBucket)?
    private var keys = 0
    private var bytes = 0

    init(_ database: BoltDatabase, transactionKeys: Int) {
        (self.database, self.transactionKeys) = (database, max(1, transactionKeys))
    }

    func copy(_ source: BoltReadBucket, to path: [[UInt8]]) throws(BoltError) {
        guard path.count <= BoltFile.maximumNesting else {
            throw BoltError(file: self.database.path, offset: 0, what: "buckets lie too deep in one another to be copied")
        }
        try self.open(path).setSequence(source.sequence)
        try source.forEachElement { (key, value, isBucket) throws(BoltError) in
            let name = [UInt8](copying: key)
            guard isBucket else {
                try self.open(path).put(name, [UInt8](copying: value))
                try self.count(key.byteCount + value.byteCount)
                return true
            }
            if let nested = try source.bucket(name) { try self.copy(nested, to: path + [name]) }
            return true
        }
    }

    func finish() throws(BoltError) {
        self.bucket = nil
        try self.transaction?.commit()
        self.transaction = nil
    }

    private func count(_ bytes: Int) throws(BoltError) {
        self.keys += 1
        self.bytes += bytes
        guard self.keys >= self.transactionKeys || self.bytes >= Self.transactionBytes else { return }
        (self.keys, self.bytes) = (0, 0)
        try self.finish()
    }

    private func open(_ path: [[UInt8]]) throws(BoltError) -> BoltWriteBucket {
        if let bucket = self.bucket, bucket.path == path { return bucket.bucket }
        let transaction: BoltWriteTransaction
        if let open = self.transaction { transaction = open } else { transaction = try self.database.begin() }
        self.transaction = transaction
        var bucket = transaction.root
        for name in path { bucket = try bucket.createBucketIfMissing(name) }
        self.bucket = (path, bucket)
        return bucket
    }
}
