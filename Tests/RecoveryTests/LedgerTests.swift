import Bolt
import EtcdWire
import Mutations
import Platform
import Testing

@testable import Recovery

/// Whole databases checked in bounded memory, against the store that made them; and what is wrong in one, found where it is.
@Suite struct LedgerTests {
    private static func survey(_ path: String, _ disk: SimulatedDisk, limit: Int) throws -> DatabaseFacts {
        let source = try RecoverySource.open(path, disk: disk)
        return try DatabaseSurvey.run(try #require(source.database), disk: disk, prefixDepth: 1, keyLimit: limit)
    }

    /// The same with room for all keys, and for so few that many rounds are needed.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func hashAndCountsAreTheStores(seed: UInt64) throws {
        let made = try Fabricated(seed: seed, steps: Int(seed) * 3 + 5, applied: .max)
        let last = UInt64(made.entries.count)
        let hash = try #require(made.hashes[last])
        for limit in [1000, 3] {
            let facts = try Self.survey(made.path, made.disk, limit: limit)
            #expect(facts.findings == [], "seed \(seed), limit \(limit)")
            #expect(facts.hashKV == hash.hash, "seed \(seed), limit \(limit)")
            #expect(facts.revision == hash.header.revision, "seed \(seed), limit \(limit)")
            #expect(facts.compactRevision == max(0, hash.compactRevision), "seed \(seed), limit \(limit)")
            #expect(facts.keys == made.keys[last], "seed \(seed), limit \(limit)")
            #expect(facts.prefixes.reduce(0) { $0 + $1.keys } == facts.keys, "seed \(seed), limit \(limit)")
            #expect(facts.prefixes.reduce(0) { $0 + $1.rows } == facts.rows, "seed \(seed), limit \(limit)")
        }
        #expect(try Verify.run(made.path, disk: made.disk).isSound, "seed \(seed)")
    }

    private static func key(_ main: Int64, _ sub: Int64 = 0, tombstone: Bool = false) -> [UInt8] {
        Rebirth.key(main, sub: sub) + (tombstone ? [UInt8(ascii: "t")] : [])
    }

    private static func row(
        _ main: Int64, _ key: String, create: Int64? = nil, mod: Int64? = nil, version: Int64 = 1, lease: Int64 = 0
    ) -> (String, [UInt8], [UInt8]) {
        let kv = KeyValue(
            key: Array(key.utf8), createRevision: create ?? main, modRevision: mod ?? main, version: version, value: [1],
            lease: lease)
        return ("key", Self.key(main), kv.encoded())
    }

