internal import Platform

/// What a bucket's value says: where its root is, or what it holds where it is inline.
@safe struct BucketContent {
    enum Root {
        /// `referredFrom` is where in the file the page's id stands.
        case page(UInt64, referredFrom: Int64)
        case inline(MappedPage)
    }

    let root: Root
    let sequence: UInt64

    init(root: Root, sequence: UInt64) {
        (self.root, self.sequence) = (root, sequence)
    }

    /// - Parameters:
    ///   - value: Valid for as long as this is used.
    ///   - offset: Where it stands in the file.
    @unsafe init(_ value: UnsafeRawBufferPointer, at offset: Int64, _ source: PageSource) throws(BoltError) {
        guard value.count >= BoltBucket.headerSize else {
            throw source.error(at: offset, "a bucket has a header of \(value.count) bytes")
        }
        let root = unsafe value.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        self.sequence = unsafe value.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        guard root == 0 else {
            self.root = .page(root, referredFrom: offset)
            return
        }
        let size = value.count - BoltBucket.headerSize
        let pageOffset = offset + Int64(BoltBucket.headerSize)
        guard size >= PageHeader.size else {
            throw source.error(at: pageOffset, "a bucket has an inline page of \(size) bytes")
        }
        let page = unsafe MappedPage(
            base: value.baseAddress! + BoltBucket.headerSize, size: size, offset: pageOffset, remaining: 1)
        guard page.isSound, page.id == 0, page.isLeaf else {
            throw source.error(at: pageOffset, "a bucket has an inline page that is not a leaf within it")
        }
        self.root = .inline(page)
    }

    /// The value of a bucket that holds nothing.
    static let empty: [UInt8] =
        Array(repeating: 0, count: BoltBucket.headerSize + 8) + [UInt8(PageHeader.leaf), 0] + Array(repeating: 0, count: 6)
}

/// The same, with an inline page taken over.
struct TakenBucket {
    /// 0 where the bucket is inline.
    var rootPage: UInt64
    var root: Node?
    var sequence: UInt64

    init(rootPage: UInt64, sequence: UInt64) {
        (self.rootPage, self.sequence) = (rootPage, sequence)
    }

    init(_ content: BucketContent, _ source: PageSource) throws(BoltError) {
        self.sequence = content.sequence
        switch content.root {
        case .page(let id, _): self.rootPage = id
        case .inline(let page):
            self.rootPage = 0
            self.root = try Node(page, source)
        }
    }
}
