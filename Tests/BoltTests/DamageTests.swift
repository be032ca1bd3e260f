import Bolt
import Platform
import Testing

/// Files with something wrong in them, opened, read and written on: it works, or it is refused with the place. It never stops
/// the program, and never goes on for ever.
@Suite(.timeLimit(.minutes(5))) struct DamageTests {
    private static let options = BoltDatabase.Options(pageSize: 1024)

    /// A file after many transactions, and a page of an older state of each.
    private static func file(seed: UInt64) throws -> (bytes: [UInt8], older: [UInt8]) {
        let disk = SimulatedDisk(seed: seed)
        try disk.makeDirectory("/data")
        let options = BoltDatabase.Options(pageSize: 1024, syncFreelist: seed % 2 == 0)
        let database = try BoltDatabase.open(ModelWorkload.path, disk: disk, options: options)
        var workload = ModelWorkload(seed: seed, keys: 200)
        var older: [UInt8] = []
        for round in 0..<30 {
            let transaction = try database.begin()
            try workload.change(transaction)
            try transaction.commit()
            if round == 20 { older = try disk.contents(of: ModelWorkload.path) }
        }
        let size = Int(database.sizeBytes)
        try database.close()
        let bytes = Array(try disk.contents(of: ModelWorkload.path).prefix(size))
        return (bytes, older + Array(repeating: 0, count: max(0, size - older.count)))
    }

    /// Uses a file in every way there is. True where something was refused.
    private static func use(_ bytes: [UInt8], seed: UInt64, _ place: @autoclosure () -> String) throws -> Bool {
        let disk = SimulatedDisk(seed: seed)
        try disk.makeDirectory("/data")
        try disk.open(ModelWorkload.path, .create).write(bytes, at: 0)
        var refused = false
        func attempt(_ body: () throws(BoltError) -> Void) {
            do throws(BoltError) {
                try body()
            } catch {
                refused = true
                #expect(
                    error.file.hasPrefix(ModelWorkload.path) && (0...Int64(bytes.count) * 2).contains(error.offset),
                    "\(place()): \(error)")
            }
        }
        attempt { () throws(BoltError) in
            let database = try BoltDatabase.open(ModelWorkload.path, disk: disk, options: Self.options)
            var random = SeededRandom(seed: seed)
            attempt { () throws(BoltError) in
                let snapshot = try database.snapshot()
                attempt { () throws(BoltError) in _ = try ModelBucket(snapshot.root) }
                _ = try snapshot.value(Array("k7".utf8), in: Array("b1".utf8))
                snapshot.write { #expect($0.count > 0) }
            }
            for step in 0..<6 {
                attempt { () throws(BoltError) in
                    let transaction = try database.begin()
                    for _ in 0..<20 {
                        let key = Array("k\(Int.random(in: 0..<200, using: &random))".utf8)
                        for name in try transaction.bucketNames().prefix(3) {
                            attempt { () throws(BoltError) in try transaction.put(key, Array(key.reversed()), in: name) }
                            attempt { () throws(BoltError) in try transaction.remove(Array("k\(step)".utf8), in: name) }
                        }
                        attempt { () throws(BoltError) in try transaction.root.put(key, key) }
                    }
                    if step == 3, let name = try transaction.bucketNames().last { try transaction.deleteBucket(name) }
                    try transaction.commit()
                }
            }
            attempt { () throws(BoltError) in try database.defragment(transactionKeys: 100) }
        }
        return refused
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func flippedBytes(seed: UInt64) throws {
        let (bytes, _) = try Self.file(seed: seed)
        #expect(try !Self.use(bytes, seed: seed, "seed \(seed), sound"))
        var random = SeededRandom(seed: seed)
        var refused = 0
        for _ in 0..<Environment.number("QUORATE_BOLT_MUTATIONS", default: 100) {
            var damaged = bytes
            // Half of them where the format is, at the beginning of pages.
            let page = Int.random(in: 0..<bytes.count / 1024, using: &random) * 1024
            let offset = page + Int.random(in: 0..<(random.chance(0.5) ? 64 : 1024), using: &random)
            let mask = UInt8.random(in: 1...255, using: &random)
            damaged[offset] ^= mask
            if try Self.use(damaged, seed: seed, "seed \(seed), byte \(offset) mask \(mask)") { refused += 1 }
        }
        #expect(refused > 10)
    }

    /// Whole pages lost, swapped, or as they once were.
    @Test(arguments: [UInt64(5), 6]) func wrongPages(seed: UInt64) throws {
        let (bytes, older) = try Self.file(seed: seed)
        let pages = bytes.count / 1024
        var random = SeededRandom(seed: seed)
        var refused = 0
        let stride = stride(
            from: 0, to: pages, by: max(1, pages * 3 / Environment.number("QUORATE_BOLT_MUTATIONS", default: 100)))
        for page in stride {
            let range = page * 1024..<(page + 1) * 1024
            let other = Int.random(in: 0..<pages, using: &random) * 1024
            for (what, content) in [
                ("zeroed", ArraySlice(repeating: 0, count: 1024)), ("older", older[range]),
                ("page \(other / 1024)", bytes[other..<other + 1024]),
            ] {
                var damaged = bytes
                damaged.replaceSubrange(range, with: content)
                // A page that is where it claims to be, so that only its content is wrong.
                if what.hasPrefix("page"), random.chance(0.5) {
                    damaged.replaceSubrange(range.prefix(8), with: little(UInt64(page)))
                }
                if try Self.use(damaged, seed: seed, "seed \(seed), page \(page) \(what)") { refused += 1 }
            }
        }
        #expect(refused > 10)
    }

    /// A list of free pages that names pages in use: what is written then is refused where it is seen, and stops nothing.
    @Test(arguments: [UInt64(2), 4]) func wrongFreelists(seed: UInt64) throws {
        let (bytes, _) = try Self.file(seed: seed)
        let file = try BoltFile(MemoryFile(bytes))
        let freelist = Int(try #require(file.meta.freelist)) * 1024
        var random = SeededRandom(seed: seed)
        for round in 0..<40 {
            var damaged = bytes
            let last = file.meta.highWaterMark - 1
            let pages = (2...last).filter { _ in random.chance(0.3) }.prefix(100)
            damaged.replaceSubrange(freelist + 10..<freelist + 12, with: little(UInt16(pages.count)))
            damaged.replaceSubrange(freelist + 16..<freelist + 16 + pages.count * 8, with: pages.flatMap { little($0) })
            _ = try Self.use(damaged, seed: seed, "seed \(seed), round \(round)")
        }
    }

    /// A page that two buckets call theirs, or that is both in use and free, is written by neither.
    @Test(arguments: [[], [4]] as [[UInt64]]) func pagesInUseTwice(free: [UInt64]) throws {
        var image = Image(pages: 8, root: 2, freelist: 3)
        let buckets = free.isEmpty ? ["a", "b"] : ["a"]
        image.set(2, Image.leaf(2, buckets.map { Image.Element(key: $0, value: Image.bucket(root: 4), isBucket: true) }))
        image.set(3, Image.header(3, flags: 0x10, count: UInt16(free.count)) + free.flatMap { little($0) })
        let value = [UInt8](repeating: 1, count: 400)
        image.set(4, Image.leaf(4, [Image.Element(key: "k", value: value), Image.Element(key: "l", value: value)]))
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/data")
        try disk.open(ModelWorkload.path, .create).write(image.bytes, at: 0)
        let database = try BoltDatabase.open(ModelWorkload.path, disk: disk)
        let transaction = try database.begin()
        for bucket in buckets { try transaction.put([0x6D], value, in: Array(bucket.utf8)) }
        let before = try disk.contents(of: ModelWorkload.path)
        let error = #expect(throws: BoltError.self) { try transaction.commit() }
        #expect(error?.offset == 4 * 1024 && error?.what.contains("in use twice") == true)
        #expect(try disk.contents(of: ModelWorkload.path) == before)
    }

    /// Pages that refer to one another in a circle or a knot end every walk.
    @Test func circles() throws {
        var image = Image(pages: 64, root: 2, freelist: 60)
        image.set(60, Image.header(60, flags: 0x10))
        for id in 2..<59 as Range<UInt64> {
            image.set(id, Image.branch(id, (0..<40).map { (key: String(UnicodeScalar(UInt8(48 + $0))), id: id + 1) }))
        }
        image.set(59, Image.leaf(59, []))
        #expect(try Self.use(image.bytes, seed: 1, "a knot"))
        image.set(3, Image.branch(3, [("0", 2)]))
        #expect(try Self.use(image.bytes, seed: 1, "a circle"))
        // Inline pages in one another, more than anyone has use for.
        var value = Image.bucket(inline: [])
        for _ in 0..<30 { value = Image.bucket(inline: [Image.Element(key: "b", value: value, isBucket: true)]) }
        var deep = Image(pages: 6, root: 2)
        deep.set(2, Image.leaf(2, [Image.Element(key: "b", value: value, isBucket: true)], overflow: 2))
        #expect(try Self.use(deep.bytes, seed: 1, "deep"))
        var deeper = Image(pages: 8, root: 2, freelist: 6)
        deeper.set(2, Image.leaf(2, [Image.Element(key: "b", value: value, isBucket: true)], overflow: 2))
        deeper.set(6, Image.header(6, flags: 0x10))
        #expect(try Self.use(deeper.bytes, seed: 1, "deep, opened"))
    }
}
