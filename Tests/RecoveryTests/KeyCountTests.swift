import Backups
import Bolt
import EtcdWire
import Platform
import Recovery
import Testing

/// The count of live keys, which keeps no set of keys, against one that does: over random histories with random compactions,
/// finished or not, tombstones at the compacted revision kept (as from etcd 3.5.16 on) or not.
@Suite struct KeyCountTests {
    private struct Row {
        var revision: Int64
        var sub: Int64
        var key: String
        /// 0 for a tombstone.
        var version: Int64
    }

    private struct History {
        var rows: [Row] = []
        var live: [String: Int64] = [:]
        var revision: Int64 = 1

        mutating func go(_ random: inout SeededRandom) {
            self.revision += 1
            var touched: Set<String> = []
            for sub in 0..<Int64.random(in: 1...3, using: &random) {
                let key = "k\(Int.random(in: 0..<12, using: &random))"
                guard touched.insert(key).inserted else { continue }
                if let version = self.live[key], random.chance(0.4) {
                    self.live[key] = nil
                    self.rows.append(Row(revision: self.revision, sub: sub, key: key, version: 0))
                    precondition(version > 0)
                } else {
                    self.live[key, default: 0] += 1
                    self.rows.append(Row(revision: self.revision, sub: sub, key: key, version: self.live[key] ?? 0))
                }
            }
        }

        /// Removes what compaction at a revision removes. It goes over the rows in their order; with `share` below 1 it stopped
        /// midway.
        mutating func compact(_ at: Int64, keepingTombstone: Bool, share: Double) {
            var newest: [String: Int] = [:]
            for (index, row) in self.rows.enumerated() where row.revision <= at { newest[row.key] = index }
            let kept = Set(
                newest.values.filter { self.rows[$0].version > 0 || keepingTombstone && self.rows[$0].revision == at })
            let reached = Int(share * Double(self.rows.count { $0.revision <= at }))
            self.rows = self.rows.enumerated().filter { index, row in index >= reached || kept.contains(index) }.map(\.element)
        }
    }

    private static func image(_ history: History, finished: Int64, scheduled: Int64) -> [UInt8] {
        let rows = history.rows.map { row in
            let value = KeyValue(
                key: Array(row.key.utf8), modRevision: row.version == 0 ? 0 : row.revision, version: row.version)
            return (key: Self.revision(row.revision, row.sub) + (row.version == 0 ? [0x74] : []), value: value.encoded())
        }
        var meta: [(key: [UInt8], value: [UInt8])] = [(Array("consistent_index".utf8), Self.big(7))]
        if finished > 0 { meta.append((Array("finishedCompactRev".utf8), Self.revision(finished, 0))) }
        if scheduled > 0 { meta.append((Array("scheduledCompactRev".utf8), Self.revision(scheduled, 0))) }
        return OnePageDatabase.image(buckets: [("key", rows), ("members", []), ("meta", meta)])
    }

    private static func big(_ value: Int64) -> [UInt8] { OnePageDatabase.little(value).reversed() }
    private static func revision(_ main: Int64, _ sub: Int64) -> [UInt8] { Self.big(main) + [0x5F] + Self.big(sub) }

    @Test(arguments: 0..<200 as Range<UInt64>) func liveKeysAreCounted(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var history = History()
        let keepsTombstones = random.chance(0.5)
        var (finished, scheduled): (Int64, Int64) = (0, 0)
        for _ in 0..<Int.random(in: 0...40, using: &random) {
            history.go(&random)
            if random.chance(0.15) {
                finished = Int64.random(in: finished...history.revision, using: &random)
                scheduled = finished
                history.compact(finished, keepingTombstone: keepsTombstones, share: 1)
            }
        }
        if random.chance(0.5), finished < history.revision {
            scheduled = Int64.random(in: finished + 1...history.revision, using: &random)
            history.compact(scheduled, keepingTombstone: keepsTombstones, share: .random(in: 0...1, using: &random))
        }
        let disk = SimulatedDisk(seed: seed)
        try disk.open("db", .create).write(Self.image(history, finished: finished, scheduled: scheduled), at: 0)
        let contents = try SnapshotInspector.inspect("db", disk)
        #expect(contents.keys == Int64(history.live.count), "seed \(seed)")
        #expect(contents.rows == Int64(history.rows.count), "seed \(seed)")
        #expect(contents.compactRevision == scheduled, "seed \(seed)")
        #expect(contents.revision == max(history.rows.last?.revision ?? 0, scheduled), "seed \(seed)")
        #expect(contents.raftIndex == 7)
    }
}

/// A database of one leaf, with inline buckets.
enum OnePageDatabase {
    typealias Row = (key: [UInt8], value: [UInt8])

    static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Integer($0 * 8)) }
    }

    static func image(buckets: [(name: String, rows: [Row])]) -> [UInt8] {
        let pageSize = 16_384
        let entries = buckets.map { bucket in
            (key: Array(bucket.name.utf8), value: Array(repeating: 0, count: 16) + Self.leaf(0, bucket.rows, flags: 0))
        }
        var bytes: [UInt8] = []
        for id in 0..<2 as Range<UInt64> {
            let meta =
                Self.little(0xED0C_DAED as UInt32) + Self.little(2 as UInt32) + Self.little(UInt32(pageSize))
                + Self.little(0 as UInt32) + Self.little(2 as UInt64) + Self.little(0 as UInt64) + Self.little(UInt64.max)
                + Self.little(3 as UInt64) + Self.little(2 - id)
            let page =
                Self.little(id) + Self.little(4 as UInt16) + Self.little(0 as UInt16) + Self.little(0 as UInt32) + meta
                + Self.little(FNV1a.checksum(meta))
            bytes += page + Array(repeating: 0, count: pageSize - page.count)
        }
        let leaf = Self.leaf(2, entries, flags: 1)
        return bytes + leaf + Array(repeating: 0, count: pageSize - leaf.count)
    }

    private static func leaf(_ id: UInt64, _ rows: [Row], flags: UInt32) -> [UInt8] {
        var (array, data): ([UInt8], [UInt8]) = ([], [])
        for (index, row) in rows.enumerated() {
            let position = (rows.count - index) * 16 + data.count
            array += Self.little(flags) + Self.little(UInt32(position)) + Self.little(UInt32(row.key.count))
            array += Self.little(UInt32(row.value.count))
            data += row.key + row.value
        }
        let header = Self.little(id) + Self.little(2 as UInt16) + Self.little(UInt16(rows.count)) + Self.little(0 as UInt32)
        return header + array + data
    }
}
