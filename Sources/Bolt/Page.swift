/// The sixteen bytes that every page begins with.
struct PageHeader {
    static let size = 16
    static let branch: UInt16 = 0x01
    static let leaf: UInt16 = 0x02
    static let meta: UInt16 = 0x04
    static let freelist: UInt16 = 0x10

    var id: UInt64
    var flags: UInt16
    var count: UInt16
    /// Further pages that belong to this one and have no header of their own.
    var overflow: UInt32

    /// - Parameter bytes: At least ``size`` of them.
    init(_ bytes: ArraySlice<UInt8>) {
        let start = bytes.startIndex
        self.id = bytes.uint64(at: start)
        self.flags = bytes.uint16(at: start + 8)
        self.count = bytes.uint16(at: start + 10)
        self.overflow = bytes.uint32(at: start + 12)
    }
}

/// A branch or leaf page whose elements have been checked: all lie within it, one after another, and their keys rise.
/// So whatever a hostile page claims, reading all its elements touches no byte twice.
///
/// Format: bbolt, `internal/common/page.go`.
struct Page {
    private static let elementSize = 16

    let bytes: ArraySlice<UInt8>
    /// Where `bytes` begin in the file.
    let offset: Int64
    let isLeaf: Bool
    let count: Int
    /// - Parameters:
    ///   - bytes: The whole page with its overflow, at least as long as the header.
    ///   - offset: Where they begin in the file.
    init(_ bytes: ArraySlice<UInt8>, at offset: Int64, of file: String) throws(BoltError) {
        let header = PageHeader(bytes)
        guard header.flags == PageHeader.branch || header.flags == PageHeader.leaf else {
            throw BoltError(
                file: file, offset: offset + 8, what: "page \(header.id) has flags \(header.flags), not branch or leaf")
        }
        self.bytes = bytes
        self.offset = offset
        self.isLeaf = header.flags == PageHeader.leaf
        self.count = Int(header.count)
        guard self.count > 0 || self.isLeaf else {
            throw BoltError(file: file, offset: offset + 10, what: "branch page \(header.id) has no element")
        }
        try self.checkElements(file, header)
    }

    private func checkElements(_ file: String, _ header: PageHeader) throws(BoltError) {
        var end = self.bytes.startIndex + PageHeader.size + self.count * Self.elementSize
        guard end <= self.bytes.endIndex else {
            throw BoltError(
                file: file, offset: self.offset + 10,
                what: "page \(header.id) counts \(self.count) elements, more than it has room for")
        }
        var previous: ArraySlice<UInt8>?
        for index in 0..<self.count {
            let element = self.element(index)
            guard element.start == end, element.end <= self.bytes.endIndex else {
                throw BoltError(
                    file: file, offset: self.elementOffset(index),
                    what: "element \(index) of page \(header.id) lies outside its page, or not where the one before it ends")
            }
            guard !self.isLeaf || element.flags <= 1 else {
                throw BoltError(
                    file: file, offset: self.elementOffset(index),
                    what: "element \(index) of page \(header.id) has flags \(element.flags)")
            }
            let key = self.bytes[element.start..<element.keyEnd]
            if let previous, !previous.precedes(key) {
                throw BoltError(
                    file: file, offset: self.elementOffset(index),
                    what: "the key of element \(index) of page \(header.id) does not come after the one before it")
            }
            previous = key
            end = element.end
        }
    }

    private struct Element {
        var flags: UInt32
        var start: Int
        var keyEnd: Int
        var end: Int
    }

    private func element(_ index: Int) -> Element {
        let at = self.bytes.startIndex + PageHeader.size + index * Self.elementSize
        // A position counts from the element that holds it. Three numbers of 32 bits cannot overflow one of 64.
        if self.isLeaf {
            let start = at + Int(self.bytes.uint32(at: at + 4))
            let keyEnd = start + Int(self.bytes.uint32(at: at + 8))
            let end = keyEnd + Int(self.bytes.uint32(at: at + 12))
            return Element(flags: self.bytes.uint32(at: at), start: start, keyEnd: keyEnd, end: end)
        }
        let start = at + Int(self.bytes.uint32(at: at))
        let keyEnd = start + Int(self.bytes.uint32(at: at + 4))
        return Element(flags: 0, start: start, keyEnd: keyEnd, end: keyEnd)
    }

    /// Where in ``bytes`` the last element ends.
    var end: Int {
        self.count == 0 ? self.bytes.startIndex + PageHeader.size : self.element(self.count - 1).end
    }

    func key(_ index: Int) -> ArraySlice<UInt8> {
        let element = self.element(index)
        return self.bytes[element.start..<element.keyEnd]
    }

    /// The page below element `index` of a branch.
    func child(_ index: Int) -> UInt64 {
        self.bytes.uint64(at: self.bytes.startIndex + PageHeader.size + index * Self.elementSize + 8)
    }

    /// Element `index` of a leaf.
    func entry(_ index: Int) -> BoltEntry {
        let element = self.element(index)
        return BoltEntry(
            key: self.bytes[element.start..<element.keyEnd], value: self.bytes[element.keyEnd..<element.end],
            isBucket: element.flags == 1, offset: self.offset + Int64(element.start - self.bytes.startIndex))
    }

    /// Where element `index` stands in the file.
    func elementOffset(_ index: Int) -> Int64 {
        self.offset + Int64(PageHeader.size + index * Self.elementSize)
    }

    /// The first element whose key is not before `key`; ``count`` where there is none.
    func lowerBound(_ key: ArraySlice<UInt8>) -> Int {
        var (low, high) = (0, self.count)
        while low < high {
            let middle = (low + high) / 2
            if self.key(middle).precedes(key) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// A key and its value, or a bucket's name and where its content is.
public struct BoltEntry: Sendable {
    public var key: ArraySlice<UInt8>
    /// For a bucket, bytes of the format itself; see ``BoltCursor/bucket(_:)``.
    public var value: ArraySlice<UInt8>
    public var isBucket: Bool
    /// Bytes from the file's beginning to the key; the value follows it.
    public var offset: Int64
}

/// Integers as bbolt writes them on every machine that etcd supports: least significant byte first.
extension ArraySlice<UInt8> {
    func uint16(at index: Int) -> UInt16 {
        UInt16(self[index]) | UInt16(self[index + 1]) << 8
    }

    func uint32(at index: Int) -> UInt32 {
        UInt32(self.uint16(at: index)) | UInt32(self.uint16(at: index + 2)) << 16
    }

    func uint64(at index: Int) -> UInt64 {
        UInt64(self.uint32(at: index)) | UInt64(self.uint32(at: index + 4)) << 32
    }

    /// Whether these bytes sort before others, as keys do.
    func precedes(_ other: ArraySlice<UInt8>) -> Bool {
        self.lexicographicallyPrecedes(other)
    }
}
