/// Finds which of many ranges hold a key, in time that grows with the logarithm of their number and with how many do.
///
/// A treap ordered by where ranges start, each node knowing the furthest end below it. Its priorities are a hash of the
/// order of insertion, so that equal histories make equal trees.
struct IntervalTree: Sendable {
    private struct Node: Sendable {
        let range: KeyRange
        let priority: UInt64
        /// Who asked for this range, in order.
        var members: [Int]
        /// The furthest end in this subtree; `isOpen` when one of its ranges has none.
        var furthest: Key
        var isOpen: Bool
        var left = -1
        var right = -1
    }

    private var nodes: [Node] = []
    private var free: [Int] = []
    private var root = -1
    private var insertions: UInt64 = 0

    mutating func insert(_ range: KeyRange, _ member: Int) {
        self.root = self.insert(range, member, under: self.root)
    }

    mutating func remove(_ range: KeyRange, _ member: Int) {
        self.root = self.remove(range, member, under: self.root)
    }

    /// Calls `body` for each member whose range holds the key.
    func forEach(holding key: Key, _ body: (Int) -> Void) {
        self.forEach(holding: key, under: self.root, body)
    }

    private func forEach(holding key: Key, under index: Int, _ body: (Int) -> Void) {
        guard index >= 0, self.nodes[index].isOpen || key < self.nodes[index].furthest else { return }
        self.forEach(holding: key, under: self.nodes[index].left, body)
        guard self.nodes[index].range.start <= key else { return }
        if self.nodes[index].range.contains(key) {
            for member in self.nodes[index].members { body(member) }
        }
        self.forEach(holding: key, under: self.nodes[index].right, body)
    }

    private mutating func insert(_ range: KeyRange, _ member: Int, under index: Int) -> Int {
        guard index >= 0 else { return self.makeNode(range, member) }
        if self.nodes[index].range == range {
            self.nodes[index].members.append(member)
            return index
        }
        var top = index
        if Self.precedes(range, self.nodes[index].range) {
            let left = self.insert(range, member, under: self.nodes[index].left)
            self.nodes[index].left = left
            if self.nodes[left].priority > self.nodes[index].priority {
                self.nodes[index].left = self.nodes[left].right
                self.nodes[left].right = index
                top = left
            }
        } else {
            let right = self.insert(range, member, under: self.nodes[index].right)
            self.nodes[index].right = right
            if self.nodes[right].priority > self.nodes[index].priority {
                self.nodes[index].right = self.nodes[right].left
                self.nodes[right].left = index
                top = right
            }
        }
        if top != index { self.refresh(index) }
        self.refresh(top)
        return top
    }

    private mutating func remove(_ range: KeyRange, _ member: Int, under index: Int) -> Int {
        guard index >= 0 else { return -1 }
        if self.nodes[index].range == range {
            if let place = self.nodes[index].members.firstIndex(of: member) { self.nodes[index].members.remove(at: place) }
            guard self.nodes[index].members.isEmpty else { return index }
            self.free.append(index)
            return self.join(self.nodes[index].left, self.nodes[index].right)
        }
        if Self.precedes(range, self.nodes[index].range) {
            let left = self.remove(range, member, under: self.nodes[index].left)
            self.nodes[index].left = left
        } else {
            let right = self.remove(range, member, under: self.nodes[index].right)
            self.nodes[index].right = right
        }
        self.refresh(index)
        return index
    }

    /// One tree of two, where all of `left` comes before all of `right`.
    private mutating func join(_ left: Int, _ right: Int) -> Int {
        guard left >= 0 else { return right }
        guard right >= 0 else { return left }
        if self.nodes[left].priority > self.nodes[right].priority {
            let joined = self.join(self.nodes[left].right, right)
            self.nodes[left].right = joined
            self.refresh(left)
            return left
        }
        let joined = self.join(left, self.nodes[right].left)
        self.nodes[right].left = joined
        self.refresh(right)
        return right
    }

    private mutating func makeNode(_ range: KeyRange, _ member: Int) -> Int {
        self.insertions &+= 1
        var priority = self.insertions &* 0x9E37_79B9_7F4A_7C15
        priority = (priority ^ (priority >> 30)) &* 0xBF58_476D_1CE4_E5B9
        priority ^= priority >> 27
        let node = Node(
            range: range, priority: priority, members: [member], furthest: range.end ?? range.start,
            isOpen: range.end == nil)
        if let index = self.free.popLast() {
            self.nodes[index] = node
            return index
        }
        self.nodes.append(node)
        return self.nodes.count - 1
    }

    /// Makes good what the node knows of its subtree, after its children changed.
    private mutating func refresh(_ index: Int) {
        let node = self.nodes[index]
        var isOpen = node.range.end == nil
        var furthest = node.range.end ?? node.range.start
        for child in [node.left, node.right] where child >= 0 {
            isOpen = isOpen || self.nodes[child].isOpen
            if furthest < self.nodes[child].furthest { furthest = self.nodes[child].furthest }
        }
        self.nodes[index].isOpen = isOpen
        self.nodes[index].furthest = furthest
    }

    private static func precedes(_ one: KeyRange, _ other: KeyRange) -> Bool {
        if one.start != other.start { return one.start < other.start }
        guard let end = one.end else { return false }
        guard let otherEnd = other.end else { return true }
        return end < otherEnd
    }
}
