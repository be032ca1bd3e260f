internal import Platform

/// A place in a tree: a page where it lies, or what a transaction has made of one.
enum Block {
    case page(MappedPage)
    case node(Node)

    var isLeaf: Bool {
        switch self {
        case .page(let page): page.isLeaf
        case .node(let node): node.isLeaf
        }
    }

    var count: Int {
        switch self {
        case .page(let page): page.count
        case .node(let node): node.count
        }
    }
}

/// The keys of a bucket, as one transaction sees them.
struct Tree {
    /// No tree of fewer than 2^38 pages is deeper.
    static let maximumDepth = 64

    let source: PageSource
    let root: Block

    /// What stands below element `index` of a branch.
    func child(_ block: Block, _ index: Int) throws(BoltError) -> Block {
        switch block {
        case .page(let page):
            let element = try page.branch(index, self.source)
            return .page(try self.source.page(element.link, referredFrom: page.childOffset(index)))
        case .node(let node):
            if let child = node.children[index] { return .node(child) }
            return .page(try self.source.page(node.elements[index].link, referredFrom: self.offset(of: node)))
        }
    }

    /// Where a node came from, or the file's beginning.
    func offset(of node: Node) -> Int64 { Int64(node.pageID) * Int64(self.source.pageSize) }

    /// The leaf where a key is or would be, and the first element there that is not before it.
    @inline(__always)
    func seek(_ key: RawSpan) throws(BoltError) -> (leaf: Block, index: Int, isExact: Bool) {
        var block = self.root
        for _ in 0..<Self.maximumDepth {
            switch block {
            case .page(let page):
                if page.isLeaf {
                    let (index, isExact) = try page.search(key, self.source)
                    return (block, index, isExact)
                }
                let index = try page.child(for: key, self.source)
                let element = try page.branch(index, self.source)
                block = .page(try self.source.page(element.link, referredFrom: page.childOffset(index)))
            case .node(let node):
                if node.isLeaf {
                    let (index, isExact) = node.search(key)
                    return (block, index, isExact)
                }
                block = try self.child(block, node.child(for: key))
            }
        }
        throw self.circle()
    }

    /// What stands at a key: whether a bucket, and a copy of its value.
    func entry(_ key: RawSpan) throws(BoltError) -> (value: [UInt8], isBucket: Bool)? {
        let (leaf, index, isExact) = try self.seek(key)
        guard isExact else { return nil }
        switch leaf {
        case .page(let page):
            let element = try page.leaf(index, self.source)
            return (unsafe [UInt8](unsafe page.value(element)), element.isBucket)
        case .node(let node):
            return ([UInt8](node.value(index)), node.elements[index].isBucket)
        }
    }

    /// Goes over the entries from `start` on and before `end`, in the order of their keys, until `body` returns false.
    func forEach(
        from start: [UInt8], to end: [UInt8]?,
        _ body: (_ key: RawSpan, _ value: RawSpan, _ isBucket: Bool) throws(BoltError) -> Bool
    ) throws(BoltError) {
        var cursor = TreeCursor(self)
        var index = unsafe try cursor.seek(start.span.bytes)
        while true {
            switch cursor.leaf {
            case .page(let page):
                while index < page.count {
                    let element = try page.leaf(index, self.source)
                    let (keyBytes, valueBytes) = unsafe (page.key(element), page.value(element))
                    let (key, value) = unsafe (keyBytes.bytes, valueBytes.bytes)
                    if let end, unsafe !key.precedes(end.span.bytes) { return }
                    guard try body(key, value, element.isBucket) else { return }
                    index += 1
                }
            case .node(let node):
                // Held here, so that they stay as they are whatever `body` does.
                let (arena, elements) = (node.arena, node.elements)
                while index < elements.count {
                    let element = elements[index]
                    let bytes = unsafe arena.span.bytes
                    let middle = element.start + element.keyCount
                    let key = bytes.extracting(element.start..<middle)
                    if let end, unsafe !key.precedes(end.span.bytes) { return }
                    guard try body(key, bytes.extracting(middle..<element.end), element.isBucket) else { return }
                    index += 1
                }
            }
            guard try cursor.nextLeaf() else { return }
            index = 0
        }
    }

