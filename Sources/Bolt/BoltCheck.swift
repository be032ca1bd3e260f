/// What a check went over.
public struct BoltReport: Sendable, Hashable {
    /// Pages in use, the two meta pages and overflow included.
    public var pages: Int64
    /// Pages that hold nothing.
    public var freePages: Int64
    public var buckets: Int64
    /// Keys of all buckets.
    public var entries: Int64

    public init(pages: Int64, freePages: Int64, buckets: Int64, entries: Int64) {
        self.pages = pages
        self.freePages = freePages
        self.buckets = buckets
        self.entries = entries
    }
}

extension BoltFile {
    /// No bucket may lie in more buckets than this.
    static let maximumNesting = 16

    /// Walks over every page in use and checks what bbolt's own `check` does: each page is reached once, of a type that may
    /// stand there, with its keys in order and within what its branch says; and where a freelist is kept, every page is
    /// either in use or free.
    ///
    /// - Parameters:
    ///   - visit: Called with every key in order: the names of the buckets it is in, outermost first, and its entry.
    ///   - progress: Called now and then with the pages gone over and all there are. Free ones are never gone over.
    @discardableResult
    public func check(
        visit: (_ buckets: [ArraySlice<UInt8>], _ entry: BoltEntry) throws(BoltError) -> Void = { _, _ in },
        progress: ((_ done: Int64, _ total: Int64) -> Void)? = nil
    ) throws(BoltError) -> BoltReport {
        let pages = PageAccount(self, progress: progress)
        var report = BoltReport(pages: 0, freePages: 0, buckets: 0, entries: 0)
        try self.walk(self.root, within: [], pages, &report, visit)
        if let freelist = self.meta.freelist { try self.checkFreelist(freelist, pages) }
        report.pages = pages.used
        report.freePages = Int64(self.meta.highWaterMark) - pages.used
        progress?(Int64(self.meta.highWaterMark), Int64(self.meta.highWaterMark))
        return report
    }

    private func walk(
        _ bucket: BoltBucket, within names: [ArraySlice<UInt8>], _ pages: PageAccount, _ report: inout BoltReport,
        _ visit: (_ buckets: [ArraySlice<UInt8>], _ entry: BoltEntry) throws(BoltError) -> Void
    ) throws(BoltError) {
        var cursor = BoltCursor(bucket, pages: pages)
        while let entry = try cursor.next() {
            guard entry.isBucket else {
                report.entries += 1
                try visit(names, entry)
                continue
            }
            guard names.count < Self.maximumNesting else {
                throw self.error(at: entry.offset, "buckets lie more than \(Self.maximumNesting) deep in one another")
            }
            report.buckets += 1
            try self.walk(try cursor.bucket(entry), within: names + [entry.key], pages, &report, visit)
        }
    }

    private func checkFreelist(_ id: UInt64, _ pages: PageAccount) throws(BoltError) {
        let (bytes, offset) = try self.bytes(of: id, referredFrom: 0)
        let header = PageHeader(bytes[...])
        guard header.flags == PageHeader.freelist else {
            throw self.error(at: offset + 8, "page \(id) has flags \(header.flags), not those of a freelist")
        }
        try pages.account(for: id, bytes: bytes.count, referredFrom: 0)
        var start = PageHeader.size
        var count = UInt64(header.count)
        if header.count == .max {
            count = bytes[...].uint64(at: start)
            start += 8
        }
        guard count <= UInt64((bytes.count - start) / 8) else {
            throw self.error(at: offset + 10, "freelist page \(id) counts \(count) pages, more than it has room for")
        }
        var previous: UInt64 = 1
        for index in 0..<Int(count) {
            let at = start + index * 8
            let free = bytes[...].uint64(at: at)
            guard free > previous, free < self.meta.highWaterMark else {
                throw self.error(at: offset + Int64(at), "freelist entry \(index) is page \(free), out of order or of bounds")
            }
            try pages.accountFree(free, listedAt: offset + Int64(at))
            previous = free
        }
        if let lost = pages.unaccounted {
            throw self.error(at: Int64(lost) * Int64(self.meta.pageSize), "page \(lost) is neither in use nor free")
        }
    }
}

/// A bit for each page of a file, set once it is accounted for.
final class PageAccount {
    private let file: BoltFile
    private let progress: ((_ done: Int64, _ total: Int64) -> Void)?
    private var seen: [UInt64]
    /// Pages accounted for as in use.
    private(set) var used: Int64 = 2
    private var reported: Int64 = 0

    init(_ file: BoltFile, progress: ((_ done: Int64, _ total: Int64) -> Void)?) {
        self.file = file
        self.progress = progress
        self.seen = Array(repeating: 0, count: Int(file.meta.highWaterMark / 64) + 1)
        self.seen[0] = 0b11
    }

    /// Accounts for a page in use, with its overflow; all lie within the file.
    func account(for id: UInt64, bytes: Int, referredFrom referrer: Int64) throws(BoltError) {
        let count = bytes / self.file.meta.pageSize
        for page in id..<(id + UInt64(count)) where !self.insert(page) {
            throw self.file.error(at: referrer, "page \(page) is in use twice")
        }
        self.used += Int64(count)
        if self.used - self.reported >= 1024 {
            self.reported = self.used
            self.progress?(self.used, Int64(self.file.meta.highWaterMark))
        }
    }

    func accountFree(_ id: UInt64, listedAt offset: Int64) throws(BoltError) {
        guard self.insert(id) else { throw self.file.error(at: offset, "page \(id) is both in use and free") }
    }

    /// The first page that is neither in use nor free.
    var unaccounted: UInt64? {
        (0..<self.file.meta.highWaterMark).first { self.seen[Int($0 / 64)] & (1 << ($0 % 64)) == 0 }
    }

    private func insert(_ id: UInt64) -> Bool {
        let bit: UInt64 = 1 << (id % 64)
        if self.seen[Int(id / 64)] & bit != 0 { return false }
        self.seen[Int(id / 64)] |= bit
        return true
    }
}
