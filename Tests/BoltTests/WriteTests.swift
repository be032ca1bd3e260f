import Bolt
import Platform
import Testing

/// What the writer makes, byte by byte and by its limits.
@Suite struct WriteTests {
    private let disk = SimulatedDisk(seed: 1)

    init() throws {
        try self.disk.makeDirectory("/data")
    }

    private func open(_ options: BoltDatabase.Options = .init()) throws(BoltError) -> BoltDatabase {
        try BoltDatabase.open("/data/db", disk: self.disk, options: options)
    }

    @Test func aFreshFileIsAsBboltMakesIt() throws {
        let database = try self.open()
        #expect(try self.disk.contents(of: "/data/db") == GoldenTests.fresh)
        #expect(try self.disk.list("/data") == ["db"])
        #expect(database.sizeBytes == 4 * 4096)
        #expect(database.transactionID == 1)
    }

    @Test func oneTransactionIsAsBboltWritesIt() throws {
        let database = try self.open()
        let transaction = try database.begin()
        try transaction.createBucketIfMissing(Array("key".utf8))
        try transaction.put(Array("k1".utf8), Array("v1".utf8), in: Array("key".utf8))
        try transaction.commit()
        let bytes = try self.disk.contents(of: "/data/db")
        #expect(Array(bytes.prefix(5 * 4096)) == GoldenTests.oneTransaction)
        #expect(bytes.count == 32768)
        #expect(bytes[(5 * 4096)...].allSatisfy { $0 == 0 })
        #expect(database.sizeBytes == 5 * 4096)
    }

    /// Each commit leaves the page alone that the one before wrote: where the newest is damaged, that one stands.
    @Test func theOlderMetaPageStillStands() throws {
        let database = try self.open(.init(pageSize: 1024))
        var workload = ModelWorkload(seed: 5, keys: 100)
        for round in 0..<20 {
            let before = workload.expected
            let id = database.transactionID
            let transaction = try database.begin()
            try workload.change(transaction)
            try transaction.commit()
            guard database.transactionID > id else { continue }
            var bytes = try self.disk.contents(of: "/data/db")
            #expect(try ModelBucket(checking: BoltFile(MemoryFile(bytes))) == workload.expected)
            bytes[Int(database.transactionID % 2) * 1024 + 40] ^= 1
            #expect(try ModelBucket(checking: BoltFile(MemoryFile(bytes))) == before, "round \(round)")
        }
        #expect(database.transactionID > 10)
    }

    @Test func anEmptyFileIsMadeAnew() throws {
        try self.disk.open("/data/db", .create).close()
        _ = try self.open()
        #expect(try self.disk.checked("/data/db") == ModelBucket())
    }

    @Test func oneProcessAtATime() throws {
        let database = try self.open()
        let error = #expect(throws: BoltError.self) { try self.open() }
        #expect(error?.what.contains("another process") == true)
        try database.close()
        try self.open().close()
    }

    @Test func limits() throws {
        let transaction = try self.open().begin()
        let bucket = try transaction.createBucketIfMissing([1])
        try bucket.put(Array(repeating: 1, count: BoltDatabase.maximumKeyBytes), [])
        #expect(throws: BoltError.self) { try bucket.put([], [1]) }
        #expect(throws: BoltError.self) { try bucket.put(Array(repeating: 1, count: BoltDatabase.maximumKeyBytes + 1), []) }
        #expect(throws: BoltError.self) { try transaction.createBucketIfMissing([]) }
        #expect(throws: BoltError.self) { try bucket.put([1], Array(repeating: 0, count: BoltDatabase.maximumValueBytes + 1)) }
        // A name is a key's or a bucket's.
        try bucket.put([5], [6])
        try bucket.createBucketIfMissing([7])
        #expect(throws: BoltError.self) { try bucket.put([7], []) }
        #expect(throws: BoltError.self) { try bucket.remove([7]) }
        #expect(throws: BoltError.self) { try bucket.createBucketIfMissing([5]) }
        #expect(throws: BoltError.self) { try bucket.bucket([5]) }
        #expect(throws: BoltError.self) { try bucket.deleteBucket([5]) }
        #expect(throws: BoltError.self) { try bucket.deleteBucket([8]) }
        #expect(throws: BoltError.self) { try transaction.put([1], [1], in: [99]) }
        #expect(try bucket.value([7]) == nil)
        #expect(try transaction.value([1], in: [99]) == nil)
        var deepest = bucket
        #expect(throws: BoltError.self) { while true { deepest = try deepest.createBucketIfMissing([1]) } }
        try transaction.commit()
        #expect(try self.disk.checked("/data/db").bucketCount > 10)
    }

