import Bolt
import Platform
import Testing

/// What a bucket should hold.
struct ModelBucket: Equatable {
    var keys: [[UInt8]: [UInt8]] = [:]
    var buckets: [[UInt8]: ModelBucket] = [:]
    var sequence: UInt64 = 0

    subscript(path: ArraySlice<[UInt8]>) -> ModelBucket {
        get { path.first.map { self.buckets[$0, default: ModelBucket()][path.dropFirst()] } ?? self }
        set {
            if let first = path.first {
                self.buckets[first, default: ModelBucket()][path.dropFirst()] = newValue
            } else {
                self = newValue
            }
        }
    }

    /// The paths of all buckets, this one's first.
    var paths: [[[UInt8]]] {
        [[]]
            + self.buckets.keys.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { name in
                (self.buckets[name] ?? ModelBucket()).paths.map { [name] + $0 }
            }
    }

    var entryCount: Int { self.keys.count + self.buckets.values.reduce(0) { $0 + $1.entryCount } }
    var bucketCount: Int { self.buckets.values.reduce(self.buckets.count) { $0 + $1.bucketCount } }
}

extension ModelBucket {
    init(_ bucket: BoltReadBucket) throws(BoltError) {
        var keys: [[UInt8]: [UInt8]] = [:]
        var last: [UInt8]?
        try bucket.forEach { (key, value) throws(BoltError) in
            last = [UInt8](copying: key)
            keys[[UInt8](copying: key)] = [UInt8](copying: value)
            return true
        }
        #expect(try bucket.lastKey() == last)
        self.keys = keys
        self.sequence = bucket.sequence
        for name in try bucket.bucketNames() {
            guard let nested = try bucket.bucket(name) else { continue }
            self.buckets[name] = try ModelBucket(nested)
        }
    }

    init(_ bucket: BoltWriteBucket) throws(BoltError) {
        var keys: [[UInt8]: [UInt8]] = [:]
        var last: [UInt8]?
        try bucket.forEach { (key, value) throws(BoltError) in
            last = [UInt8](copying: key)
            keys[[UInt8](copying: key)] = [UInt8](copying: value)
            return true
        }
        #expect(try bucket.lastKey() == last)
        self.keys = keys
        self.sequence = bucket.sequence
        for name in try bucket.bucketNames() {
            guard let nested = try bucket.bucket(name) else { continue }
            self.buckets[name] = try ModelBucket(nested)
        }
    }

    /// All that a file holds, by the reader that knows nothing of the writer; the file is checked on the way.
    init(checking file: BoltFile) throws(BoltError) {
        let report = try file.check()
        self = try ModelBucket(file.root)
        precondition(report.entries == self.entryCount && report.buckets == self.bucketCount, "the check counts what is there")
    }

    private init(_ bucket: BoltBucket) throws(BoltError) {
        self.sequence = bucket.sequence
        var cursor = bucket.cursor()
        while let entry = try cursor.next() {
            if entry.isBucket {
                self.buckets[Array(entry.key)] = try ModelBucket(try cursor.bucket(entry))
            } else {
                self.keys[Array(entry.key)] = Array(entry.value)
            }
        }
    }
}

/// Random changes to a database and to what it should hold.
struct ModelWorkload {
    static let path = "/data/db"
    var random: SeededRandom
    var keys: Int
    var expected = ModelBucket()

    init(seed: UInt64, keys: Int = 300) {
        (self.random, self.keys) = (SeededRandom(seed: seed), keys)
    }

    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self.random) }

    mutating func key() -> [UInt8] {
        let number = self.number(0..<self.keys)
        return Array("k\(number)".utf8) + (number % 40 == 0 ? Array(repeating: 0x2E, count: number) : [])
    }

    mutating func value() -> [UInt8] {
        let size = self.random.chance(0.03) ? self.number(500..<5000) : self.number(0..<60)
        return Array(repeating: UInt8(truncatingIfNeeded: self.random.next()), count: size)
    }

    /// The changes of one transaction, made to both.
    mutating func change(_ transaction: BoltWriteTransaction) throws(BoltError) {
        for _ in 0..<self.number(1..<8) {
            let paths = self.expected.paths
            let path = paths[self.number(0..<paths.count)]
            var bucket = transaction.root
            for name in path {
                guard let next = try bucket.bucket(name) else { preconditionFailure("bucket \(path) is missing") }
                bucket = next
            }
            bucket.fillPercent = self.random.chance(0.2) ? 0.9 : 0.5
            try self.change(bucket, path)
        }
    }

    private mutating func change(_ bucket: BoltWriteBucket, _ path: [[UInt8]]) throws(BoltError) {
        var model = self.expected[path[...]]
        switch self.number(0..<10) {
        case 0...2:
            for _ in 0..<self.number(1..<40) { try self.put(self.key(), bucket, &model) }
        case 3:
            // One after another.
            let start = self.number(0..<self.keys)
            for number in start..<(start + self.number(10..<120)) {
                try self.put(Array("n\(100_000 + number)".utf8), bucket, &model)
            }
        case 4...5:
            for _ in 0..<self.number(1..<60) {
                let key = self.key()
                try bucket.remove(key)
                model.keys[key] = nil
            }
        case 6:
            // Many together, so that pages run empty.
            let sorted = model.keys.keys.sorted { $0.lexicographicallyPrecedes($1) }
            guard !sorted.isEmpty else { break }
            let start = self.number(0..<sorted.count)
            for key in sorted[start..<min(sorted.count, start + self.number(1..<200))] {
                try bucket.remove(key)
                model.keys[key] = nil
            }
        case 7...8:
            let name = Array("b\(self.number(0..<4))".utf8)
            if path.count < 3 {
                let made = try bucket.createBucketIfMissing(name)
                if self.random.chance(0.3) { made.setSequence(self.random.next()) }
                model.buckets[name, default: ModelBucket()].sequence = made.sequence
            }
        default:
            if let name = model.buckets.keys.min(by: { $0.lexicographicallyPrecedes($1) }), self.random.chance(0.5) {
                try bucket.deleteBucket(name)
                model.buckets[name] = nil
            }
        }
        self.expected[path[...]] = model
    }

    private mutating func put(_ key: [UInt8], _ bucket: BoltWriteBucket, _ model: inout ModelBucket) throws(BoltError) {
        let value = self.value()
        try bucket.put(key, value)
        model.keys[key] = value
    }
}

extension Disk {
    func report(_ path: String) throws -> BoltReport {
        let file = try self.open(path, .read)
        defer { try? file.close() }
        return try BoltFile(file).check()
    }

    func checked(_ path: String) throws -> ModelBucket {
        let file = try self.open(path, .read)
        defer { try? file.close() }
        return try ModelBucket(checking: try BoltFile(file))
    }
}
