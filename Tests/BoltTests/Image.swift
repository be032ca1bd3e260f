import Bolt
import Platform
import Synchronization

/// Writes bbolt pages byte by byte, sound ones and others.
struct Image {
    static let pageSize = 1024

    struct Element {
        var key: String
        var value: [UInt8] = []
        var isBucket = false
    }

    var bytes: [UInt8]

    /// An image with two meta pages and room for others.
    init(pages: Int, root: UInt64, freelist: UInt64 = .max, transactionID: UInt64 = 4) {
        self.bytes = Array(repeating: 0, count: pages * Self.pageSize)
        for id in 0..<2 as Range<UInt64> {
            self.set(id, Self.header(id, flags: 4) + Self.meta(root, freelist, UInt64(pages), transactionID - id))
        }
    }

    mutating func set(_ id: UInt64, _ page: [UInt8]) {
        let start = Int(id) * Self.pageSize
        self.bytes.replaceSubrange(start..<(start + page.count), with: page)
    }

    static func header(_ id: UInt64, flags: UInt16, count: UInt16 = 0, overflow: UInt32 = 0) -> [UInt8] {
        little(id) + little(flags) + little(count) + little(overflow)
    }

    static func meta(_ root: UInt64, _ freelist: UInt64, _ pages: UInt64, _ transactionID: UInt64) -> [UInt8] {
        let body =
            little(0xED0C_DAED as UInt32) + little(2 as UInt32) + little(UInt32(Self.pageSize)) + little(0 as UInt32)
            + little(root)
            + little(0 as UInt64) + little(freelist) + little(pages) + little(transactionID)
        return body + little(FNV1a.checksum(body))
    }

    static func leaf(_ id: UInt64, _ elements: [Element], overflow: UInt32 = 0) -> [UInt8] {
        var (array, data): ([UInt8], [UInt8]) = ([], [])
        for (index, element) in elements.enumerated() {
            let position = (elements.count - index) * 16 + data.count
            array += little(element.isBucket ? 1 : 0 as UInt32) + little(UInt32(position))
            array += little(UInt32(element.key.utf8.count)) + little(UInt32(element.value.count))
            data += element.key.utf8 + element.value
        }
        return Self.header(id, flags: 2, count: UInt16(elements.count), overflow: overflow) + array + data
    }

    static func branch(_ id: UInt64, _ children: [(key: String, id: UInt64)]) -> [UInt8] {
        var (array, data): ([UInt8], [UInt8]) = ([], [])
        for (index, child) in children.enumerated() {
            let position = (children.count - index) * 16 + data.count
            array += little(UInt32(position)) + little(UInt32(child.key.utf8.count)) + little(child.id)
            data += child.key.utf8
        }
        return Self.header(id, flags: 1, count: UInt16(children.count)) + array + data
    }

    /// The value of a bucket's entry.
    static func bucket(root: UInt64) -> [UInt8] { little(root) + little(0 as UInt64) }
    static func bucket(inline elements: [Element]) -> [UInt8] { Self.bucket(root: 0) + Self.leaf(0, elements) }

    func open() throws(BoltError) -> BoltFile { try BoltFile(MemoryFile(self.bytes)) }

    /// Every key, with the buckets it is in before it.
    func keys() throws(BoltError) -> [String] {
        var keys: [String] = []
        try self.open().check { (buckets, entry) throws(BoltError) in
            keys.append((buckets + [entry.key]).map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/"))
        }
        return keys
    }
}

func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Integer($0 * 8)) }
}

/// A file of bytes in memory that counts what is read of it.
final class MemoryFile: DiskFile {
    let path = "image.db"
    private let bytes: [UInt8]
    private let count = Mutex(0)

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var bytesRead: Int { self.count.withLock { $0 } }

    func size() throws(DiskError) -> Int64 { Int64(self.bytes.count) }

    func read(at offset: Int64, count: Int) throws(DiskError) -> [UInt8] {
        let start = min(Int(offset), self.bytes.count)
        let end = min(start + count, self.bytes.count)
        self.count.withLock { $0 += end - start }
        return Array(self.bytes[start..<end])
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(DiskError) { throw self.readOnly }
    func truncate(to size: Int64) throws(DiskError) { throw self.readOnly }
    func allocate(to size: Int64) throws(DiskError) { throw self.readOnly }
    func sync() throws(DiskError) { throw self.readOnly }
    func tryLock() throws(DiskError) -> Bool { true }
    func close() throws(DiskError) {}

    private var readOnly: DiskError { DiskError(operation: "write", path: self.path, code: 9, reason: "read only") }
}
