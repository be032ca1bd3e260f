/// The pages of a file that hold nothing: a bit for each, so that a run of pages is found from the lowest on, and memory is
/// one part in 32,768 of the file.
struct Freelist: Sendable {
    private var words: [UInt64] = []
    /// Free pages.
    private(set) var count = 0
    /// No page before this is free.
    private var lowest = 0
    /// No run of this many pages is there, as far as is known.
    private var unavailable = Int.max

    /// - Parameter pages: Rising.
    init(pages: [UInt64]) {
        self.words = Array(repeating: 0, count: pages.last.map { Int($0 / 64) + 1 } ?? 0)
        for page in pages { self.words[Int(page / 64)] |= 1 << (page % 64) }
        self.count = pages.count
    }

    /// All pages from 2 on that are not used.
    /// - Parameter used: A bit for each page.
    init(unused used: [UInt64], highWaterMark: UInt64) {
        self.words = used.map { ~$0 }
        let rest = Int(highWaterMark % 64)
        let end = Int(highWaterMark / 64)
        for index in self.words.indices where index >= end {
            self.words[index] &= index == end ? (1 << UInt64(rest)) - 1 : 0
        }
        if !self.words.isEmpty { self.words[0] &= ~0b11 }
        self.count = self.words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    func contains(_ page: UInt64) -> Bool {
        let word = Int(page / 64)
        return word < self.words.count && self.words[word] & (1 << (page % 64)) != 0
    }

    /// Adds pages; such as are there already stay so.
    mutating func insert(_ run: PageRun) {
        let end = Int((run.end + 63) / 64)
        if self.words.count < end { self.words += repeatElement(0, count: end - self.words.count) }
        for page in run.pages where !self.contains(page) {
            self.words[Int(page / 64)] |= 1 << (page % 64)
            self.count += 1
        }
        self.lowest = min(self.lowest, Int(run.start))
        self.unavailable = .max
    }

    /// Takes the first run of that many pages.
    mutating func allocate(_ count: Int) -> UInt64? {
        guard count <= self.count, count < self.unavailable else { return nil }
        var start = self.next(from: self.lowest, free: true)
        self.lowest = start
        while start < self.words.count * 64 {
            let end = self.next(from: start, free: false, limit: start + count)
            if end - start >= count {
                for page in start..<(start + count) { self.words[page / 64] &= ~(1 << UInt64(page % 64)) }
                self.count -= count
                if start == self.lowest { self.lowest += count }
                return UInt64(start)
            }
            start = self.next(from: end, free: true)
        }
        self.unavailable = count
        return nil
    }

    /// The first page from `page` on that is free, or that is not; `limit`, or the end, where there is none.
    private func next(from page: Int, free: Bool, limit: Int = .max) -> Int {
        let limit = min(limit, self.words.count * 64)
        var page = page
        while page < limit {
            let word = free ? self.words[page / 64] : ~self.words[page / 64]
            let rest = word >> UInt64(page % 64)
            if rest != 0 { return min(limit, page + rest.trailingZeroBitCount) }
            page = (page / 64 + 1) * 64
        }
        return limit
    }

    /// All of them, rising.
    var pages: [UInt64] {
        var pages: [UInt64] = []
        pages.reserveCapacity(self.count)
        for (index, word) in self.words.enumerated() {
            var rest = word
            while rest != 0 {
                pages.append(UInt64(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return pages
    }
}

/// Pages one after another.
struct PageRun: Sendable, Hashable {
    var start: UInt64
    var count: Int

    var end: UInt64 { self.start + UInt64(self.count) }
    var pages: Range<UInt64> { self.start..<self.end }
}

/// Pages that a committed transaction freed, and that a reader may still see.
struct PendingRun: Sendable, Hashable {
    var run: PageRun
    /// The transaction that allocated them; 0 where it is not known, or was before every reader there is.
    var allocated: UInt64
    /// The transaction that freed them.
    var freed: UInt64

    /// Whether a reader of what transaction `reader` committed sees them.
    func isVisible(to reader: UInt64) -> Bool {
        self.allocated <= reader && reader < self.freed
    }
}
