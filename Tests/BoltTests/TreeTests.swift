import Bolt
import Platform
import Testing

/// Trees made page by page.
@Suite struct TreeTests {
    private static func element(_ key: String, _ value: String = "") -> Image.Element {
        Image.Element(key: key, value: Array(value.utf8))
    }

    /// A root of two levels, an overflow, a bucket of its own pages with an inline one in it, a freelist.
    private static let sound: Image = {
        var image = Image(pages: 12, root: 2, freelist: 10)
        image.set(2, Image.branch(2, [("a", 3), ("m", 4), ("p", 5)]))
        image.set(3, Image.leaf(3, [Self.element("a", "1"), Self.element("c", "2")]))
        image.set(4, Image.leaf(4, [Self.element("m", "3")]))
        let bucket = Image.Element(key: "q", value: Image.bucket(root: 8), isBucket: true)
        image.set(5, Image.leaf(5, [Self.element("p", String(repeating: "x", count: 2000)), bucket], overflow: 2))
        let inline = Image.Element(key: "in", value: Image.bucket(inline: [Self.element("deep")]), isBucket: true)
        image.set(8, Image.leaf(8, [inline, Self.element("z")]))
        image.set(10, Image.header(10, flags: 0x10, count: 2) + little(9 as UInt64) + little(11 as UInt64))
        return image
    }()

    @Test func everythingIsReached() throws {
        #expect(try Self.sound.keys() == ["a", "c", "m", "p", "q/in/deep", "q/z"])
        let report = try Self.sound.open().check()
        #expect(report == BoltReport(pages: 10, freePages: 2, buckets: 2, entries: 6))
    }

    @Test(arguments: [
        ("a", "a"), ("b", "c"), ("c", "c"), ("d", "m"), ("n", "p"), ("p", "p"), ("pa", "q"), ("", "a"), ("r", nil),
    ])
    func seekingFindsTheFirstNotBefore(sought: String, found: String?) throws {
        var cursor = try Self.sound.open().root.cursor()
        let entry = try cursor.seek(Array(sought.utf8))
        #expect(entry.map { String(decoding: $0.key, as: UTF8.self) } == found)
        var rest: [String] = []
        while let entry = try cursor.next() { rest.append(String(decoding: entry.key, as: UTF8.self)) }
        let all = ["a", "c", "m", "p", "q"]
        #expect(rest == Array(all.suffix(from: found.flatMap(all.firstIndex(of:)).map { $0 + 1 } ?? all.count)))
    }

    /// As in a file that was just made, or whose buckets were all deleted.
    @Test func allMayBeEmpty() throws {
        var image = Image(pages: 3, root: 2)
        image.set(2, Image.leaf(2, []))
        #expect(try image.open().check() == BoltReport(pages: 3, freePages: 0, buckets: 0, entries: 0))
        image.set(2, Image.leaf(2, [Image.Element(key: "b", value: Image.bucket(inline: []), isBucket: true)]))
        #expect(try image.open().check() == BoltReport(pages: 3, freePages: 0, buckets: 1, entries: 0))
    }

    @Test func aKeyIsNoBucket() throws {
        let root = try Self.sound.open().root
        #expect(throws: BoltError.self) { try root.bucket("a") }
        #expect(try root.entry("q") == nil)
    }

    struct Damage: CustomTestStringConvertible, Sendable {
        var what: String
        var offset: Int
        var change: @Sendable (inout Image) -> Void
        var testDescription: String { self.what }
    }

