internal import CPlatform
internal import Glibc
internal import Platform

/// The pages of one state of a file where they lie in its mapping: all below the high-water mark of one meta page, which the
/// file holds in full. Whoever has this may read them; that they are not written to meanwhile is the freelist's business.
final class PageSource: Sendable {
    let file: String
    let mapping: DiskMapping
    let pageSize: Int
    let highWaterMark: UInt64

    /// - Parameter mapping: At least as long as the pages below `highWaterMark`.
    init(file: String, mapping: DiskMapping, pageSize: Int, highWaterMark: UInt64) {
        precondition(UInt64(mapping.count) / UInt64(pageSize) >= highWaterMark, "the mapping ends before the pages do")
        (self.file, self.mapping, self.pageSize, self.highWaterMark) = (file, mapping, pageSize, highWaterMark)
    }

    /// Branch or leaf page `id`, its header checked. Its elements are checked as they are read.
    /// - Parameter referrer: Where in the file the id stands.
    @inline(__always)
    func page(_ id: UInt64, referredFrom referrer: Int64) throws(BoltError) -> MappedPage {
        guard id >= 2, id < self.highWaterMark else { throw self.strayReference(id, referrer) }
        let start = Int(id) &* self.pageSize
        // The elements that a search looks at come after the header, and as slowly.
        for line in 1..<8 { unsafe quorate_prefetch(self.mapping.bytes.baseAddress! + start + line &* 64) }
        let page = unsafe MappedPage(
            base: self.mapping.bytes.baseAddress! + start, size: self.pageSize, offset: Int64(start),
            remaining: self.highWaterMark &- id)
        guard page.isSound, page.id == id else { throw self.unsound(page, id) }
        return page
    }

    /// The pages that hold the freelist of page `id`.
    func run(ofFreelist id: UInt64) throws(BoltError) -> PageRun {
        guard id >= 2, id < self.highWaterMark else { throw self.strayReference(id, 0) }
        let start = Int(id) * self.pageSize
        let header = unsafe PageHeader(self.mapping.bytes.baseAddress! + start)
        guard header.id == id, header.flags == PageHeader.freelist else {
            throw self.error(
                at: Int64(start), "page \(id) calls itself page \(header.id) with flags \(header.flags): it is no freelist")
        }
        guard UInt64(header.overflow) < self.highWaterMark - id else {
            throw self.error(
                at: Int64(start) + 12, "page \(id) claims \(header.overflow) further pages, past the end of the file")
        }
        return PageRun(start: id, count: Int(header.overflow) + 1)
    }

    /// The ids in the freelist of page `id`, rising.
    func freelist(_ id: UInt64) throws(BoltError) -> [UInt64] {
        let run = try self.run(ofFreelist: id)
        let start = Int(id) * self.pageSize
        let size = run.count * self.pageSize
        let header = unsafe PageHeader(self.mapping.bytes.baseAddress! + start)
        var at = PageHeader.size
        var count = UInt64(header.count)
        if header.count == .max {
            count = unsafe self.mapping.bytes.loadUnaligned(fromByteOffset: start + at, as: UInt64.self)
            at += 8
        }
        guard count <= UInt64((size - at) / 8) else {
            throw self.error(at: Int64(start) + 10, "the freelist counts \(count) pages, more than it has room for")
        }
        var ids: [UInt64] = []
        ids.reserveCapacity(Int(count))
        var previous: UInt64 = 1
        for index in 0..<Int(count) {
            let free = unsafe self.mapping.bytes.loadUnaligned(fromByteOffset: start + at + index * 8, as: UInt64.self)
            guard free > previous, free < self.highWaterMark else {
                throw self.error(
                    at: Int64(start + at + index * 8), "freelist entry \(index) is page \(free), out of order or of bounds")
            }
            ids.append(free)
            previous = free
        }
        return ids
    }

    func error(at offset: Int64, _ what: String) -> BoltError {
        BoltError(file: self.file, offset: offset, what: what)
    }

    @inline(never)
    private func strayReference(_ id: UInt64, _ referrer: Int64) -> BoltError {
        self.error(at: referrer, "page \(id) is referred to, of \(self.highWaterMark) pages")
    }

    @inline(never)
    private func unsound(_ page: MappedPage, _ id: UInt64) -> BoltError {
        guard page.id == id else { return self.error(at: page.offset, "page \(id) calls itself page \(page.id)") }
        return self.error(
            at: page.offset + 8, "page \(id) has flags \(page.flags), \(page.count) elements and \(page.overflow) further pages"
        )
    }

