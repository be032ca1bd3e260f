import Bolt
import Platform
import Testing

/// Random transactions against a dictionary, with a check of the whole file after each.
@Suite struct ModelTests {
    private struct Held {
        var snapshot: BoltReadTransaction
        var expected: ModelBucket
        var until: Int
    }

    @Test(arguments: ModelTests.seeds) func randomTransactions(seed: UInt64) throws {
        var workload = ModelWorkload(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        try disk.makeDirectory("/data")
        func open(_ round: Int) throws(BoltError) -> BoltDatabase {
            // Whoever opens it next may keep the free pages written down or not.
            let options = BoltDatabase.Options(pageSize: 1024, syncFreelist: (Int(seed) + round) % 3 == 0)
            return try BoltDatabase.open(ModelWorkload.path, disk: disk, options: options)
        }
        var database = try open(0)
        var held: [Held] = []
        for round in 1...60 {
            let place = "seed \(seed), round \(round)"
            let before = workload.expected
            let transaction = try database.begin()
            try workload.change(transaction)
            #expect(try ModelBucket(transaction.root) == workload.expected, "\(place): what the transaction itself sees")
            if workload.random.chance(0.15) {
                transaction.rollback()
                workload.expected = before
            } else {
                try transaction.commit()
            }
            let found = try disk.checked(ModelWorkload.path)
            try #require(found == workload.expected, "\(place): what the file holds")
            let snapshot = try database.snapshot()
            #expect(try ModelBucket(snapshot.root) == workload.expected, "\(place): what a snapshot shows")
            if workload.random.chance(0.3) {
                held.append(Held(snapshot: snapshot, expected: workload.expected, until: round + Int(seed % 7) * 3))
            }
            for reader in held where round % 3 == 0 || reader.until <= round {
                #expect(try ModelBucket(reader.snapshot.root) == reader.expected, "\(place): an older snapshot")
            }
            held.removeAll { $0.until <= round }
            if held.isEmpty {
                snapshot.close()
                try database.begin().rollback()
                let used = try disk.report(ModelWorkload.path).pages * 1024
                #expect(database.inUseBytes == used, "\(place): every page is in use or free")
            }
            if workload.random.chance(0.1) {
                try database.defragment(transactionKeys: 50)
                #expect(try disk.checked(ModelWorkload.path) == workload.expected, "\(place): after a defragmentation")
            }
            if workload.random.chance(0.1) {
                for reader in held { reader.snapshot.close() }
                snapshot.close()
                held = []
                try database.close()
                database = try open(round)
            }
        }
    }

    /// The image that a snapshot writes, while the file goes on.
    @Test(arguments: [UInt64(1), 2, 3]) func images(seed: UInt64) throws {
        var workload = ModelWorkload(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        try disk.makeDirectory("/data")
        let options = BoltDatabase.Options(pageSize: 1024, syncFreelist: seed == 2)
        let database = try BoltDatabase.open(ModelWorkload.path, disk: disk, options: options)
        for round in 0..<15 {
            let snapshot = try database.snapshot()
            let expected = workload.expected
            var image: [UInt8] = []
            while Int64(image.count) < snapshot.imageBytes {
                let transaction = try database.begin()
                try workload.change(transaction)
                try transaction.commit()
                image += snapshot.image(at: Int64(image.count), count: 777 + Int(snapshot.imageBytes) / 3)
            }
            let file = try BoltFile(MemoryFile(image))
            #expect(file.meta.transactionID == snapshot.transactionID)
            #expect(try ModelBucket(checking: file) == expected, "seed \(seed), round \(round)")
            // Torn in its first page, it still holds the same.
            image[40] ^= 1
            #expect(try ModelBucket(checking: try BoltFile(MemoryFile(image))) == expected)
        }
    }

    static let seeds: [UInt64] = (1...Environment.number("QUORATE_BOLT_SEEDS", default: 8)).map { UInt64($0) }
}
