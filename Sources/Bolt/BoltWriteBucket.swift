internal import Platform

/// A bucket as a write transaction sees and changes it. It is the transaction's: once that has ended, or the bucket has been
/// deleted, using it is a mistake that stops the program.
public final class BoltWriteBucket {
    /// The share of a page that is filled where one is split. etcd uses 0.9 where keys come in order. From 0.1 to 1.
    public var fillPercent: Double {
        didSet { self.fillPercent = min(1, max(0.1, self.fillPercent)) }
    }
    /// A number that stands beside the bucket; etcd does not use it.
    public private(set) var sequence: UInt64

    unowned let transaction: BoltWriteTransaction
    /// The bucket it is in; nil for the one that holds all others.
    private unowned let parent: BoltWriteBucket?
    /// How many buckets it is in.
    private let depth: Int
    /// The page its root was read from; 0 where the bucket was inline or is new.
    var rootPage: UInt64
    /// The root once it was changed, and of a bucket without a page of its own from the beginning.
    var root: Node?
    /// Buckets within that have been opened.
    private(set) var buckets: [[UInt8]: BoltWriteBucket] = [:]
    private(set) var isChanged = false
    /// Until its transaction ends or it is deleted.
    private(set) var isOpen = true
    /// The leaf after which no other comes, once it has been changed.
    private var lastLeaf: Node?

    init(_ transaction: BoltWriteTransaction, parent: BoltWriteBucket?, _ content: TakenBucket) {
        (self.transaction, self.parent, self.depth) = (transaction, parent, parent.map { $0.depth + 1 } ?? 0)
        (self.rootPage, self.root, self.sequence) = (content.rootPage, content.root, content.sequence)
        self.fillPercent = transaction.fillPercent
    }

    var isOutermost: Bool { self.parent == nil }

    /// Ends the use of this and all within.
    func close() {
        self.isOpen = false
        self.lastLeaf = nil
        for bucket in self.buckets.values { bucket.close() }
    }

    @inline(__always)
    private func checkOpen() {
        precondition(self.isOpen, "a bucket is used after its transaction ended or it was deleted")
    }

    // MARK: Reading

    var tree: Tree {
        get throws(BoltError) {
            self.checkOpen()
            let source = self.transaction.source
            if let root = self.root { return Tree(source: source, root: .node(root)) }
            return Tree(source: source, root: .page(try source.page(self.rootPage, referredFrom: 0)))
        }
    }

    /// A copy of a key's value; nil where there is none, or where a bucket has that name.
    public func value(_ key: [UInt8]) throws(BoltError) -> [UInt8]? {
        guard let entry = unsafe try self.tree.entry(key.span.bytes), !entry.isBucket else { return nil }
        return entry.value
    }

    /// Goes over the keys from `start` on and before `end`, in order, buckets left out, until `body` returns false. What
    /// `body` itself changes it may see or not.
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
    public func bucket(_ name: [UInt8]) throws(BoltError) -> BoltWriteBucket? {
        self.checkOpen()
        if let bucket = self.buckets[name] { return bucket }
        guard self.depth < BoltFile.maximumNesting else {
            throw self.transaction.error("\"\(text(name))\" lies more than \(BoltFile.maximumNesting) buckets deep")
        }
        guard let content = try self.content(name) else { return nil }
        let bucket = BoltWriteBucket(self.transaction, parent: self, content)
        self.buckets[name] = bucket
        return bucket
    }

    private func content(_ name: [UInt8]) throws(BoltError) -> TakenBucket? {
        let tree = try self.tree
        let (leaf, index, isExact) = unsafe try tree.seek(name.span.bytes)
        guard isExact else { return nil }
        switch leaf {
        case .page(let page):
            let element = try page.leaf(index, tree.source)
            guard element.isBucket else { throw self.transaction.error("\"\(text(name))\" is a key, not a bucket") }
            let content = unsafe try BucketContent(page.value(element), at: page.valueOffset(element), tree.source)
            return try TakenBucket(content, tree.source)
        case .node(let node):
            guard node.elements[index].isBucket else {
                throw self.transaction.error("\"\(text(name))\" is a key, not a bucket")
            }
            let offset = tree.offset(of: node)
            return unsafe try node.value(index).withUnsafeBufferPointer { (value) throws(BoltError) in
                let content = unsafe try BucketContent(UnsafeRawBufferPointer(value), at: offset, tree.source)
                return try TakenBucket(content, tree.source)
            }
        }
    }

    // MARK: Writing

    /// Sets a key's value.
    /// - Throws: Where the key is empty or longer than ``BoltDatabase/maximumKeyBytes``, the value longer than
    ///   ``BoltDatabase/maximumValueBytes``, or the name that of a bucket; and where a page on the way is damaged.
    public func put(_ key: [UInt8], _ value: [UInt8]) throws(BoltError) {
        self.checkOpen()
        guard !key.isEmpty, key.count <= BoltDatabase.maximumKeyBytes, value.count <= BoltDatabase.maximumValueBytes else {
            throw self.transaction.error("a key of \(key.count) bytes with a value of \(value.count) cannot be stored")
        }
        if let leaf = self.lastLeaf, unsafe leaf.ends(before: key.span.bytes) {
            // Keys that come in order, as etcd's revisions do, need no search.
            return unsafe leaf.append(key.span.bytes, value.span.bytes, link: 0)
        }
        guard unsafe try self.set(key.span.bytes, value.span.bytes, isBucket: false) else {
            throw self.transaction.error("\"\(text(key))\" is a bucket, not a key")
        }
    }

