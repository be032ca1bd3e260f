internal import Bolt
internal import CLMDB
internal import EtcdClient
internal import EtcdWire
internal import Foundation
internal import Platform

/// The B+tree file: sequential puts and random gets against LMDB, and its compaction against etcd's own.
enum BoltBenchmark: Benchmark {
    static let name = "bolt"
    private static let rows = 1_000_000
    private static let batch = 10_000
    private static let value = [UInt8](repeating: 0x76, count: 100)

    static func run(_ settings: Settings) async throws -> Table {
        try FileManager.default.createDirectory(atPath: settings.directory, withIntermediateDirectories: true)
        var order = Array(0..<UInt64(self.rows))
        order.shuffle()
        var (puts, gets): ([[Double]], [[Double]]) = ([[], []], [[], []])
        for _ in 0..<settings.rounds {
            for (index, measure) in [self.bolt, self.lmdb].enumerated() {
                let (put, get) = try measure(settings.directory + "/tree", order)
                puts[index].append(put)
                gets[index].append(get)
            }
        }
        let moved = try await self.defragmentation(settings)
        var table = Table(
            title: "B+tree file, \(self.rows) rows, 17-byte keys as etcd's, 100-byte values",
            columns: ["", "Bolt", "other", "ratio"])
        func row(_ title: String, _ mine: Double, _ other: Double, _ digits: Int) -> [String] {
            [title, mine.formatted(digits), other.formatted(digits), (other / mine).formatted(2)]
        }
        let scale = 1e6 / Double(self.rows)
        table.rows = [
            row("sequential put, us (LMDB)", puts[0].median * scale, puts[1].median * scale, 3),
            row("random get, us (LMDB)", gets[0].median * scale, gets[1].median * scale, 3),
            row("defragmentation, s (etcdutl defrag)", moved.ours, moved.etcd, 2),
        ]
        table.notes = [
            "Medians of \(settings.rounds) rounds in turns; a ratio above 1 is in our favour.",
            "Commits are of \(self.batch) rows, each synced. Gets are of all rows in random order in one transaction.",
            "Defragmentation is of one file of etcd's, by a process each.",
        ]
        return table
    }

    /// A revision as etcd writes it: eight bytes, `_`, eight bytes.
    private static func key(_ revision: UInt64) -> [UInt8] {
        var key = [UInt8](repeating: 0, count: 17)
        key[8] = UInt8(ascii: "_")
        for place in 0..<8 { key[place] = UInt8(truncatingIfNeeded: revision >> (56 - 8 * UInt64(place))) }
        return key
    }

    private static func bolt(_ path: String, _ order: [UInt64]) throws -> (put: Double, get: Double) {
        try? FileManager.default.removeItem(atPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let database = try BoltDatabase.open(path, disk: RealDisk(), options: .init(fillPercent: 0.9))
        let start = ContinuousClock.now
        for first in stride(from: 0, to: self.rows, by: self.batch) {
            let transaction = try database.begin()
            let bucket = try transaction.createBucketIfMissing(Array("key".utf8))
            bucket.fillPercent = 0.9
            for row in first..<first + self.batch { try bucket.put(self.key(UInt64(row)), self.value) }
            try transaction.commit()
        }
        let put = (ContinuousClock.now - start).seconds
        let reader = try database.snapshot()
        guard let bucket = try reader.bucket(Array("key".utf8)) else { throw Failure("no bucket") }
        let begin = ContinuousClock.now
        for row in order {
            guard try bucket.value(self.key(row))?.count == self.value.count else { throw Failure("row \(row) is gone") }
        }
        let get = (ContinuousClock.now - begin).seconds
        reader.close()
        try database.close()
        return (put, get)
    }

    private static func lmdb(_ path: String, _ order: [UInt64]) throws -> (put: Double, get: Double) {
        let tree = try LMDB(path)
        defer { tree.close() }
        let start = ContinuousClock.now
        for first in stride(from: 0, to: self.rows, by: self.batch) {
            try tree.put((first..<first + self.batch).lazy.map { (self.key(UInt64($0)), self.value) })
        }
        let put = (ContinuousClock.now - start).seconds
        let begin = ContinuousClock.now
        try tree.get(order.lazy.map(self.key), count: self.value.count)
        return (put, (ContinuousClock.now - begin).seconds)
    }

    /// Seconds that rewriting one database of etcd's into a new file takes each.
    private static func defragmentation(_ settings: Settings) async throws -> (ours: Double, etcd: Double) {
        let etcd = try await EtcdServer(settings)
        try await etcd.fill(keys: 150_000, value: 1024)
        await etcd.stop(keepingData: true)
        defer { etcd.removeData() }
        let file = etcd.dataDirectory + "/member/snap/db"
        let copy = settings.directory + "/copy.db"
        var (ours, theirs): ([Double], [Double]) = ([], [])
        for _ in 0..<settings.rounds {
            theirs.append(try measured(settings.etcd + "/etcdutl", ["defrag", "--data-dir", etcd.dataDirectory]).seconds)
            try? FileManager.default.removeItem(atPath: copy)
            let start = ContinuousClock.now
            let database = try BoltDatabase.open(file, disk: RealDisk())
            try database.compact(into: copy)
            try database.close()
            ours.append((ContinuousClock.now - start).seconds)
        }
        try? FileManager.default.removeItem(atPath: copy)
        return (ours.median, theirs.median)
    }
}