    /// One thing wrong in each.
    @Test func whatIsWrongIsFound() throws {
        let tombstone = KeyValue(key: Array("a".utf8)).encoded()
        let table: [(what: String, rows: [(String, [UInt8], [UInt8])])] = [
            ("rows are missing", [Self.row(2, "a"), Self.row(4, "b")]),
            ("rows are missing", [Self.row(3, "a")]),
            (
                "rows are missing",
                [
                    Self.row(2, "a"),
                    ("key", Self.key(3, 1), KeyValue(key: [66], createRevision: 3, modRevision: 3, version: 1).encoded()),
                ]
            ),
            ("says that it is of revision 9", [Self.row(2, "a", mod: 9)]),
            ("has version 0", [Self.row(2, "a", version: 0)]),
            ("was created in 2", [Self.row(2, "a", version: 5)]),
            (
                "does not follow the key's revision 2",
                [Self.row(2, "a"), Self.row(3, "b"), Self.row(4, "a", create: 2, version: 3)]
            ),
            ("does not follow", [Self.row(2, "a"), Self.row(3, "a")]),
            ("whose earlier ones are gone", [Self.row(2, "a"), Self.row(3, "b", create: 2, version: 2)]),
            ("deletes a key that was not there", [Self.row(2, "b"), ("key", Self.key(3, tombstone: true), tombstone)]),
            (
                "says more than its key",
                [
                    Self.row(2, "a"),
                    ("key", Self.key(3, tombstone: true), KeyValue(key: Array("a".utf8), version: 1).encoded()),
                ]
            ),
            ("hangs on lease 5", [Self.row(2, "a", lease: 5)]),
            ("is no key and value", [("key", Self.key(2), [0xFF, 0xFF])]),
            ("not written as a revision", [("key", [1, 2, 3], [])]),
            ("has another id in its row", [("lease", ClusterIdentity.bigEndian(5), LeaseRecord(id: 6, ttl: 3).encoded())]),
            ("s left of", [("lease", ClusterIdentity.bigEndian(5), LeaseRecord(id: 5, ttl: 3, remainingTTL: 9).encoded())]),
            ("is not described by JSON", [("members", Array("5".utf8), Array(#"{"id":6}"#.utf8))]),
            (
                "both a member and removed",
                [
                    ("members", Array("5".utf8), Array(#"{"id":5,"peerURLs":[]}"#.utf8)),
                    ("members_removed", Array("5".utf8), Array("removed".utf8)),
                ]
            ),
            ("which is not there", [("authUsers", Array("u".utf8), User(name: Array("u".utf8), roles: ["r"]).encoded())]),
            ("consistent_index has 3 bytes", [("meta", Array("consistent_index".utf8), [1, 2, 3])]),
        ]
        for (place, (what, rows)) in table.enumerated() {
            let disk = SimulatedDisk(seed: UInt64(place))
            let database = try BoltDatabase.open("db", disk: disk)
            let transaction = try database.begin()
            for name in ["key", "members", "members_removed", "meta", "lease", "authUsers", "authRoles"] {
                try transaction.createBucketIfMissing(Array(name.utf8))
            }
            try transaction.put(Array("consistent_index".utf8), ClusterIdentity.bigEndian(3), in: Array("meta".utf8))
            for (bucket, key, value) in rows { try transaction.put(key, value, in: Array(bucket.utf8)) }
            try transaction.commit()
            try database.close()
            let verdict = try Verify.run("db", disk: disk)
            #expect(!verdict.isSound, "\(what)")
            let found = verdict.findings.map(\.what)
            #expect(found.contains { $0.contains(what) }, "\(what): \(found)")
            #expect(verdict.findings.count == 1, "\(what): \(found)")
        }
    }

    /// A page that cannot be read is told of, and the rest is still looked at.
    @Test func damageInOnePlaceHidesNoOther() throws {
        let disk = SimulatedDisk(seed: 1)
        let database = try BoltDatabase.open("db", disk: disk)
        let transaction = try database.begin()
        for name in ["key", "members", "meta", "lease"] { try transaction.createBucketIfMissing(Array(name.utf8)) }
        try transaction.put(Array("consistent_index".utf8), ClusterIdentity.bigEndian(3), in: Array("meta".utf8))
        for main in 2..<400 as Range<Int64> {
            let (_, key, value) = Self.row(main, "key \(main)", mod: main == 390 ? 1 : nil)
            try transaction.put(key, value, in: Array("key".utf8))
        }
        try transaction.put(ClusterIdentity.bigEndian(5), [9], in: Array("lease".utf8))
        try transaction.commit()
        try database.close()
        var first: Int64?
        let file = try disk.open("db", .read)
        try BoltFile(file).check { (_, entry) throws(BoltError) in
            if entry.key.count == 17, first == nil, entry.key.last == 0 { first = entry.offset }
        }
        let page = try #require(first) / 4096 * 4096
        try disk.flip(8, at: Int(page) + 8, of: "db")
        let verdict = try Verify.run("db", disk: disk)
        let found = verdict.findings.map(\.what)
        #expect(verdict.findings.contains { $0.offset == page + 8 }, "\(found)")
        #expect(found.contains { $0.contains("says that it is of revision 1") }, "\(found)")
        #expect(found.contains { $0.contains("this row is no LeaseRecord") }, "\(found)")
        #expect(verdict.hashKV == nil)
    }
}
