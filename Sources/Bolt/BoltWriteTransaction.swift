internal import Platform

/// Changes to a database that become durable all at once, or not at all. It reads what it has changed itself.
///
/// It is rolled back when it goes away uncommitted. Using it after its end is a mistake that stops the program; so is a
/// second one beside it.
public final class BoltWriteTransaction {
    let database: BoltDatabase
    let source: PageSource
    /// As it was when this began.
    let meta: BoltMeta
    let fillPercent: Double
    public private(set) var isOpen = true
    /// The bucket that holds all others.
    public var root: BoltWriteBucket {
        if let outermost { return outermost }
        let content = TakenBucket(rootPage: self.meta.root, sequence: self.meta.sequence)
        let bucket = BoltWriteBucket(self, parent: nil, content)
        self.outermost = bucket
        return bucket
    }

    private var outermost: BoltWriteBucket?

    /// Pages that are no longer used once this is committed.
    private(set) var freed: [PageRun] = []
    /// Pages taken from the freelist, which go back to it if this is not committed.
    private(set) var taken: [PageRun] = []
    private(set) var placed: [PlacedPart] = []
    private(set) var highWaterMark: UInt64
    /// Why this cannot be committed.
    private var spoiled: BoltError?

    init(_ database: BoltDatabase, _ source: PageSource, _ meta: BoltMeta, fillPercent: Double) {
        (self.database, self.source, self.meta, self.fillPercent) = (database, source, meta, fillPercent)
        self.highWaterMark = meta.highWaterMark
    }

    deinit {
        if self.isOpen { self.rollback() }
    }

    /// The number it will have once it is committed.
    public var transactionID: UInt64 { self.meta.transactionID + 1 }

    // MARK: Buckets by name

    /// Makes a bucket at the top, where there is none of that name.
    @discardableResult
    public func createBucketIfMissing(_ name: [UInt8]) throws(BoltError) -> BoltWriteBucket {
        try self.root.createBucketIfMissing(name)
    }

    /// Deletes a bucket at the top and all within.
    public func deleteBucket(_ name: [UInt8]) throws(BoltError) {
        try self.root.deleteBucket(name)
    }

    /// The names of the buckets at the top, in order.
    public func bucketNames() throws(BoltError) -> [[UInt8]] {
        try self.root.bucketNames()
    }

    /// A bucket at the top; nil where there is none of that name.
    public func bucket(_ name: [UInt8]) throws(BoltError) -> BoltWriteBucket? {
        try self.root.bucket(name)
    }

    private func existing(_ name: [UInt8]) throws(BoltError) -> BoltWriteBucket {
        guard let bucket = try self.root.bucket(name) else { throw self.error("there is no bucket \"\(text(name))\"") }
        return bucket
    }

    /// A copy of a key's value; nil where there is no such key or bucket.
    public func value(_ key: [UInt8], in bucket: [UInt8]) throws(BoltError) -> [UInt8]? {
        try self.root.bucket(bucket)?.value(key)
    }

    /// As ``BoltWriteBucket/put(_:_:)``.
    /// - Parameter fillPercent: Where it is given, as ``BoltWriteBucket/fillPercent`` from now on.
    public func put(
        _ key: [UInt8], _ value: [UInt8], in bucket: [UInt8], fillPercent: Double? = nil
    ) throws(BoltError) {
        let bucket = try self.existing(bucket)
        if let fillPercent { bucket.fillPercent = fillPercent }
        try bucket.put(key, value)
    }

    /// As ``BoltWriteBucket/remove(_:)``.
    public func remove(_ key: [UInt8], in bucket: [UInt8]) throws(BoltError) {
        try self.existing(bucket).remove(key)
    }

    /// As ``BoltWriteBucket/forEach(from:to:_:)``; nothing where there is no such bucket.
    public func forEach(
        in bucket: [UInt8], from start: [UInt8] = [], to end: [UInt8]? = nil,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(BoltError) -> Bool
    ) throws(BoltError) {
        try self.root.bucket(bucket)?.forEach(from: start, to: end, body)
    }

    // MARK: The end

    /// Makes all changes durable; when it returns they are. Where nothing was changed nothing is written.
    /// - Throws: Where nothing has been committed. After a failed sync the database is of no more use, and every later call
    ///   throws the same.
    public func commit() throws(BoltError) {
        precondition(self.isOpen, "a transaction ends once")
        defer { self.end() }
        do throws(BoltError) {
            try self.database.checkUsable()
            if let spoiled = self.spoiled { throw spoiled }
            guard self.outermost?.isChanged == true else { return }
            try self.write()
        } catch {
            self.database.takeBack(self.taken)
            throw error
        }
    }

    /// Forgets all changes.
    public func rollback() {
        precondition(self.isOpen, "a transaction ends once")
        self.end()
    }

    private func end() {
        self.isOpen = false
        self.outermost?.close()
        self.placed = []
        self.database.hasWriter = false
    }

