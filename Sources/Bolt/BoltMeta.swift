internal import Platform

/// One of the two meta pages, which say where everything else is. A transaction writes the one that its number's parity
/// names, so that the other still stands when that write is torn.
///
/// Format: bbolt, `internal/common/meta.go`.
public struct BoltMeta: Sendable, Hashable {
    /// Bytes in a page.
    public var pageSize: Int
    /// The page of the root bucket.
    public var root: UInt64
    public var sequence: UInt64
    /// The page of the freelist, or nil where none is kept.
    public var freelist: UInt64?
    /// Pages allocated: one more than the highest page id.
    public var highWaterMark: UInt64
    public var transactionID: UInt64

    /// Bytes in the page header and the meta after it.
    static let size = PageHeader.size + 64
    /// More than a file may have.
    static let mostPages: UInt64 = 1 << 38
    static let pageSizes: [Int] = (0..<15).map { 1024 << $0 }

    /// What a meta page holds, or in words why it is none.
    enum Reading {
        case meta(BoltMeta)
        case invalid(offset: Int64, what: String)
    }

    /// - Parameter bytes: The first ``size`` bytes of page `id`, which stands at `offset` of the file.
    static func read(_ bytes: [UInt8], id: UInt64, at offset: Int64) -> Reading {
        guard bytes.count == Self.size else { return .invalid(offset: offset, what: "meta page \(id) is cut short") }
        let header = PageHeader(bytes[...])
        guard header.id == id else {
            return .invalid(offset: offset, what: "meta page \(id) calls itself page \(header.id)")
        }
        guard header.flags == PageHeader.meta else {
            return .invalid(offset: offset + 8, what: "page \(id) has flags \(header.flags), not those of a meta page")
        }
        let start = PageHeader.size
        let body = bytes[start...]
        guard body.uint32(at: start) == 0xED0C_DAED else {
            return .invalid(offset: offset + 16, what: "meta page \(id) lacks bbolt's magic number")
        }
        let version = body.uint32(at: start + 4)
        guard version == 2 else {
            return .invalid(offset: offset + 20, what: "meta page \(id) has format version \(version), not 2")
        }
        guard FNV1a.checksum(body.prefix(56)) == body.uint64(at: start + 56) else {
            return .invalid(offset: offset + 72, what: "meta page \(id) does not match its checksum")
        }
        let freelist = body.uint64(at: start + 32)
        let meta = BoltMeta(
            pageSize: Int(body.uint32(at: start + 8)), root: body.uint64(at: start + 16), sequence: body.uint64(at: start + 24),
            freelist: freelist == .max ? nil : freelist, highWaterMark: body.uint64(at: start + 40),
            transactionID: body.uint64(at: start + 48))
        guard Self.pageSizes.contains(meta.pageSize) else {
            return .invalid(offset: offset + 24, what: "meta page \(id) has page size \(meta.pageSize)")
        }
        guard meta.highWaterMark > 2, meta.highWaterMark < Self.mostPages else {
            return .invalid(offset: offset + 56, what: "meta page \(id) counts \(meta.highWaterMark) pages")
        }
        guard (2..<meta.highWaterMark).contains(meta.root) else {
            return .invalid(offset: offset + 32, what: "meta page \(id) puts the root on page \(meta.root)")
        }
        if let page = meta.freelist, !(2..<meta.highWaterMark).contains(page) {
            return .invalid(offset: offset + 48, what: "meta page \(id) puts the freelist on page \(page)")
        }
        return .meta(meta)
    }

    /// The page as it is written, as long as a page.
    func encoded(id: UInt64) -> [UInt8] {
        var page = [UInt8](repeating: 0, count: self.pageSize)
        unsafe page.withUnsafeMutableBytes { page in
            unsafe page.encodeHeader(id: id, flags: PageHeader.meta, count: 0, overflow: 0)
            unsafe page.storeBytes(of: 0xED0C_DAED, toByteOffset: 16, as: UInt32.self)
            unsafe page.storeBytes(of: 2, toByteOffset: 20, as: UInt32.self)
            unsafe page.storeBytes(of: UInt32(self.pageSize), toByteOffset: 24, as: UInt32.self)
            let numbers = [
                self.root, self.sequence, self.freelist ?? .max, self.highWaterMark, self.transactionID,
            ]
            for (index, number) in numbers.enumerated() {
                unsafe page.storeBytes(of: number, toByteOffset: 32 + index * 8, as: UInt64.self)
            }
        }
        let checksum = FNV1a.checksum(page[16..<72])
        unsafe page.withUnsafeMutableBytes { unsafe $0.storeBytes(of: checksum, toByteOffset: 72, as: UInt64.self) }
        return page
    }
}