    /// Removes a key; nothing happens where there is none.
    /// - Throws: Where a bucket has that name, and where a page on the way is damaged.
    public func remove(_ key: [UInt8]) throws(BoltError) {
        guard let entry = unsafe try self.tree.entry(key.span.bytes) else { return }
        guard !entry.isBucket else { throw self.transaction.error("\"\(text(key))\" is a bucket, not a key") }
        try self.removeElement(key)
    }

    /// The bucket of this name within this one, made where there is none.
    @discardableResult
    public func createBucketIfMissing(_ name: [UInt8]) throws(BoltError) -> BoltWriteBucket {
        if let bucket = try self.bucket(name) { return bucket }
        guard !name.isEmpty, name.count <= BoltDatabase.maximumKeyBytes else {
            throw self.transaction.error("a bucket cannot be named by \(name.count) bytes")
        }
        let empty = BucketContent.empty
        _ = unsafe try self.set(name.span.bytes, empty.span.bytes, isBucket: true)
        guard let bucket = try self.bucket(name) else { preconditionFailure("the bucket was just made") }
        bucket.markChanged()
        return bucket
    }

    /// Deletes a bucket and all within.
    /// - Throws: Where there is none of that name; and where a page of it is damaged, when the transaction cannot be committed.
    public func deleteBucket(_ name: [UInt8]) throws(BoltError) {
        guard let bucket = try self.bucket(name) else {
            throw self.transaction.error("there is no bucket \"\(text(name))\" to be deleted")
        }
        do {
            for nested in try bucket.bucketNames() { try bucket.deleteBucket(nested) }
            if bucket.rootPage != 0 { try self.transaction.free(pagesBelow: bucket.rootPage) }
            try self.removeElement(name)
        } catch {
            self.transaction.spoil(error)
            throw error
        }
        bucket.close()
        self.buckets[name] = nil
    }

    /// Sets ``sequence``.
    public func setSequence(_ sequence: UInt64) {
        self.checkOpen()
        self.sequence = sequence
        self.markChanged()
    }

    /// False where the key is there and is a bucket when it should not be.
    func set(_ key: RawSpan, _ value: RawSpan, isBucket: Bool) throws(BoltError) -> Bool {
        let leaf = try self.changeableLeaf(for: key)
        let (index, isExact) = leaf.search(key)
        if isExact {
            guard leaf.elements[index].isBucket == isBucket else { return false }
            leaf.replace(index, value: value)
        } else if index == leaf.count {
            leaf.append(key, value, link: isBucket ? 1 : 0)
        } else {
            leaf.insert(key, value, link: isBucket ? 1 : 0, at: index)
        }
        return true
    }

    private func removeElement(_ key: [UInt8]) throws(BoltError) {
        let leaf = unsafe try self.changeableLeaf(for: key.span.bytes)
        let (index, isExact) = unsafe leaf.search(key.span.bytes)
        precondition(isExact, "the key was found before")
        leaf.remove(at: index)
    }

    /// The leaf of a key, with all above it, taken from their pages.
    private func changeableLeaf(for key: RawSpan) throws(BoltError) -> Node {
        self.markChanged()
        var node = try self.changeableRoot()
        var isLast = true
        for _ in 0..<Tree.maximumDepth {
            if node.isLeaf {
                if isLast { self.lastLeaf = node }
                return node
            }
            let index = node.child(for: key)
            isLast = isLast && index == node.count - 1
            node = try self.changeableChild(node, index)
        }
        throw try self.tree.circle()
    }

    func changeableRoot() throws(BoltError) -> Node {
        if let root = self.root { return root }
        let source = self.transaction.source
        let root = try Node(try source.page(self.rootPage, referredFrom: 0), source)
        self.root = root
        return root
    }

    func changeableChild(_ branch: Node, _ index: Int) throws(BoltError) -> Node {
        if let child = branch.children[index] { return child }
        let source = self.transaction.source
        let referrer = Int64(branch.pageID) * Int64(source.pageSize)
        let child = try Node(try source.page(branch.elements[index].link, referredFrom: referrer), source)
        // What is written again is in order; what was not would only spread.
        var end = child.count
        if index + 1 < branch.count { end = unsafe child.search(branch.key(index + 1).span.bytes).index }
        guard end == child.count, unsafe child.search(branch.key(index).span.bytes).index == 0 else {
            throw source.error(
                at: Int64(child.pageID) * Int64(source.pageSize), "page \(child.pageID) has keys that are not its branch's")
        }
        branch.children[index] = child
        return child
    }

    private func markChanged() {
        guard !self.isChanged else { return }
        self.isChanged = true
        self.parent?.markChanged()
    }
}

/// A name in an error's words.
func text(_ name: [UInt8]) -> String {
    String(decoding: name, as: UTF8.self)
}
