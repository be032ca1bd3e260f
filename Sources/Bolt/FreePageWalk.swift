internal import Platform

extension PageSource {
    /// The free pages: as they are written down, or else all that a walk from the root does not reach.
    func free(_ meta: BoltMeta) throws(BoltError) -> Freelist {
        if let id = meta.freelist { return Freelist(pages: try self.freelist(id)) }
        var walk = FreePageWalk(self)
        try walk.run(from: meta.root)
        return Freelist(unused: walk.used, highWaterMark: self.highWaterMark)
    }
}

/// Goes over all pages in use, each once, in no order.
private struct FreePageWalk {
    private let source: PageSource
    /// A bit for each page.
    private(set) var used: [UInt64]
    private var next: [(page: UInt64, referrer: Int64)] = []

    init(_ source: PageSource) {
        self.source = source
        self.used = Array(repeating: 0, count: Int(source.highWaterMark / 64) + 1)
    }

    /// Pages after which the memory they took is given back.
    private static let stretch = 16_384

    mutating func run(from root: UInt64) throws(BoltError) {
        self.next.append((root, 0))
        var count = 0
        while let (id, referrer) = self.next.popLast() {
            count += 1
            if count % Self.stretch == 0 { self.source.mapping.yieldMemory() }
            let page = try self.source.page(id, referredFrom: referrer)
            for page in id...(id + UInt64(page.overflow)) {
                let bit: UInt64 = 1 << (page % 64)
                guard self.used[Int(page / 64)] & bit == 0 else {
                    throw self.source.error(at: referrer, "page \(page) is in use twice")
                }
                self.used[Int(page / 64)] |= bit
            }
            if page.isLeaf {
                try self.addBuckets(of: page, depth: 0)
            } else {
                // The first child is gone to first: pages that were written in order are read in order.
                for index in stride(from: page.count - 1, through: 0, by: -1) {
                    self.next.append((try page.branch(index, self.source).link, page.childOffset(index)))
                }
            }
        }
    }

    private mutating func addBuckets(of page: MappedPage, depth: Int) throws(BoltError) {
        guard depth <= BoltFile.maximumNesting else {
            throw self.source.error(at: page.offset, "buckets lie more than \(BoltFile.maximumNesting) deep in one another")
        }
        var hasBuckets = false
        for index in 0..<page.count where try page.leaf(index, self.source).isBucket {
            hasBuckets = true
            break
        }
        guard hasBuckets else { return }
        // Elements one after another, so that inline pages within inline pages are no more than there is room for.
        for element in try page.elements(self.source) where element.isBucket {
            let content = unsafe try BucketContent(page.value(element), at: page.valueOffset(element), self.source)
            switch content.root {
            case .page(let id, let referrer): self.next.append((id, referrer))
            case .inline(let inline): try self.addBuckets(of: inline, depth: depth + 1)
            }
        }
    }
}