    /// The last key that is not a bucket's name. Goes over what comes after it, which is little: empty leaves, and buckets.
    func lastKey() throws(BoltError) -> [UInt8]? {
        var visits: UInt64 = 0
        // Each with how many of its elements are still to be looked at.
        var next = [(block: self.root, count: self.root.count)]
        while let (block, count) = next.popLast() {
            if block.isLeaf {
                if let key = try self.lastKey(ofLeaf: block) { return key }
            } else if count > 0 {
                visits += 1
                guard visits <= self.source.highWaterMark, next.count < Self.maximumDepth else { throw self.circle() }
                next.append((block, count - 1))
                let child = try self.child(block, count - 1)
                next.append((child, child.count))
            }
        }
        return nil
    }

    private func lastKey(ofLeaf block: Block) throws(BoltError) -> [UInt8]? {
        for index in stride(from: block.count - 1, through: 0, by: -1) {
            switch block {
            case .page(let page):
                let element = try page.leaf(index, self.source)
                if !element.isBucket { return unsafe [UInt8](unsafe page.key(element)) }
            case .node(let node):
                if !node.elements[index].isBucket { return Array(node.key(index)) }
            }
        }
        return nil
    }

    @inline(never)
    func circle() -> BoltError {
        let offset: Int64
        switch self.root {
        case .page(let page): offset = page.offset
        case .node(let node): offset = self.offset(of: node)
        }
        return self.source.error(at: offset, "pages refer to one another in a circle below this one")
    }
}

/// Goes from leaf to leaf, and over no more pages than the file has.
struct TreeCursor {
    private struct Frame {
        var branch: Block
        /// The element gone down by.
        var index: Int
    }

    private let tree: Tree
    private var branches: [Frame] = []
    private(set) var leaf: Block
    private var visits: UInt64 = 0

    init(_ tree: Tree) {
        self.tree = tree
        self.leaf = tree.root
    }

    /// Goes to the leaf where a key is or would be, and returns the first element there that is not before it.
    mutating func seek(_ key: RawSpan) throws(BoltError) -> Int {
        self.branches = []
        var block = self.tree.root
        while true {
            switch block {
            case .page(let page):
                if page.isLeaf {
                    self.leaf = block
                    return try page.search(key, self.tree.source).index
                }
                block = try self.descend(block, try page.child(for: key, self.tree.source))
            case .node(let node):
                if node.isLeaf {
                    self.leaf = block
                    return node.search(key).index
                }
                block = try self.descend(block, node.child(for: key))
            }
        }
    }

    /// Goes to the next leaf, which may be empty. False where there is none.
    mutating func nextLeaf() throws(BoltError) -> Bool {
        while let frame = self.branches.popLast() {
            guard frame.index + 1 < frame.branch.count else { continue }
            var block = try self.descend(frame.branch, frame.index + 1)
            while !block.isLeaf { block = try self.descend(block, 0) }
            self.leaf = block
            return true
        }
        return false
    }

    private mutating func descend(_ branch: Block, _ index: Int) throws(BoltError) -> Block {
        self.visits += 1
        guard self.branches.count < Tree.maximumDepth, self.visits <= self.tree.source.highWaterMark else {
            throw self.tree.circle()
        }
        self.branches.append(Frame(branch: branch, index: index))
        return try self.tree.child(branch, index)
    }
}

extension RawSpan {
    /// Whether these bytes sort before others, as keys do.
    @inline(__always)
    func precedes(_ other: RawSpan) -> Bool {
        unsafe self.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return !other.isEmpty }
            return unsafe order(base, bytes.count, other) < 0
        }
    }
}

extension [UInt8] {
    /// A copy of bytes that are another's.
    public init(copying bytes: RawSpan) {
        self = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
