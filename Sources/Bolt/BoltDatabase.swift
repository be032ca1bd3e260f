internal import Platform

/// A bbolt-format file in use: one writer, and readers that each see what was committed when they began.
///
/// Pages are read where they lie in the file's mapping. A transaction writes what it changed to pages that nobody sees, makes
/// that durable, and then writes the one page that says where everything is; so a crash leaves what was committed before, or
/// with it what was being committed. After a failed sync it is unknown what the disk holds: every later call throws the same
/// error, and the process is to stop.
///
/// Owned by one thread. A file may not be opened twice, nor be cut short by others while it is open.
///
/// Format: bbolt, `db.go`, `tx.go`, `internal/freelist`.
public final class BoltDatabase {
    /// How a file is made and written.
    public struct Options: Sendable, Hashable {
        /// Bytes in a page of a file that is made; one that is there keeps its own.
        public var pageSize = 4096
        /// Whether the free pages are written down at each commit. Where not, as etcd on Linux has it, they are found by a walk
        /// over the file when it is opened.
        public var syncFreelist = false
        /// The share of a page that is filled where one is split, from 0.1 to 1, unless a bucket has its own.
        public var fillPercent = 0.5
        /// Whether each commit is made durable. Only for a file that nobody knows of until it is complete.
        var syncsCommits = true

        public init(pageSize: Int = 4096, syncFreelist: Bool = false, fillPercent: Double = 0.5) {
            (self.pageSize, self.syncFreelist, self.fillPercent) = (pageSize, syncFreelist, fillPercent)
        }
    }

    /// Bytes in the longest key.
    public static let maximumKeyBytes = 32768
    /// Bytes in the longest value. The format has room for 2 GiB, but a page holds at least two entries, and what is written
    /// here must stay below ``BoltFile/maximumPageBytes``.
    public static let maximumValueBytes = 60 << 20

    public let path: String
    let options: Options
    let disk: any Disk
    private var file: any DiskFile
    /// As last committed.
    private(set) var meta: BoltMeta
    private var mapping: DiskMapping
    /// Bytes of the file.
    private var fileBytes: Int64
    private var pages: PageBook
    private var readers = ReaderTable()
    var hasWriter = false
    private var isClosed = false
    /// What every later call throws.
    private var failure: BoltError?

    init(_ opened: OpenedFile, path: String, disk: any Disk, options: Options) {
        (self.path, self.options, self.disk) = (path, options, disk)
        (self.file, self.meta, self.mapping) = (opened.file, opened.meta, opened.mapping)
        (self.fileBytes, self.pages) = (opened.fileBytes, PageBook(free: opened.free))
    }

    /// Bytes of all pages ever allocated: etcd's `dbSize`. The file may be longer, by what it grows ahead of use.
    public var sizeBytes: Int64 { Int64(self.meta.highWaterMark) * Int64(self.meta.pageSize) }

    /// The same without free pages: etcd's `dbSizeInUse`.
    public var inUseBytes: Int64 { self.sizeBytes - Int64(self.pages.free.count) * Int64(self.meta.pageSize) }

    /// The number of the last committed transaction.
    public var transactionID: UInt64 { self.meta.transactionID }

    // MARK: Transactions

    /// Begins to write. One at a time.
    public func begin() throws(BoltError) -> BoltWriteTransaction {
        try self.checkUsable()
        precondition(!self.hasWriter, "one transaction writes at a time")
        guard self.meta.transactionID < .max else {
            throw BoltError(file: self.path, offset: 0, what: "no transaction comes after number \(self.meta.transactionID)")
        }
        let source = try self.source()
        self.pages.release(self.readers)
        self.hasWriter = true
        return BoltWriteTransaction(self, source, self.meta, fillPercent: self.options.fillPercent)
    }

    /// What is committed now, to be read at any time and on any thread until it is closed. Pages it shows are not reused
    /// meanwhile.
    public func snapshot() throws(BoltError) -> BoltReadTransaction {
        try self.checkUsable()
        return BoltReadTransaction(try self.source(), self.meta, self.readers)
    }

    /// Ends the use of the file and gives up its lock. Snapshots are closed before: who opens it next does not know of them.
    public func close() throws(BoltError) {
        precondition(!self.hasWriter, "a database is closed between transactions")
        guard !self.isClosed else { return }
        precondition(self.readers.isEmpty, "a database is closed after its snapshots")
        self.isClosed = true
        try onDisk(self.path) { () throws(DiskError) in try self.file.close() }
    }

    func checkUsable() throws(BoltError) {
        precondition(!self.isClosed, "a database is used before it is closed")
        if let failure = self.failure { throw failure }
    }

    private func source() throws(BoltError) -> PageSource {
        if Int64(self.mapping.count) < self.sizeBytes {
            self.mapping = try onDisk(self.path) { () throws(DiskError) in
                try self.file.map(Self.mappedBytes(for: self.sizeBytes))
            }
        }
        return PageSource(
            file: self.path, mapping: self.mapping, pageSize: self.meta.pageSize, highWaterMark: self.meta.highWaterMark)
    }