    /// An element lies outside its page.
    @inline(never)
    func stray(_ page: MappedPage, _ index: Int) -> BoltError {
        self.error(
            at: page.offset + Int64(PageHeader.size + index * MappedPage.elementSize),
            "element \(index) of page \(page.id) lies outside its page")
    }
}

/// A branch or leaf page in place, or the inline page within a bucket's value. Its header has been found sound; an element is
/// checked against the page's bounds whenever it is read, so that what a damaged one claims is never followed out of it.
///
/// Valid while the mapping is: those who hold one hold the ``PageSource`` too.
@safe struct MappedPage {
    static let elementSize = 16

    private let base: UnsafeRawPointer
    /// Bytes, overflow included.
    let size: Int
    /// Bytes from the file's beginning.
    let offset: Int64
    let id: UInt64
    let flags: UInt16
    let count: Int
    let overflow: UInt32
    /// What it claims to be is possible; nothing else may be asked of it otherwise.
    let isSound: Bool

    /// - Parameters:
    ///   - size: Bytes of a page, or of an inline page.
    ///   - remaining: Pages from this one to the high-water mark.
    @inline(__always)
    @unsafe init(base: UnsafeRawPointer, size: Int, offset: Int64, remaining: UInt64) {
        let header = unsafe PageHeader(base)
        unsafe self.base = unsafe base
        self.offset = offset
        self.id = header.id
        self.flags = header.flags
        self.count = Int(header.count)
        self.overflow = header.overflow
        let isWithin = UInt64(header.overflow) < remaining
        self.size = isWithin ? size &* (Int(header.overflow) &+ 1) : size
        let hasRoom = PageHeader.size &+ self.count &* Self.elementSize <= self.size
        let isKnown = header.flags == PageHeader.leaf || header.flags == PageHeader.branch && header.count > 0
        self.isSound = isWithin && hasRoom && isKnown && self.size <= BoltFile.maximumPageBytes
    }

    var isLeaf: Bool {
        @inline(__always) get { self.flags == PageHeader.leaf }
    }

    /// Where a key and its value stand in the page.
    struct Element {
        var start: Int
        var keyCount: Int
        var valueCount: Int
        /// A leaf's flags, a branch's child.
        var link: UInt64

        var isBucket: Bool { self.link != 0 }
        var end: Int { self.start + self.keyCount + self.valueCount }
    }

    /// Element `index` of a leaf.
    @inline(__always)
    func leaf(_ index: Int, _ source: PageSource) throws(BoltError) -> Element {
        precondition(index >= 0 && index < self.count, "no such element")
        let at = PageHeader.size &+ index &* Self.elementSize
        let flags = unsafe self.base.loadUnaligned(fromByteOffset: at, as: UInt32.self)
        let position = unsafe self.base.loadUnaligned(fromByteOffset: at &+ 4, as: UInt32.self)
        let key = unsafe self.base.loadUnaligned(fromByteOffset: at &+ 8, as: UInt32.self)
        let value = unsafe self.base.loadUnaligned(fromByteOffset: at &+ 12, as: UInt32.self)
        // Numbers of 32 bits, so that no sum of three overflows.
        let element = Element(start: at &+ Int(position), keyCount: Int(key), valueCount: Int(value), link: UInt64(flags))
        guard element.end <= self.size, flags <= 1 else { throw source.stray(self, index) }
        return element
    }

    /// Element `index` of a branch.
    @inline(__always)
    func branch(_ index: Int, _ source: PageSource) throws(BoltError) -> Element {
        precondition(index >= 0 && index < self.count, "no such element")
        let at = PageHeader.size &+ index &* Self.elementSize
        let position = unsafe self.base.loadUnaligned(fromByteOffset: at, as: UInt32.self)
        let key = unsafe self.base.loadUnaligned(fromByteOffset: at &+ 4, as: UInt32.self)
        let child = unsafe self.base.loadUnaligned(fromByteOffset: at &+ 8, as: UInt64.self)
        let element = Element(start: at &+ Int(position), keyCount: Int(key), valueCount: 0, link: child)
        guard element.end <= self.size else { throw source.stray(self, index) }
        return element
    }

    @inline(__always)
    func element(_ index: Int, _ source: PageSource) throws(BoltError) -> Element {
        if self.isLeaf { return try self.leaf(index, source) }
        return try self.branch(index, source)
    }

    /// The first element whose key is not before `key`, ``count`` where there is none; and whether it is that key.
    @inline(__always)
    func search(_ key: RawSpan, _ source: PageSource) throws(BoltError) -> (index: Int, isExact: Bool) {
        let isLeaf = self.isLeaf
        var (low, high) = (0, self.count)
        while low < high {
            // Three steps at a time, whose keys are on their way to the processor together.
            if high &- low > 2 { self.prefetchKeys(low, high, isLeaf) }
            for _ in 0..<3 where low < high {
                let middle = (low &+ high) / 2
                let element = isLeaf ? try self.leaf(middle, source) : try self.branch(middle, source)
                let order = unsafe order(self.base + element.start, element.keyCount, key)
                if order == 0 { return (middle, true) }
                if order < 0 { low = middle &+ 1 } else { high = middle }
            }
        }
        return (low, false)
    }

