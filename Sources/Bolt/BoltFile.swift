public import Platform

/// A bbolt-format file, read and never written: etcd's `member/snap/db`, and the image that a snapshot file begins with.
///
/// Nothing in the file is believed before it is checked, so that a damaged or hostile one is refused with the place that
/// is wrong: pages are compared with their position, elements with their page, keys with the branch above them, and every
/// walk ends after at most as many pages as the file has. Memory stays at the page cache, the pages that cursors stand on,
/// and a bit per page while checking, however large the file is.
///
/// Not for use from two threads at once. Every call may block on the disk.
public final class BoltFile {
    /// No page with its overflow may be larger, in bytes. etcd's own request limit keeps them under some tens of MiB.
    public static let maximumPageBytes = 256 << 20

    public let path: String
    /// The newer of the two meta pages that is valid.
    public let meta: BoltMeta
    /// Bytes of the image; of the file, unless a limit was given.
    public let size: Int64

    /// What is wrong with one meta page, where the other stands in for it. It may be of the transaction before, whose pages
    /// later ones were free to write over.
    public let metaProblem: BoltError?

    private let file: any DiskFile
    private var cache: PageCache

    /// - Parameters:
    ///   - file: Kept open by the caller for as long as this lives.
    ///   - size: Bytes of `file` that belong to the image; all when nil. A snapshot file has 32 bytes more.
    ///   - cacheBytes: How much of what was read is kept.
    public init(_ file: any DiskFile, size: Int64? = nil, cacheBytes: Int = 4 << 20) throws(BoltError) {
        self.file = file
        self.path = file.path
        self.cache = PageCache(limit: cacheBytes)
        do {
            self.size = min(try file.size(), size ?? .max)
        } catch {
            throw BoltError(file: file.path, offset: 0, what: error.description, cause: error)
        }
        (self.meta, self.metaProblem) = try Self.findMeta(file, size: self.size)
        guard Int64(self.meta.highWaterMark) * Int64(self.meta.pageSize) <= self.size else {
            throw BoltError(
                file: file.path, offset: self.size,
                what: "the file ends here, before its \(self.meta.highWaterMark) pages of \(self.meta.pageSize) bytes do")
        }
    }

    /// The bucket that holds all others.
    public var root: BoltBucket {
        BoltBucket(file: self, content: .page(self.meta.root, referredFrom: 0), sequence: self.meta.sequence)
    }

    static func findMeta(_ file: any DiskFile, size: Int64) throws(BoltError) -> (meta: BoltMeta, problem: BoltError?) {
        let first = try self.meta(file, id: 0, at: 0, size: size)
        var found: [BoltMeta] = []
        var problem: BoltMeta.Reading? = first
        // The second stands one page in; where the first does not tell how far that is, every page size is tried.
        var sizes = BoltMeta.pageSizes
        if case .meta(let meta) = first {
            found.append(meta)
            sizes = [meta.pageSize]
            problem = nil
        }
        for pageSize in sizes {
            let second = try self.meta(file, id: 1, at: Int64(pageSize), size: size)
            guard case .meta(let meta) = second, meta.pageSize == pageSize else {
                if found.count == 1 { problem = second }
                continue
            }
            found.append(meta)
            break
        }
        if let newest = found.max(by: { $0.transactionID < $1.transactionID }) {
            guard let problem else { return (newest, nil) }
            var error = BoltError(file: file.path, offset: 0, what: "")
            switch problem {
            case .invalid(let offset, let what): (error.offset, error.what) = (offset, what)
            case .meta(let meta):
                error.offset = Int64(newest.pageSize) + 24
                error.what = "meta page 1 has page size \(meta.pageSize), not \(newest.pageSize)"
            }
            error.what += "; the other one is of transaction \(newest.transactionID), and may be an older state"
            return (newest, error)
        }
        guard case .invalid(let offset, let what) = first else { preconditionFailure("a valid meta page was found") }
        throw BoltError(file: file.path, offset: offset, what: "\(what), and no second meta page stands in for it")
    }

