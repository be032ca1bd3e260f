internal import Glibc
internal import Platform

/// A branch or leaf that a transaction changes: taken from its page, changed in memory, and written to new pages at the
/// commit. It may grow far past a page meanwhile; it is split when it is written.
final class Node {
    /// Like ``MappedPage/Element``, in ``arena``.
    typealias Element = MappedPage.Element

    let isLeaf: Bool
    /// The page it was taken from, to be freed when it is written anew; 0 where there is none.
    let pageID: UInt64
    /// Pages there, overflow included.
    let pageCount: Int
    /// The bytes of keys and values, in the order they came, among them such as are no longer used.
    private(set) var arena: [UInt8]
    private(set) var elements: [Element]
    /// For a branch, what has been taken of the pages below it, by element; empty for a leaf.
    var children: [Node?]
    /// What all its elements take in a page, the header excluded.
    private(set) var bytes: Int
    /// Elements were taken from it or from a branch's children, so that it may be too small.
    var isUnbalanced = false

    /// An empty leaf, or a branch over pages.
    init(isLeaf: Bool) {
        self.isLeaf = isLeaf
        (self.pageID, self.pageCount) = (0, 0)
        (self.arena, self.elements, self.children, self.bytes) = ([], [], [], 0)
    }

    /// What a page holds, with all its elements checked.
    init(_ page: MappedPage, _ source: PageSource) throws(BoltError) {
        self.isLeaf = page.isLeaf
        // An inline page has the id 0, and lies within another.
        self.pageID = page.id
        self.pageCount = page.id == 0 ? 0 : Int(page.overflow) + 1
        let elements = try page.elements(source)
        let end = elements.last?.end ?? PageHeader.size
        self.arena = unsafe [UInt8](unsafe UnsafeRawBufferPointer(rebasing: page.bytes[..<end]))
        self.children = page.isLeaf ? [] : Array(repeating: nil, count: elements.count)
        self.bytes = end - PageHeader.size
        self.elements = elements
    }

    var count: Int { self.elements.count }
    /// Bytes as one page.
    var size: Int { PageHeader.size + self.bytes }

    func key(_ index: Int) -> ArraySlice<UInt8> {
        let element = self.elements[index]
        return self.arena[element.start..<(element.start + element.keyCount)]
    }

    func value(_ index: Int) -> ArraySlice<UInt8> {
        let element = self.elements[index]
        return self.arena[(element.start + element.keyCount)..<element.end]
    }

    /// As ``MappedPage/search(_:_:)``.
    func search(_ key: RawSpan) -> (index: Int, isExact: Bool) {
        unsafe self.arena.withUnsafeBytes { arena in
            unsafe self.elements.withUnsafeBufferPointer { elements in
                var (low, high) = (0, elements.count)
                while low < high {
                    let middle = (low &+ high) / 2
                    let element = unsafe elements[middle]
                    // Each element was put into the arena, or checked when its page was taken over.
                    let order = unsafe order(arena.baseAddress! + element.start, element.keyCount, key)
                    if order == 0 { return (middle, true) }
                    if order < 0 { low = middle &+ 1 } else { high = middle }
                }
                return (low, false)
            }
        }
    }

    func child(for key: RawSpan) -> Int {
        let (index, isExact) = self.search(key)
        return isExact ? index : max(0, index - 1)
    }

    /// Whether it has elements, and all come before `key`.
    @inline(__always)
    func ends(before key: RawSpan) -> Bool {
        guard let last = self.elements.last else { return false }
        return unsafe self.arena.withUnsafeBytes { arena in
            unsafe order(arena.baseAddress! + last.start, last.keyCount, key) < 0
        }
    }

    // MARK: Leaves

    @inline(__always)
    func append(_ key: RawSpan, _ value: RawSpan, link: UInt64) {
        self.elements.append(self.store(key, value, link: link))
    }

    func insert(_ key: RawSpan, _ value: RawSpan, link: UInt64, at index: Int) {
        self.elements.insert(self.store(key, value, link: link), at: index)
    }

