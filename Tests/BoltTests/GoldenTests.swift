import Bolt
import Platform
import Testing

/// Bytes that bbolt itself wrote.
@Suite struct GoldenTests {
    private static func file(pages: [[UInt8]]) -> [UInt8] {
        pages.flatMap { $0 + Array(repeating: 0, count: 4096 - $0.count) }
    }

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.filter { $0 != " " }.utf8.map { UInt8($0 < 0x60 ? $0 - 0x30 : $0 - 0x57) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// A file as bbolt makes it, before the first transaction.
    static let fresh: [UInt8] = {
        let body = "edda0ced 02000000 00100000 00000000 0300000000000000 0000000000000000 0200000000000000 0400000000000000"
        return Self.file(pages: [
            Self.bytes("0000000000000000 0400 0000 00000000 \(body) 0000000000000000 eefd8946116e5107"),
            Self.bytes("0100000000000000 0400 0000 00000000 \(body) 0100000000000000 0f4879511a354c26"),
            Self.bytes("0200000000000000 1000 0000 00000000"),
            Self.bytes("0300000000000000 0200 0000 00000000"),
        ])
    }()

    @Test func aFreshFileIsEmpty() throws {
        let file = try BoltFile(MemoryFile(Self.fresh))
        #expect(file.meta.pageSize == 4096)
        #expect(file.meta.root == 3)
        #expect(file.meta.freelist == 2)
        #expect(file.meta.highWaterMark == 4)
        #expect(file.meta.transactionID == 1)
        var cursor = file.root.cursor()
        #expect(try cursor.next() == nil)
        #expect(try file.check() == BoltReport(pages: 4, freePages: 0, buckets: 0, entries: 0))
    }

    /// The same after a transaction that made bucket `key` with `k1` = `v1`.
    static let oneTransaction: [UInt8] = {
        var bytes = Self.fresh
        let meta =
            "edda0ced 02000000 00100000 00000000 0400000000000000 0000000000000000 ffffffffffffffff 0500000000000000"
            + "0200000000000000 8075b171d1997629"
        bytes.replaceSubrange(16..<80, with: Self.bytes(meta))
        bytes += Self.file(pages: [
            Self.bytes(
                "0400000000000000 0200 0100 00000000 01000000 10000000 03000000 34000000 6b6579"
                    + "00000000000000000000000000000000 0000000000000000 0200 0100 00000000"
                    + "00000000 10000000 02000000 02000000 6b317631")
        ])
        return bytes
    }()

    @Test func oneTransactionWithAnInlineBucket() throws {
        var bytes = Self.oneTransaction
        let file = try BoltFile(MemoryFile(bytes))
        #expect(file.meta.transactionID == 2)
        #expect(file.meta.freelist == nil)
        let bucket = try #require(try file.root.bucket("key"))
        let entry = try #require(try bucket.entry("k1"))
        #expect(entry.value.elementsEqual("v1".utf8))
        #expect(bytes[Int(entry.offset)...].starts(with: "k1v1".utf8))
        #expect(try bucket.entry("k2") == nil)
        #expect(try file.root.bucket("lease") == nil)
        #expect(try file.check() == BoltReport(pages: 3, freePages: 2, buckets: 1, entries: 1))

        // The newer meta page torn: the older one still stands, with what it says.
        bytes[60] ^= 1
        #expect(try BoltFile(MemoryFile(bytes)).meta.transactionID == 1)
        // And both.
        bytes[4096 + 60] ^= 1
        let error = #expect(throws: BoltError.self) { try BoltFile(MemoryFile(bytes)) }
        #expect(error?.offset == 72)
        #expect(error?.file == "image.db")
    }

    @Test(arguments: [0, 1, 20, 79, 80, 4095, 4096, 8192, 16383])
    func aFileCutShortIsRefused(length: Int) {
        #expect(throws: BoltError.self) { try BoltFile(MemoryFile(Array(Self.fresh.prefix(length)))) }
    }

    @Test func aFileMayBeLongerThanItsPages() throws {
        let file = try BoltFile(MemoryFile(Self.fresh + Array(repeating: 7, count: 5000)))
        #expect(try file.check().pages == 4)
    }

    @Test func thePageSizeIsFoundBySecondMetaPage() throws {
        for size in [1024, 4096, 16384] {
            var pages: [UInt8] = []
            let body =
                little(0xED0C_DAED as UInt32) + little(2 as UInt32) + little(UInt32(size)) + little(0 as UInt32)
                + little(2 as UInt64) + little(0 as UInt64) + little(UInt64.max) + little(3 as UInt64) + little(1 as UInt64)
            let second = Image.header(1, flags: 4) + body + little(FNV1a.checksum(body))
            for page in [[], second, Image.leaf(2, [Image.Element(key: "a")])] {
                pages += page + Array(repeating: 0, count: size - page.count)
            }
            #expect(try BoltFile(MemoryFile(pages)).meta.pageSize == size)
            #expect(try BoltFile(MemoryFile(pages)).check().entries == 1)
        }
    }
}