    private static let page = Image.pageSize
    static let damages = [
        Damage(what: "page 3 calls itself page 7", offset: 3 * page) { $0.bytes[3 * page] = 7 },
        Damage(what: "flags 6", offset: 3 * page + 8) { $0.bytes[3 * page + 8] = 6 },
        Damage(what: "more than it has room for", offset: 3 * page + 10) { $0.bytes[3 * page + 11] = 0xFF },
        Damage(what: "past the end of the file", offset: 3 * page + 12) { $0.bytes[3 * page + 15] = 0xFF },
        Damage(what: "not where the one before it ends", offset: 3 * page + 16) { $0.bytes[3 * page + 20] = 0 },
        Damage(what: "lies outside its page", offset: 3 * page + 32) { $0.bytes[3 * page + 36 + 11] = 0x80 },
        Damage(what: "has flags 2", offset: 3 * page + 16) { $0.bytes[3 * page + 16] = 2 },
        Damage(what: "does not come after the one before", offset: 3 * page + 32) {
            $0.set(3, Image.leaf(3, [element("b"), element("a")]))
        },
        Damage(what: "does not come after the one before", offset: 3 * page + 32) {
            $0.set(3, Image.leaf(3, [element("a"), element("a")]))
        },
        Damage(what: "comes before its branch's", offset: 3 * page + 16) { $0.set(3, Image.leaf(3, [element("A")])) },
        Damage(what: "reaches into the branch after it", offset: 3 * page + 16) { $0.set(3, Image.leaf(3, [element("m")])) },
        Damage(what: "has no element", offset: 2 * page + 10) { $0.bytes[2 * page + 10] = 0 },
        // What counts nothing, of a branch and of a bucket: bbolt writes neither.
        Damage(what: "has no element", offset: 3 * page + 10) { $0.bytes[3 * page + 10] = 0 },
        Damage(what: "has no element", offset: 8 * page + 10) { $0.bytes[8 * page + 10] = 0 },
        Damage(what: "is in use twice", offset: 2 * page + 40) { $0.set(2, Image.branch(2, [("a", 3), ("m", 3), ("p", 5)])) },
        Damage(what: "is in use twice", offset: 2 * page + 24) { $0.set(2, Image.branch(2, [("a", 2), ("m", 4), ("p", 5)])) },
        Damage(what: "page 12 is referred to, of 12 pages", offset: 2 * page + 24) { $0.bytes[2 * page + 24] = 12 },
        Damage(what: "page 1 is referred to", offset: 2 * page + 24) { $0.bytes[2 * page + 24] = 1 },
        Damage(what: "both in use and free", offset: 10 * page + 16) { $0.bytes[10 * page + 16] = 8 },
        Damage(what: "neither in use nor free", offset: 9 * page) {
            $0.set(10, Image.header(10, flags: 16, count: 1) + little(11 as UInt64))
        },
        Damage(what: "out of order or of bounds", offset: 10 * page + 24) { $0.bytes[10 * page + 24] = 9 },
        Damage(what: "counts 65535 pages", offset: 10 * page + 10) { image in
            image.bytes.replaceSubrange(10 * page + 10..<10 * page + 12, with: [0xFF, 0xFF])
            image.bytes.replaceSubrange(10 * page + 16..<10 * page + 24, with: little(65_535 as UInt64))
        },
        Damage(what: "not those of a freelist", offset: 10 * page + 8) { $0.bytes[10 * page + 8] = 2 },
    ]

    @Test(arguments: Self.damages)
    func damageIsRefusedWithItsPlace(damage: Damage) throws {
        var image = Self.sound
        damage.change(&image)
        let error = #expect(throws: BoltError.self) { try image.keys() }
        #expect(error?.offset == Int64(damage.offset))
        #expect(error?.what.contains(damage.what) == true, "\(error?.description ?? "")")
    }

    /// 60 branches, each with 50 references to the next: without a bound, a walk of 50^60 steps.
    @Test(.timeLimit(.minutes(1))) func circlesAndKnotsEnd() throws {
        var image = Image(pages: 64, root: 2)
        for id in 2..<63 as Range<UInt64> {
            image.set(id, Image.branch(id, (0..<40).map { (key: String(UnicodeScalar(UInt8(48 + $0))), id: id + 1) }))
        }
        image.set(63, Image.leaf(63, [Self.element("z")]))
        #expect(throws: BoltError.self) { try image.keys() }
        var cursor = try image.open().root.cursor()
        #expect(throws: BoltError.self) { while try cursor.next() != nil {} }
        image.set(3, Image.branch(3, [("0", 2)]))
        var circle = try image.open().root.cursor()
        #expect(throws: BoltError.self) { try circle.seek([48]) }
    }

    @Test func bucketsDoNotNestWithoutEnd() throws {
        var value = Image.bucket(inline: [])
        for _ in 0..<18 { value = Image.bucket(inline: [Image.Element(key: "b", value: value, isBucket: true)]) }
        var image = Image(pages: 4, root: 2)
        image.set(2, Image.leaf(2, [Image.Element(key: "b", value: value, isBucket: true)], overflow: 1))
        let error = #expect(throws: BoltError.self) { try image.keys() }
        #expect(error?.what.contains("deep") == true)
    }

    /// Memory and reading stay in proportion: each page is read once, and a reference to a page is not enough to read more.
    @Test func aCheckReadsEachPageOnce() throws {
        let file = MemoryFile(Self.sound.bytes)
        try BoltFile(file).check()
        #expect(file.bytesRead <= Self.sound.bytes.count + Image.pageSize)
    }

    /// Every byte, with random changes: no trap, no endless walk, and every refusal within the file.
    @Test(arguments: [1, 2, 3] as [UInt64]) func anyByteMayBeWrong(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var refused = 0
        for offset in Self.sound.bytes.indices {
            var image = Self.sound
            image.bytes[offset] ^= UInt8.random(in: 1...255, using: &random)
            do {
                _ = try image.keys()
            } catch {
                refused += 1
                #expect((0...Int64(image.bytes.count)).contains(error.offset), "seed \(seed), byte \(offset): \(error)")
            }
        }
        #expect(refused > 100)
    }
}