    /// Announces the keys that the next three steps of a search may look at.
    @inline(__always)
    private func prefetchKeys(_ low: Int, _ high: Int, _ isLeaf: Bool) {
        let middle = (low &+ high) / 2
        let (left, right) = ((low &+ middle) / 2, (middle &+ 1 &+ high) / 2)
        self.prefetchKey(middle, isLeaf)
        self.prefetchKey(left, isLeaf)
        self.prefetchKey(min(right, high &- 1), isLeaf)
        guard high &- low > 6 else { return }
        self.prefetchKey((low &+ left) / 2, isLeaf)
        self.prefetchKey((left &+ 1 &+ middle) / 2, isLeaf)
        self.prefetchKey((middle &+ 1 &+ right) / 2, isLeaf)
        self.prefetchKey((right &+ 1 &+ high) / 2, isLeaf)
    }

    @inline(__always)
    private func prefetchKey(_ index: Int, _ isLeaf: Bool) {
        let at = PageHeader.size &+ index &* Self.elementSize
        guard at &+ Self.elementSize <= self.size else { return }
        let position = unsafe self.base.loadUnaligned(fromByteOffset: isLeaf ? at &+ 4 : at, as: UInt32.self)
        unsafe quorate_prefetch(self.base + at + Int(position))
    }

    /// The element of a branch below which `key` belongs: the last one whose key is not after it, or the first.
    @inline(__always)
    func child(for key: RawSpan, _ source: PageSource) throws(BoltError) -> Int {
        let (index, isExact) = try self.search(key, source)
        return isExact ? index : max(0, index - 1)
    }

    /// The bytes of an element's key; valid while the mapping is.
    @unsafe @inline(__always)
    func key(_ element: Element) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: self.base + element.start, count: element.keyCount)
    }

    @unsafe @inline(__always)
    func value(_ element: Element) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: self.base + element.start + element.keyCount, count: element.valueCount)
    }

    @unsafe var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: self.base, count: self.size)
    }

    /// Where in the file an element's value stands.
    func valueOffset(_ element: Element) -> Int64 {
        self.offset + Int64(element.start + element.keyCount)
    }

    /// Where in the file the child of element `index` is named.
    func childOffset(_ index: Int) -> Int64 {
        self.offset + Int64(PageHeader.size + index * Self.elementSize + 8)
    }

    /// All elements, as a page must have them that is to be written again: one after another, with their keys rising. So
    /// whatever it claims, it is no longer in memory than on the disk.
    func elements(_ source: PageSource) throws(BoltError) -> [Element] {
        var elements: [Element] = []
        elements.reserveCapacity(self.count)
        var end = PageHeader.size + self.count * Self.elementSize
        for index in 0..<self.count {
            let element = try self.element(index, source)
            guard element.start == end else { throw source.stray(self, index) }
            if let last = elements.last, unsafe order(self.base + last.start, last.keyCount, self.key(element).bytes) >= 0 {
                throw source.error(
                    at: self.offset + Int64(element.start),
                    "the key of element \(index) of page \(self.id) does not come after the one before it")
            }
            elements.append(element)
            end = element.end
        }
        return elements
    }
}

/// Less than zero where the first bytes sort before the others, as keys do; zero where they are the same.
@unsafe @inline(__always)
func order(_ bytes: UnsafeRawPointer, _ count: Int, _ other: RawSpan) -> Int {
    unsafe other.withUnsafeBytes { other in
        let common = min(count, other.count)
        if common >= 8 {
            // Most keys differ in their first bytes, or a call is needed after all.
            let first = unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
            let second = unsafe UInt64(bigEndian: other.loadUnaligned(as: UInt64.self))
            if first != second { return first < second ? -1 : 1 }
        }
        if common > 0 {
            let difference = unsafe memcmp(bytes, other.baseAddress!, common)
            if difference != 0 { return Int(difference) }
        }
        return count &- other.count
    }
}

extension PageHeader {
    /// - Parameter bytes: At least ``size`` of them.
    @inline(__always)
    @unsafe init(_ bytes: UnsafeRawPointer) {
        self.id = unsafe bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        self.flags = unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)
        self.count = unsafe bytes.loadUnaligned(fromByteOffset: 10, as: UInt16.self)
        self.overflow = unsafe bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
    }
}
