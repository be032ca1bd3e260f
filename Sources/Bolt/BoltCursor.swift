/// Goes over a bucket's entries in the order of their keys. It checks what it passes: each page's keys against the branch
/// above it, that no leaf was emptied, and that no more pages come than the file has, so that pages that refer to one another
/// in a circle end it.
public struct BoltCursor {
    /// No tree of fewer than 2^38 pages is deeper.
    private static let maximumDepth = 64

    private struct Frame {
        var page: Page
        /// The next element.
        var index: Int
        /// No key below may reach it.
        var upper: ArraySlice<UInt8>?
    }

    private let bucket: BoltBucket
    /// Where each page is accounted for, while checking.
    private let pages: PageAccount?
    private var frames: [Frame] = []
    private var started = false
    private var visits: UInt64 = 0

    init(_ bucket: BoltBucket, pages: PageAccount? = nil) {
        self.bucket = bucket
        self.pages = pages
    }

    /// The next entry, or nil at the end.
    public mutating func next() throws(BoltError) -> BoltEntry? {
        if !self.started { try self.enterRoot() }
        while let frame = self.frames.last {
            guard frame.index < frame.page.count else {
                self.frames.removeLast()
                continue
            }
            if frame.page.isLeaf {
                self.frames[self.frames.count - 1].index += 1
                return frame.page.entry(frame.index)
            }
            try self.descend(into: frame.index)
        }
        return nil
    }

    /// Moves to the first entry whose key is not before `key` and returns it; ``next()`` goes on from there.
    public mutating func seek(_ key: [UInt8]) throws(BoltError) -> BoltEntry? {
        self.frames = []
        self.visits = 0
        try self.enterRoot()
        while let frame = self.frames.last, !frame.page.isLeaf {
            // The child to enter is the last one whose first key is not after the one sought.
            let bound = frame.page.lowerBound(key[...])
            let isThere = bound < frame.page.count && frame.page.key(bound).elementsEqual(key)
            try self.descend(into: isThere ? bound : max(0, bound - 1))
        }
        if let leaf = self.frames.last { self.frames[self.frames.count - 1].index = leaf.page.lowerBound(key[...]) }
        return try self.next()
    }

    /// The bucket that an entry of this cursor describes.
    public func bucket(_ entry: BoltEntry) throws(BoltError) -> BoltBucket {
        try BoltBucket(entry, in: self.bucket.file)
    }

    private mutating func enterRoot() throws(BoltError) {
        self.started = true
        switch self.bucket.content {
        case .inline(let page): self.frames.append(Frame(page: page, index: 0, upper: nil))
        case .page(let id, let referrer): try self.enter(id, referredFrom: referrer, lower: nil, upper: nil)
        }
    }

    /// Enters the page below element `index` of the branch on top; that branch goes on after it.
    private mutating func descend(into index: Int) throws(BoltError) {
        let top = self.frames.count - 1
        let frame = self.frames[top]
        self.frames[top].index = index + 1
        let upper = index + 1 < frame.page.count ? frame.page.key(index + 1) : frame.upper
        try self.enter(
            frame.page.child(index), referredFrom: frame.page.elementOffset(index) + 8, lower: frame.page.key(index),
            upper: upper)
    }

    private mutating func enter(
        _ id: UInt64, referredFrom referrer: Int64, lower: ArraySlice<UInt8>?, upper: ArraySlice<UInt8>?
    ) throws(BoltError) {
        let file = self.bucket.file
        self.visits += 1
        guard self.frames.count < Self.maximumDepth, self.visits <= file.meta.highWaterMark else {
            throw file.error(at: referrer, "page \(id) is referred to in a circle")
        }
        let page = try file.page(id, referredFrom: referrer)
        try self.pages?.account(for: id, bytes: page.bytes.count, referredFrom: referrer)
        // A leaf that loses its last key leaves its branch with it, and a bucket that does is written within its entry. Only
        // the bucket that holds all others keeps a page for nothing.
        guard page.count > 0 || id == file.meta.root else {
            throw file.error(at: page.offset + 10, "leaf page \(id) has no element, as none of a branch or a bucket has")
        }
        if page.count > 0 {
            if let lower, page.key(0).precedes(lower) {
                throw file.error(at: page.elementOffset(0), "the first key of page \(id) comes before its branch's")
            }
            if let upper, !page.key(page.count - 1).precedes(upper) {
                throw file.error(
                    at: page.elementOffset(page.count - 1), "the last key of page \(id) reaches into the branch after it")
            }
        }
        self.frames.append(Frame(page: page, index: 0, upper: upper))
    }
}
