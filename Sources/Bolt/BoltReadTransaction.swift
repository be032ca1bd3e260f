internal import Platform
internal import Synchronization

/// What a database held when one transaction had been committed. It stays so until it is closed, or goes away; it may be read
/// from any thread meanwhile, whatever is written.
public final class BoltReadTransaction: Sendable {
    let source: PageSource
    let meta: BoltMeta
    private let readers: ReaderTable
    private let isClosed = Atomic(false)

    init(_ source: PageSource, _ meta: BoltMeta, _ readers: ReaderTable) {
        (self.source, self.meta, self.readers) = (source, meta, readers)
        readers.begin(meta.transactionID)
    }

    deinit {
        self.close()
    }

    /// Lets the pages it sees be used again. Closing twice does nothing; reading afterwards stops the program.
    public func close() {
        if !self.isClosed.exchange(true, ordering: .relaxed) { self.readers.end(self.meta.transactionID) }
    }

    @inline(__always)
    func checkOpen() {
        precondition(!self.isClosed.load(ordering: .relaxed), "a snapshot is read before it is closed")
    }

    /// The number of the transaction.
    public var transactionID: UInt64 { self.meta.transactionID }

    // MARK: Buckets

    /// The bucket that holds all others.
    public var root: BoltReadBucket {
        BoltReadBucket(
            self, BucketContent(root: .page(self.meta.root, referredFrom: 0), sequence: self.meta.sequence))
    }

    /// A bucket at the top; nil where there is none of that name.
    public func bucket(_ name: [UInt8]) throws(BoltError) -> BoltReadBucket? {
        try self.root.bucket(name)
    }

    /// The names of the buckets at the top, in order.
    public func bucketNames() throws(BoltError) -> [[UInt8]] {
        try self.root.bucketNames()
    }

    /// A copy of a key's value; nil where there is no such key or bucket.
    public func value(_ key: [UInt8], in bucket: [UInt8]) throws(BoltError) -> [UInt8]? {
        try self.root.bucket(bucket)?.value(key)
    }

    /// As ``BoltReadBucket/forEach(from:to:_:)``; nothing where there is no such bucket.
    public func forEach(
        in bucket: [UInt8], from start: [UInt8] = [], to end: [UInt8]? = nil,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(BoltError) -> Bool
    ) throws(BoltError) {
        try self.root.bucket(bucket)?.forEach(from: start, to: end, body)
    }

    // MARK: The image

    /// Bytes of the file that holds this state alone, as etcd's snapshots do: its pages, with both meta pages naming them.
    public var imageBytes: Int64 { Int64(self.meta.highWaterMark) * Int64(self.meta.pageSize) }

    /// A part of that file; shorter only at its end.
    public func image(at offset: Int64, count: Int) -> [UInt8] {
        self.checkOpen()
        let start = max(0, min(offset, self.imageBytes))
        let end = start + min(Int64(max(0, count)), self.imageBytes - start)
        let metas = Int64(2 * self.meta.pageSize)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(end - start))
        if start < metas {
            var older = self.meta
            older.transactionID = self.meta.transactionID &- 1
            bytes += (self.meta.encoded(id: 0) + older.encoded(id: 1))[Int(start)..<Int(min(end, metas))]
        }
        if end > metas {
            unsafe bytes.append(contentsOf: self.source.mapping.bytes[Int(max(start, metas))..<Int(end)])
        }
        return bytes
    }

    /// Hands out that file part by part.
    /// - Parameter chunkBytes: How long each part is, but for the last.
    public func write<Failure: Error>(
        chunkBytes: Int = 256 << 10, to body: (_ bytes: [UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(chunkBytes > 0, "a part has bytes")
        var offset: Int64 = 0
        while offset < self.imageBytes {
            let bytes = self.image(at: offset, count: chunkBytes)
            try body(bytes)
            offset += Int64(bytes.count)
        }
    }
}

/// A bucket as a snapshot shows it.
public struct BoltReadBucket {
    private let transaction: BoltReadTransaction
    private let content: BucketContent

    init(_ transaction: BoltReadTransaction, _ content: BucketContent) {
        (self.transaction, self.content) = (transaction, content)
    }

    /// A number that stands beside the bucket; etcd does not use it.
    public var sequence: UInt64 { self.content.sequence }

    private var tree: Tree {
        get throws(BoltError) {
            self.transaction.checkOpen()
            let source = self.transaction.source
            switch self.content.root {
            case .page(let id, let referrer):
                return Tree(source: source, root: .page(try source.page(id, referredFrom: referrer)))
            case .inline(let page): return Tree(source: source, root: .page(page))
            }
        }
    }

    /// A copy of a key's value; nil where there is none, or where a bucket has that name.
    public func value(_ key: [UInt8]) throws(BoltError) -> [UInt8]? {
        guard let entry = unsafe try self.tree.entry(key.span.bytes), !entry.isBucket else { return nil }
        return entry.value
    }

    /// Goes over the keys from `start` on and before `end`, in order, buckets left out, until `body` returns false.
    public func forEach(
        from start: [UInt8] = [], to end: [UInt8]? = nil,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(BoltError) -> Bool
    ) throws(BoltError) {
        try self.tree.forEach(from: start, to: end) { (key, value, isBucket) throws(BoltError) in
            isBucket ? true : try body(key, value)
        }
    }

    /// The last key, buckets left out; nil where there is none.
    public func lastKey() throws(BoltError) -> [UInt8]? {
        try self.tree.lastKey()
    }

    /// Goes over keys and the names of buckets alike.
    func forEachElement(
        _ body: (_ key: RawSpan, _ value: RawSpan, _ isBucket: Bool) throws(BoltError) -> Bool
    ) throws(BoltError) {
        try self.tree.forEach(from: [], to: nil, body)
    }

    /// The names of the buckets within, in order.
    public func bucketNames() throws(BoltError) -> [[UInt8]] {
        var names: [[UInt8]] = []
        try self.tree.forEach(from: [], to: nil) { (name, _, isBucket) throws(BoltError) in
            if isBucket { names.append([UInt8](copying: name)) }
            return true
        }
        return names
    }

    /// The bucket of this name within this one; nil where there is none.
    public func bucket(_ name: [UInt8]) throws(BoltError) -> BoltReadBucket? {
        let tree = try self.tree
        let (leaf, index, isExact) = unsafe try tree.seek(name.span.bytes)
        guard isExact else { return nil }
        guard case .page(let page) = leaf else { preconditionFailure("a snapshot has pages alone") }
        let element = try page.leaf(index, tree.source)
        guard element.isBucket else {
            throw tree.source.error(
                at: page.offset + Int64(element.start), "\"\(text(name))\" is a key, not a bucket")
        }
        let content = unsafe try BucketContent(page.value(element), at: page.valueOffset(element), tree.source)
        return BoltReadBucket(self.transaction, content)
    }
}