    @Test func ranges() throws {
        let database = try self.open(.init(pageSize: 1024))
        var transaction = try database.begin()
        let numbers = (0..<500).map { UInt64($0 * 3) }
        let bucket = try transaction.createBucketIfMissing([1])
        for number in numbers.shuffled() { try bucket.put(big(number), little(number)) }
        func range(_ from: UInt64, _ to: UInt64?, limit: Int = .max) throws -> [UInt64] {
            var found: [UInt64] = []
            try transaction.forEach(in: [1], from: big(from), to: to.map(big)) { (key, value) throws(BoltError) in
                found.append([UInt8](copying: key).reduce(0) { $0 << 8 | UInt64($1) })
                return found.count < limit
            }
            return found
        }
        for _ in 0..<2 {
            for (from, to) in [(0, 1500), (1, 4), (3, 3), (10, 900), (1497, 2000), (5000, 6000)] as [(UInt64, UInt64)] {
                #expect(try range(from, to) == numbers.filter { $0 >= from && $0 < to })
            }
            #expect(try range(600, nil) == numbers.filter { $0 >= 600 })
            #expect(try range(600, nil, limit: 7) == Array(numbers.filter { $0 >= 600 }.prefix(7)))
            // The same again from pages, and with one of them changed.
            try transaction.commit()
            transaction = try database.begin()
            try transaction.put(big(600), [], in: [1])
        }
    }

    /// A page that a snapshot sees is never written to, and every other one is used again: what is rewritten many times while
    /// an old snapshot is open takes no more room for it.
    @Test func anOldSnapshotHoldsItsOwnPagesAlone() throws {
        let database = try self.open(.init(pageSize: 1024))
        var pinned: BoltReadTransaction?
        var sizes: [Int64] = []
        for round in 0..<200 {
            let transaction = try database.begin()
            let bucket = try transaction.createBucketIfMissing([1])
            for number in 0..<100 as Range<UInt64> { try bucket.put(big(number), big(UInt64(round))) }
            try transaction.commit()
            if round == 20 { pinned = try database.snapshot() }
            sizes.append(database.sizeBytes)
        }
        #expect(sizes[199] <= sizes[20] * 2, "\(sizes[20]) bytes grew to \(sizes[199])")
        #expect(try pinned?.value(big(7), in: [1]) == big(20))
        pinned?.close()
        try database.begin().rollback()
        #expect(database.inUseBytes < sizes[20])
    }

    @Test func anUncommittedTransactionIsRolledBack() throws {
        let database = try self.open()
        do {
            let transaction = try database.begin()
            try transaction.createBucketIfMissing([1])
        }
        let transaction = try database.begin()
        #expect(try transaction.bucketNames() == [])
        let before = self.disk.operationCount
        try transaction.commit()
        #expect(self.disk.operationCount == before, "nothing was changed, so nothing is written")
    }

    @Test func aCopyHasFullPages() throws {
        let database = try self.open()
        var transaction = try database.begin()
        var bucket = try transaction.createBucketIfMissing(Array("key".utf8))
        for number in 0..<3000 as Range<UInt64> { try bucket.put(big(number), Array(repeating: 1, count: 100)) }
        try bucket.createBucketIfMissing([255]).put([1], [2])
        bucket.setSequence(77)
        try transaction.commit()
        transaction = try database.begin()
        bucket = try #require(try transaction.bucket(Array("key".utf8)))
        for number in 0..<3000 as Range<UInt64> where number % 3 != 0 { try bucket.remove(big(number)) }
        try transaction.commit()
        let expected = try self.disk.checked("/data/db")
        #expect(expected.buckets[Array("key".utf8)]?.sequence == 77)
        try database.compact(into: "/data/copy", transactionKeys: 100)
        #expect(try self.disk.checked("/data/copy") == expected)
        #expect(try self.disk.list("/data") == ["copy", "db"])
        let before = database.sizeBytes
        try database.defragment()
        #expect(try self.disk.checked("/data/db") == expected)
        #expect(try self.disk.list("/data") == ["copy", "db"])
        // What was written twice while copying is free by now.
        try database.begin().rollback()
        // 1000 entries of 124 bytes and a header, in pages filled to nine tenths.
        let inUse = database.inUseBytes
        #expect(try self.disk.stat("/data/copy")?.size ?? .max <= inUse + 3 * 4096)
        #expect(inUse < before / 2 && inUse < 1000 * 124 * 4 / 3, "\(inUse) bytes of \(database.sizeBytes)")
        transaction = try database.begin()
        try transaction.put([1], [2], in: Array("key".utf8))
        try transaction.commit()
        #expect(try self.disk.checked("/data/db").entryCount == expected.entryCount + 1)
        #expect(throws: BoltError.self) { try self.open() }
    }
}

private func big(_ number: UInt64) -> [UInt8] { little(number).reversed() }