    /// In the order in which a crash at any point leaves the older state or the newer one.
    private func write() throws(BoltError) {
        var meta = self.meta
        meta.root = try self.root.spilledRoot()
        meta.sequence = self.root.sequence
        meta.transactionID = self.transactionID
        if let freelist = meta.freelist { self.freed.append(try self.source.run(ofFreelist: freelist)) }
        try self.checkFreed()
        meta.freelist = nil
        if self.database.options.syncFreelist { meta.freelist = try self.placeFreelist() }
        meta.highWaterMark = self.highWaterMark
        try self.database.write(self, meta)
    }

    private func placeFreelist() throws(BoltError) -> UInt64 {
        let pageSize = self.source.pageSize
        // More than needed where pages are taken from the list itself.
        let estimate = PageHeader.size + 8 * (self.database.unusedPages + self.freed.reduce(0) { $0 + $1.count } + 1)
        let run = try self.allocate(estimate / pageSize + 1)
        var pages = self.database.unusedPageIDs
        for freed in self.freed { pages += freed.pages }
        pages.sort()
        self.placed.append(PlacedPart(run: run, content: .freelist(pages)))
        return run.start
    }

    /// A damaged file may name a page twice, or one that is free: written on, it would be damaged further.
    private func checkFreed() throws(BoltError) {
        var end: UInt64 = 2
        // What was free when this began may have been taken since.
        for run in (self.freed + self.taken).sorted(by: { $0.start < $1.start }) {
            guard run.start >= end, run.end <= self.meta.highWaterMark, !self.database.holdsFree(run) else {
                throw self.source.error(
                    at: Int64(run.start) * Int64(self.source.pageSize),
                    "page \(run.start) is in use twice, or both in use and free")
            }
            end = run.end
        }
    }

    // MARK: Pages

    func free(_ node: Node) {
        if node.pageID != 0 { self.freed.append(PageRun(start: node.pageID, count: node.pageCount)) }
    }

    /// Frees a bucket's pages, those of buckets within excepted.
    func free(pagesBelow root: UInt64) throws(BoltError) {
        var visits: UInt64 = 0
        var next: [(id: UInt64, referrer: Int64)] = [(root, 0)]
        while let (id, referrer) = next.popLast() {
            visits += 1
            guard visits <= self.source.highWaterMark else {
                throw self.source.error(at: referrer, "page \(id) is referred to in a circle")
            }
            let page = try self.source.page(id, referredFrom: referrer)
            self.freed.append(PageRun(start: id, count: Int(page.overflow) + 1))
            guard !page.isLeaf else { continue }
            for index in 0..<page.count {
                next.append((try page.branch(index, self.source).link, page.childOffset(index)))
            }
        }
    }

    /// Finds room for a part of a node, to be written there, and returns its page.
    func place(_ node: Node, _ part: Range<Int>) throws(BoltError) -> UInt64 {
        let size = node.size(of: part)
        let run = try self.allocate((size + self.source.pageSize - 1) / self.source.pageSize)
        self.placed.append(PlacedPart(run: run, content: .part(node, part)))
        return run.start
    }

    private func allocate(_ count: Int) throws(BoltError) -> PageRun {
        if let start = self.database.allocate(count) {
            let run = PageRun(start: start, count: count)
            self.taken.append(run)
            return run
        }
        let run = PageRun(start: self.highWaterMark, count: count)
        guard run.end < BoltMeta.mostPages else {
            throw self.error("the file would have more than \(BoltMeta.mostPages) pages")
        }
        self.highWaterMark = run.end
        return run
    }

    /// Keeps this from being committed: a change was made in part.
    func spoil(_ error: BoltError) {
        if self.spoiled == nil { self.spoiled = error }
    }

    func error(_ what: String) -> BoltError {
        self.source.error(at: 0, what)
    }
}

/// Pages to be written, and what goes there.
struct PlacedPart {
    enum Content {
        case part(Node, Range<Int>)
        case freelist([UInt64])
    }

    var run: PageRun
    var content: Content

    /// Writes it at the beginning of memory that holds zeros.
    func encode(into target: UnsafeMutableRawBufferPointer) {
        let overflow = UInt32(self.run.count - 1)
        switch self.content {
        case .part(let node, let part): unsafe node.encode(part, id: self.run.start, overflow: overflow, into: target)
        case .freelist(let pages):
            let isLong = pages.count >= 0xFFFF
            let count = isLong ? UInt16.max : UInt16(pages.count)
            unsafe target.encodeHeader(id: self.run.start, flags: PageHeader.freelist, count: count, overflow: overflow)
            for (index, number) in ((isLong ? [UInt64(pages.count)] : []) + pages).enumerated() {
                unsafe target.storeBytes(of: number, toByteOffset: PageHeader.size + index * 8, as: UInt64.self)
            }
        }
    }
}