    /// A power of two from 32 KiB to 1 GiB, or a multiple of that.
    static func mappedBytes(for size: Int64) -> Int64 {
        var bytes: Int64 = 32 << 10
        while bytes < size, bytes < 1 << 30 { bytes *= 2 }
        return bytes >= size ? bytes : (size + bytes - 1) / bytes * bytes
    }

    // MARK: Pages, for the transaction that writes

    /// Pages that hold nothing, or nothing but what readers still see.
    var unusedPages: Int { self.pages.unusedCount }
    var unusedPageIDs: [UInt64] { self.pages.unused }

    func allocate(_ count: Int) -> UInt64? { self.pages.free.allocate(count) }

    func takeBack(_ runs: [PageRun]) {
        for run in runs { self.pages.free.insert(run) }
    }

    func holdsFree(_ run: PageRun) -> Bool {
        run.pages.contains { self.pages.free.contains($0) }
    }

    // MARK: Writing

    /// Makes a transaction's pages durable, and then its meta page.
    func write(_ transaction: BoltWriteTransaction, _ meta: BoltMeta) throws(BoltError) {
        if meta.highWaterMark > self.meta.highWaterMark { try self.grow(to: meta) }
        // Pages that nobody sees: where this fails the database is as it was.
        try onDisk(self.path) { () throws(DiskError) in try self.write(transaction.placed, pageSize: meta.pageSize) }
        let id = meta.transactionID % 2
        if self.options.syncsCommits { try self.sync() }
        do {
            try self.file.write(meta.encoded(id: id), at: Int64(id) * Int64(meta.pageSize))
        } catch {
            // What of it was written is unknown.
            throw self.fail(error)
        }
        if self.options.syncsCommits { try self.sync() }
        self.pages.commit(transaction, isRead: !self.readers.isEmpty)
        self.meta = meta
    }

    /// Lengthens the file where its new pages need it: by as much as is mapped while that is little, and then by 16 MiB
    /// ahead of use.
    private func grow(to meta: BoltMeta) throws(BoltError) {
        let needed = (Int64(meta.highWaterMark) + 1) * Int64(meta.pageSize)
        guard self.fileBytes < needed else { return }
        let step: Int64 = 16 << 20
        let mapped = Self.mappedBytes(for: needed)
        let size = mapped <= step ? mapped : needed + step
        try onDisk(self.path) { () throws(DiskError) in try self.file.truncate(to: size) }
        if self.options.syncsCommits { try self.sync() }
        self.fileBytes = size
    }

    /// Writes pages in their order, neighbours together.
    private func write(_ placed: [PlacedPart], pageSize: Int) throws(DiskError) {
        let parts = placed.sorted { $0.run.start < $1.run.start }
        let most = (1 << 20) / pageSize
        var next = 0
        while next < parts.count {
            let first = next
            var count = 0
            repeat {
                count += parts[next].run.count
                next += 1
            } while next < parts.count && parts[next].run.start == parts[next - 1].run.end
                && count + parts[next].run.count <= most
            var bytes = [UInt8](repeating: 0, count: count * pageSize)
            unsafe bytes.withUnsafeMutableBytes { bytes in
                for part in parts[first..<next] {
                    let start = Int(part.run.start - parts[first].run.start) * pageSize
                    let end = start + part.run.count * pageSize
                    unsafe part.encode(into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<end]))
                }
            }
            try self.file.write(bytes, at: Int64(parts[first].run.start) * Int64(pageSize))
        }
    }

    /// Gives back what the file grew ahead of use.
    func trim() throws(BoltError) {
        try onDisk(self.path) { () throws(DiskError) in try self.file.truncate(to: self.sizeBytes) }
        self.fileBytes = self.sizeBytes
    }

    /// Goes on with another file that has just taken this one's place, and holds the same.
    func adopt(_ copy: BoltDatabase) throws(BoltError) {
        do {
            try self.disk.syncDirectory(parentDirectory(of: self.path))
        } catch {
            // Which of the two a crash leaves is unknown, and so where to write.
            throw self.fail(error)
        }
        let old = self.file
        (self.file, self.meta, self.mapping, self.fileBytes) = (copy.file, copy.meta, copy.mapping, copy.fileBytes)
        (self.pages, self.readers) = (copy.pages, copy.readers)
        copy.isClosed = true
        try onDisk(self.path) { () throws(DiskError) in try old.close() }
    }

    /// Makes durable all that was written.
    func sync() throws(BoltError) {
        do {
            try self.file.sync()
        } catch {
            throw self.fail(error)
        }
    }

    /// From now on it is unknown what the disk holds.
    private func fail(_ error: DiskError) -> BoltError {
        let failure = BoltError(file: self.path, offset: 0, what: error.description, cause: error)
        self.failure = failure
        return failure
    }
}
