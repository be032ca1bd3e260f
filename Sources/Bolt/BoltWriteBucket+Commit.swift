/// How what was changed of a bucket becomes pages again: nodes that have become small are merged with a neighbour, then all
/// are split to the size of pages and put where there is room, children first.
extension BoltWriteBucket {
    /// Gives everything changed its new pages, and returns the value that describes the bucket from now on.
    func spilled() throws(BoltError) -> [UInt8] {
        for (name, bucket) in self.buckets.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) where bucket.isChanged {
            let value = try bucket.spilled()
            let isSet = unsafe try self.set(name.span.bytes, value.span.bytes, isBucket: true)
            precondition(isSet, "a bucket's entry stays a bucket's")
        }
        if let root = self.root {
            let root = try self.balanced(root)
            if self.isInlineable(root) {
                self.transaction.free(root)
                return self.header(root: 0) + root.encoded()
            }
            self.rootPage = try self.spillRoot(root)
        }
        return self.header(root: self.rootPage)
    }

    /// The same for the bucket that holds all others, which is never inline: the page of its root.
    func spilledRoot() throws(BoltError) -> UInt64 {
        _ = try self.spilled()
        return self.rootPage
    }

    private func header(root: UInt64) -> [UInt8] {
        [root, self.sequence].flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
    }

    /// One leaf of at most a quarter of a page, with no bucket in it.
    private func isInlineable(_ root: Node) -> Bool {
        !self.isOutermost && root.isLeaf && root.size <= self.transaction.source.pageSize / 4
            && !root.elements.contains(where: \.isBucket)
    }

    private func spillRoot(_ root: Node) throws(BoltError) -> UInt64 {
        var pages = try self.spill(root)
        while pages.count > 1 {
            let above = Node(isLeaf: false)
            for page in pages { above.append(page) }
            pages = try self.spill(above)
        }
        return pages[0].page
    }

    private func spill(_ node: Node) throws(BoltError) -> [Node.Written] {
        if !node.isLeaf {
            var written: [[Node.Written]?] = []
            written.reserveCapacity(node.count)
            for child in node.children {
                guard let child else {
                    written.append(nil)
                    continue
                }
                written.append(try self.spill(child))
            }
            node.replaceChildren(written)
        }
        self.transaction.free(node)
        var pages: [Node.Written] = []
        for part in node.parts(pageSize: self.transaction.source.pageSize, fill: self.fillPercent) {
            let page = try self.transaction.place(node, part)
            pages.append(Node.Written(firstKey: part.isEmpty ? [] : Array(node.key(part.lowerBound)), page: page))
        }
        return pages
    }

    // MARK: Merging

    /// Merges what has become small, and returns the root that is left.
    private func balanced(_ root: Node) throws(BoltError) -> Node {
        guard !root.isLeaf else { return root }
        try self.balance(below: root)
        var root = root
        while !root.isLeaf, root.count <= 1 {
            self.transaction.free(root)
            root = root.count == 1 ? try self.changeableChild(root, 0) : Node(isLeaf: true)
        }
        self.root = root
        return root
    }

    private func balance(below branch: Node) throws(BoltError) {
        for child in branch.children {
            if let child, !child.isLeaf { try self.balance(below: child) }
        }
        var index = 0
        while index < branch.count {
            guard let child = branch.children[index], child.isUnbalanced else {
                index += 1
                continue
            }
            child.isUnbalanced = false
            if child.count == 0 {
                self.transaction.free(child)
                branch.remove(at: index)
                continue
            }
            guard self.isSmall(child), branch.count > 1 else {
                // An only child waits until its branch is merged, and has neighbours.
                child.isUnbalanced = self.isSmall(child)
                index += 1
                continue
            }
            let left = max(0, index - 1)
            let (target, merged) = (try self.changeableChild(branch, left), try self.changeableChild(branch, left + 1))
            guard target.isLeaf == merged.isLeaf else {
                throw self.transaction.error(
                    "pages \(target.pageID) and \(merged.pageID) stand side by side, one a leaf, one a branch")
            }
            target.merge(merged)
            self.transaction.free(merged)
            branch.remove(at: left + 1)
            if !target.isLeaf { try self.balance(below: target) }
            // It may still be small. There is one node less to merge, so this ends.
            target.isUnbalanced = true
            index = left
        }
    }

    /// A quarter of a page, where pages are filled by half.
    private func isSmall(_ node: Node) -> Bool {
        node.count <= (node.isLeaf ? 1 : 2)
            || Double(node.size) <= Double(self.transaction.source.pageSize) * self.fillPercent / 2
    }
}
