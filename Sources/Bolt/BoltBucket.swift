/// A named set of keys, and of buckets within it.
///
/// Format: bbolt, `internal/common/bucket.go`. A small bucket has its one leaf within the value that describes it.
public struct BoltBucket {
    enum Content {
        /// `referredFrom` is where in the file the page's id stands.
        case page(UInt64, referredFrom: Int64)
        case inline(Page)
    }

    /// Root page id and sequence, before an inline page.
    static let headerSize = 16

    let file: BoltFile
    let content: Content
    /// A number that the writer counts up; etcd does not use it.
    public let sequence: UInt64

    init(file: BoltFile, content: Content, sequence: UInt64) {
        self.file = file
        self.content = content
        self.sequence = sequence
    }

    /// Reads what a bucket's entry says.
    init(_ entry: BoltEntry, in file: BoltFile) throws(BoltError) {
        let name = String(decoding: entry.key, as: UTF8.self)
        let offset = entry.offset + Int64(entry.key.count)
        guard entry.isBucket else { throw file.error(at: entry.offset, "\"\(name)\" is a key, not a bucket") }
        guard entry.value.count >= Self.headerSize else {
            throw file.error(at: offset, "bucket \"\(name)\" has a header of \(entry.value.count) bytes")
        }
        let start = entry.value.startIndex
        let root = entry.value.uint64(at: start)
        self.file = file
        self.sequence = entry.value.uint64(at: start + 8)
        guard root == 0 else {
            guard entry.value.count == Self.headerSize else {
                throw file.error(at: offset, "bucket \"\(name)\" has both a page of its own, \(root), and an inline one")
            }
            self.content = .page(root, referredFrom: offset)
            return
        }
        let inline = entry.value[(start + Self.headerSize)...]
        let pageOffset = offset + Int64(Self.headerSize)
        guard inline.count >= PageHeader.size else {
            throw file.error(at: pageOffset, "bucket \"\(name)\" has an inline page of \(inline.count) bytes")
        }
        let header = PageHeader(inline)
        guard header.id == 0, header.overflow == 0, header.flags == PageHeader.leaf else {
            throw file.error(at: pageOffset, "bucket \"\(name)\" has an inline page that is not a leaf within it")
        }
        let page = try Page(inline, at: pageOffset, of: file.path)
        guard page.end == inline.endIndex else {
            throw file.error(at: pageOffset, "bucket \"\(name)\" has an inline page that ends before its value does")
        }
        self.content = .inline(page)
    }

    /// A cursor before the first entry.
    public func cursor() -> BoltCursor {
        BoltCursor(self)
    }

    /// The bucket of this name within this one.
    public func bucket(_ name: [UInt8]) throws(BoltError) -> BoltBucket? {
        var cursor = self.cursor()
        guard let entry = try cursor.seek(name), entry.key.elementsEqual(name) else { return nil }
        return try BoltBucket(entry, in: self.file)
    }

    public func bucket(_ name: String) throws(BoltError) -> BoltBucket? {
        try self.bucket(Array(name.utf8))
    }

    /// The entry of a key; nil where there is none, or where it is a bucket's name.
    public func entry(_ key: [UInt8]) throws(BoltError) -> BoltEntry? {
        var cursor = self.cursor()
        guard let entry = try cursor.seek(key), entry.key.elementsEqual(key), !entry.isBucket else { return nil }
        return entry
    }

    public func entry(_ key: String) throws(BoltError) -> BoltEntry? {
        try self.entry(Array(key.utf8))
    }
}