    @inline(__always)
    private func store(_ key: RawSpan, _ value: RawSpan, link: UInt64) -> Element {
        let start = self.arena.count
        unsafe key.withUnsafeBytes { unsafe self.arena.append(contentsOf: $0) }
        unsafe value.withUnsafeBytes { unsafe self.arena.append(contentsOf: $0) }
        self.bytes += MappedPage.elementSize + key.byteCount + value.byteCount
        return Element(start: start, keyCount: key.byteCount, valueCount: value.byteCount, link: link)
    }

    /// Gives element `index` another value.
    func replace(_ index: Int, value: RawSpan) {
        var element = self.elements[index]
        self.bytes += value.byteCount - element.valueCount
        if value.byteCount > element.valueCount {
            // Not from a slice of itself: that would be two accesses at once.
            let key = Array(self.key(index))
            element.start = self.arena.count
            self.arena.append(contentsOf: key)
            unsafe value.withUnsafeBytes { unsafe self.arena.append(contentsOf: $0) }
        } else {
            let start = element.start + element.keyCount
            unsafe self.arena.withUnsafeMutableBytes { arena in
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: arena[start..<(start + value.byteCount)])
                unsafe value.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
            }
        }
        element.valueCount = value.byteCount
        self.elements[index] = element
        self.tidy()
    }

    func remove(at index: Int) {
        let element = self.elements.remove(at: index)
        self.bytes -= MappedPage.elementSize + element.keyCount + element.valueCount
        if !self.isLeaf { self.children.remove(at: index) }
        self.isUnbalanced = true
    }

    /// Drops bytes that are no longer used once they are most of what there is.
    private func tidy() {
        guard self.arena.count > 1 << 16, self.arena.count / 2 > self.bytes else { return }
        var arena: [UInt8] = []
        arena.reserveCapacity(self.bytes)
        for index in self.elements.indices {
            let element = self.elements[index]
            self.elements[index].start = arena.count
            arena.append(contentsOf: self.arena[element.start..<element.end])
        }
        self.arena = arena
    }

    /// Takes over all elements of the node to its right.
    func merge(_ right: Node) {
        precondition(self.isLeaf == right.isLeaf, "a leaf is merged with a leaf")
        let start = self.arena.count
        self.arena.append(contentsOf: right.arena)
        self.elements.reserveCapacity(self.count + right.count)
        for element in right.elements {
            var moved = element
            moved.start += start
            self.elements.append(moved)
        }
        self.children.append(contentsOf: right.children)
        self.bytes += right.bytes
    }

    // MARK: Branches

    /// What stands below a branch once a child has been written: its pages with their first keys, in place of element
    /// `index`.
    struct Written {
        var firstKey: [UInt8]
        var page: UInt64
    }

    /// Replaces each child that was written by its pages.
    /// - Parameter written: For each element what its child became; nil where it is as it was.
    func replaceChildren(_ written: [[Written]?]) {
        precondition(!self.isLeaf && written.count == self.count, "one for each child")
        var elements: [Element] = []
        elements.reserveCapacity(self.count)
        for (index, pages) in written.enumerated() {
            guard let pages else {
                elements.append(self.elements[index])
                continue
            }
            let old = self.elements[index]
            self.bytes -= MappedPage.elementSize + old.keyCount
            for (number, page) in pages.enumerated() {
                if number == 0, self.key(index).elementsEqual(page.firstKey) {
                    self.bytes += MappedPage.elementSize + old.keyCount
                    elements.append(Element(start: old.start, keyCount: old.keyCount, valueCount: 0, link: page.page))
                } else {
                    elements.append(unsafe self.store(page.firstKey.span.bytes, RawSpan(), link: page.page))
                }
            }
        }
        self.elements = elements
        self.children = Array(repeating: nil, count: elements.count)
    }

    /// Adds a page at the end of a branch.
    func append(_ written: Written) {
        unsafe self.append(written.firstKey.span.bytes, RawSpan(), link: written.page)
        self.children.append(nil)
    }

    // MARK: As pages

    /// The parts it is written in: each of at least two elements, and filled up to a share of a page. One part where it
    /// fits into a page, or has no more than four elements.
    func parts(pageSize: Int, fill: Double) -> [Range<Int>] {
        let threshold = Int(Double(pageSize) * fill)
        var parts: [Range<Int>] = []
        var start = 0
        var remaining = self.size
        while self.count - start > 4, remaining >= pageSize || self.count - start > Self.mostElements {
            var end = start
            var size = PageHeader.size
            while end < self.count - 2 {
                let element = self.elements[end]
                let next = MappedPage.elementSize + element.keyCount + element.valueCount
                if end - start >= 2, size + next > threshold || end - start >= Self.mostElements { break }
                size += next
                end += 1
            }
            parts.append(start..<end)
            remaining -= size - PageHeader.size
            start = end
        }
        parts.append(start..<self.count)
        return parts
    }

    /// A page counts its elements with 16 bits, and the freelist gives the highest number another meaning.
    private static let mostElements = 0xFFFE

    /// Bytes of a part as a page.
    func size(of part: Range<Int>) -> Int {
        part.count == self.count
            ? self.size
            : self.elements[part].reduce(PageHeader.size) { $0 + MappedPage.elementSize + $1.keyCount + $1.valueCount }
    }

    /// The whole as an inline page.
    func encoded() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: self.size)
        unsafe bytes.withUnsafeMutableBytes { unsafe self.encode(0..<self.count, id: 0, overflow: 0, into: $0) }
        return bytes
    }

    /// Writes a part as a page at the beginning of `target`.
    func encode(_ part: Range<Int>, id: UInt64, overflow: UInt32, into target: UnsafeMutableRawBufferPointer) {
        let flags = self.isLeaf ? PageHeader.leaf : PageHeader.branch
        unsafe target.encodeHeader(id: id, flags: flags, count: UInt16(part.count), overflow: overflow)
        var at = PageHeader.size
        var data = at + part.count * MappedPage.elementSize
        unsafe self.arena.withUnsafeBytes { arena in
            for index in part {
                let element = self.elements[index]
                let position = UInt32(data - at)
                if self.isLeaf {
                    unsafe target.storeBytes(of: UInt32(element.link), toByteOffset: at, as: UInt32.self)
                    unsafe target.storeBytes(of: position, toByteOffset: at + 4, as: UInt32.self)
                    unsafe target.storeBytes(of: UInt32(element.keyCount), toByteOffset: at + 8, as: UInt32.self)
                    unsafe target.storeBytes(of: UInt32(element.valueCount), toByteOffset: at + 12, as: UInt32.self)
                } else {
                    unsafe target.storeBytes(of: position, toByteOffset: at, as: UInt32.self)
                    unsafe target.storeBytes(of: UInt32(element.keyCount), toByteOffset: at + 4, as: UInt32.self)
                    unsafe target.storeBytes(of: element.link, toByteOffset: at + 8, as: UInt64.self)
                }
                at += MappedPage.elementSize
                let length = element.keyCount + element.valueCount
                if length > 0 {
                    precondition(data + length <= target.count, "the page has room for the part")
                    unsafe (target.baseAddress! + data).copyMemory(from: arena.baseAddress! + element.start, byteCount: length)
                }
                data += length
            }
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Writes the header of a page at the beginning.
    func encodeHeader(id: UInt64, flags: UInt16, count: UInt16, overflow: UInt32) {
        precondition(self.count >= PageHeader.size, "a page has room for its header")
        unsafe self.storeBytes(of: id, toByteOffset: 0, as: UInt64.self)
        unsafe self.storeBytes(of: flags, toByteOffset: 8, as: UInt16.self)
        unsafe self.storeBytes(of: count, toByteOffset: 10, as: UInt16.self)
        unsafe self.storeBytes(of: overflow, toByteOffset: 12, as: UInt32.self)
    }
}
