import Bolt
import Platform
import TestSupport
import Testing

/// Trees of several levels, long freelists, and readers on other threads.
@Suite struct GrowthTests {
    /// Filled in random order and emptied in another, a tree gains its levels and loses them, and all its pages are free again.
    @Test(arguments: [0.5, 0.9]) func aTreeGrowsAndShrinks(fill: Double) throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/data")
        let options = BoltDatabase.Options(pageSize: 1024, fillPercent: fill)
        let database = try BoltDatabase.open("/data/db", disk: disk, options: options)
        var random = SeededRandom(seed: 3)
        var keys = (0..<6000).map { Array("a key of the \($0)th".utf8) }.shuffled(using: &random)
        let bucket = Array("bucket".utf8)
        for start in stride(from: 0, to: keys.count, by: 1500) {
            let transaction = try database.begin()
            try transaction.createBucketIfMissing(bucket)
            for key in keys[start..<(start + 1500)] { try transaction.put(key, key, in: bucket) }
            try transaction.commit()
            #expect(try disk.report("/data/db").entries == Int64(start + 1500))
        }
        // Each entry takes 50 bytes or so; half full at the least but for pages split and not filled yet.
        let filled = try disk.report("/data/db")
        #expect(filled.pages < 6000 * 54 / 1024 * 5 / 2)
        keys.shuffle(using: &random)
        while !keys.isEmpty {
            let transaction = try database.begin()
            // In the end a handful, and then none.
            let count = keys.count > 3 ? min(keys.count - 3, 900) : 3
            for key in keys.suffix(count) { try transaction.remove(key, in: bucket) }
            keys.removeLast(count)
            #expect(try transaction.value(Array("nothing".utf8), in: bucket) == nil)
            try transaction.commit()
            let report = try disk.report("/data/db")
            #expect(report.entries == Int64(keys.count))
            // Pages are merged as they empty.
            #expect(report.pages < Int64(keys.count * 54 / 1024 * 5 + 12), "\(report.pages) pages for \(keys.count) keys")
            // What fits into a quarter of a page stands where the bucket does, whatever levels it once had.
            if keys.count == 3 { #expect(report.pages == 3) }
        }
        #expect(try disk.report("/data/db").pages <= 4)
        #expect(try disk.checked("/data/db").buckets == [bucket: ModelBucket()])
    }

    /// More free pages than a page can count by its own header.
    @Test func aLongFreelist() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/db"
        let options = BoltDatabase.Options(pageSize: 1024, syncFreelist: true)
        var database = try BoltDatabase.open(path, disk: RealDisk(), options: options)
        for value in [[UInt8](repeating: 7, count: 1 << 20), []] {
            let transaction = try database.begin()
            try transaction.createBucketIfMissing([1])
            for number in 0..<70 as Range<UInt8> { try transaction.put([number], value, in: [1]) }
            try transaction.commit()
        }
        let report = try RealDisk().report(path)
        #expect(report.entries == 70 && report.freePages > 0xFFFF)
        try database.close()
        // Its free pages are used again: the file does not grow.
        database = try BoltDatabase.open(path, disk: RealDisk(), options: options)
        #expect(database.inUseBytes == Int64(report.pages) * 1024)
        let size = database.sizeBytes
        let transaction = try database.begin()
        for number in 0..<60 as Range<UInt8> { try transaction.put([number], Array(repeating: 8, count: 1 << 20), in: [1]) }
        try transaction.commit()
        #expect(database.sizeBytes == size)
        #expect(try RealDisk().report(path).entries == 70)
        // Without the list on the disk the same pages are found free.
        let inUse = database.inUseBytes
        try database.close()
        database = try BoltDatabase.open(path, disk: RealDisk())
        let unlisted = try database.begin()
        try unlisted.put([1], [1], in: [1])
        try unlisted.commit()
        try database.close()
        database = try BoltDatabase.open(path, disk: RealDisk())
        #expect(database.inUseBytes < inUse)
        #expect(try RealDisk().report(path).entries == 70)
    }

    /// Snapshots are read on other threads while the file is written, grows, and is mapped anew.
    @Test func readersOnOtherThreads() async throws {
        let directory = try TemporaryDirectory()
        let database = try BoltDatabase.open(directory.path + "/db", disk: RealDisk(), options: .init(pageSize: 1024))
        func write(_ round: UInt64) throws {
            let transaction = try database.begin()
            try transaction.createBucketIfMissing([1])
            for number in 0..<200 as Range<UInt64> {
                try transaction.put(little(number &* round), little(round), in: [1])
                try transaction.put(little(number), little(round), in: [1])
            }
            try transaction.commit()
        }
        try write(1)
        var readers: [Task<Int, any Error>] = []
        for round in 2...60 as ClosedRange<UInt64> {
            let snapshot = try database.snapshot()
            let task = Task.detached {
                defer { snapshot.close() }
                var seen = 0
                for _ in 0..<5 {
                    for number in 0..<200 as Range<UInt64>
                    where try snapshot.value(little(number), in: [1]) == little(round - 1) {
                        seen += 1
                    }
                }
                return seen
            }
            readers.append(task)
            try write(round)
        }
        for reader in readers { #expect(try await reader.value == 1000) }
        try database.close()
        #expect(try RealDisk().report(directory.path + "/db").entries > 1000)
    }
}