    private static func meta(
        _ file: any DiskFile, id: UInt64, at offset: Int64, size: Int64
    ) throws(BoltError) -> BoltMeta.Reading {
        let count = min(Int64(BoltMeta.size), max(0, size - offset))
        return BoltMeta.read(try self.read(file, at: offset, count: Int(count)), id: id, at: offset)
    }

    private static func read(_ file: any DiskFile, at offset: Int64, count: Int) throws(BoltError) -> [UInt8] {
        do {
            return try file.read(at: offset, count: count)
        } catch {
            throw BoltError(file: file.path, offset: offset, what: error.description, cause: error)
        }
    }

    /// Branch or leaf page `id`, checked.
    /// - Parameter referrer: Where in the file the id stands.
    func page(_ id: UInt64, referredFrom referrer: Int64) throws(BoltError) -> Page {
        if let page = self.cache[id] { return page }
        let (bytes, offset) = try self.bytes(of: id, referredFrom: referrer)
        let page = try Page(bytes[...], at: offset, of: self.path)
        self.cache.insert(page, id: id)
        return page
    }

    /// Page `id` with its overflow, its header compared with its position.
    func bytes(of id: UInt64, referredFrom referrer: Int64) throws(BoltError) -> (bytes: [UInt8], offset: Int64) {
        guard (2..<self.meta.highWaterMark).contains(id) else {
            throw self.error(at: referrer, "page \(id) is referred to, of \(self.meta.highWaterMark) pages")
        }
        let offset = Int64(id) * Int64(self.meta.pageSize)
        let first = try self.exactly(self.meta.pageSize, at: offset)
        let header = PageHeader(first[...])
        guard header.id == id else { throw self.error(at: offset, "page \(id) calls itself page \(header.id)") }
        if header.overflow == 0 { return (first, offset) }
        guard UInt64(header.overflow) < self.meta.highWaterMark - id else {
            throw self.error(at: offset + 12, "page \(id) claims \(header.overflow) further pages, past the end of the file")
        }
        let count = (Int(header.overflow) + 1) * self.meta.pageSize
        guard count <= Self.maximumPageBytes else {
            throw self.error(at: offset + 12, "page \(id) has \(count) bytes, more than \(Self.maximumPageBytes)")
        }
        return (try self.exactly(count, at: offset), offset)
    }

    private func exactly(_ count: Int, at offset: Int64) throws(BoltError) -> [UInt8] {
        let bytes = try Self.read(self.file, at: offset, count: count)
        guard bytes.count == count else {
            throw self.error(at: offset + Int64(bytes.count), "the file ends here, though it was longer when it was opened")
        }
        return bytes
    }

    func error(at offset: Int64, _ what: String) -> BoltError {
        BoltError(file: self.path, offset: offset, what: what)
    }
}

/// The pages read last, up to a number of bytes; the one that came first goes first.
private struct PageCache {
    private let limit: Int
    private var pages: [UInt64: Page] = [:]
    /// Ids in the order they came; those before `oldest` are gone.
    private var order: [UInt64] = []
    private var oldest = 0
    private var bytes = 0

    init(limit: Int) {
        self.limit = limit
    }

    subscript(id: UInt64) -> Page? { self.pages[id] }

    mutating func insert(_ page: Page, id: UInt64) {
        guard page.bytes.count <= self.limit / 4, self.pages.updateValue(page, forKey: id) == nil else { return }
        self.order.append(id)
        self.bytes += page.bytes.count
        while self.bytes > self.limit {
            if let gone = self.pages.removeValue(forKey: self.order[self.oldest]) { self.bytes -= gone.bytes.count }
            self.oldest += 1
        }
        if self.oldest > 4096 {
            self.order.removeFirst(self.oldest)
            self.oldest = 0
        }
    }
}
