import Bolt
import Bolt
import EtcdWire
import Mutations
import Platform
import Recovery
import Store
import Testing
import WriteAheadLog

/// Logs of several members, of which some know more, some were cut off, and some are damaged.
@Suite struct SurvivorTests {
    private static func write(
        _ entries: [RaftEntry], to path: String, member: UInt64, commit: UInt64, _ disk: SimulatedDisk
    ) throws {
        let metadata = WALMetadata(nodeID: member, clusterID: 9).encoded()
        let log = try WriteAheadLog.create(
            path, metadata: metadata, disk: disk, configuration: WALConfiguration(segmentBytes: 1500, preallocates: false))
        for entry in entries {
            try log.append([entry], HardState(term: entry.term, vote: 1, commit: min(commit, entry.index)))
        }
        try log.close()
    }

    private static func hash(_ entries: [RaftEntry]) throws -> UInt32 {
        var store = try Store(backend: MemoryBackend())
        for entry in entries { _ = store.apply(entry, uptime: .zero) }
        return try store.hashKV(HashKVRequest()).hash
    }

    /// A leader that was cut off wrote more than the one after it: the later term counts, and what it replaced is gone.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func aLeaderThatWasCutOffIsNotBelieved(seed: UInt64) throws {
        let made = try Fabricated(seed: seed, steps: 60, applied: 0)
        var later = Array(made.entries[..<40])
        for index in 41...45 as ClosedRange<UInt64> {
            let request = InternalRaftRequest(operation: .put(PutRequest(key: Array("later".utf8), value: [UInt8(index)])))
            later.append(RaftEntry(term: 5, index: index, data: request.encoded()))
        }
        try Self.write(made.entries, to: "/cut", member: 1, commit: 40, made.disk)
        try Self.write(later, to: "/later", member: 2, commit: 43, made.disk)
        let request = RestoreRequest(from: ["/cut", "/later"], to: "/new", bump: .by(0))
        let report = try Restore.run(request, disk: made.disk)
        #expect(try report.hashKV == Self.hash(later), "seed \(seed)")
        #expect(report.index == 45 && report.term == 5, "seed \(seed)")
        #expect(report.unconfirmed == 44...45, "seed \(seed)")

        // The survivor of the cut-off leader's own term had taken over part of it, and then the later leader's.
        let mixed = Array(made.entries[..<50]) + later[40...]
        try Self.write(mixed, to: "/mixed", member: 3, commit: 43, made.disk)
        let replaced = try Restore.run(RestoreRequest(from: ["/mixed"], to: "/new2", bump: .by(0)), disk: made.disk)
        #expect(replaced.hashKV == report.hashKV, "seed \(seed)")
        #expect(try Inspect.run("/mixed", disk: made.disk).facts.log?.replaced == 10, "seed \(seed)")
    }

    /// Any one bit of a log: the same as without, or refused; never something else, and never less. With another survivor, the
    /// same always.
    @Test func anyBitOfALog() throws {
        let seed = Self.seed
        var random = SeededRandom(seed: seed)
        let made = try Fabricated(seed: 3, steps: 40, applied: 0)
        try Self.write(made.entries, to: "/other", member: 8, commit: UInt64(made.entries.count), made.disk)
        let log = "\(made.path)/member/wal"
        let wanted = try Self.hash(made.entries)
        let segments = try made.disk.list(log).filter { $0.hasSuffix(".wal") }.map { "\(log)/\($0)" }
        var refused = 0
        let count = 150
        for _ in 0..<count {
            let segment = try #require(segments.randomElement(using: &random))
            let size = Int(try #require(try made.disk.stat(segment)).size)
            let offset = Int.random(in: 0..<size, using: &random)
            let mask = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            let comment: Comment = "seed \(seed), bit \(mask) at \(offset) of \(segment)"
            // All was synced: a crash loses nothing, and gives a disk of its own.
            let disk = made.disk.afterCrash(.everything)
            try disk.flip(mask, at: offset, of: segment)
            do {
                let alone = RestoreRequest(from: [log], to: "/alone", bump: .by(0))
                let report = try Restore.run(alone, disk: disk)
                #expect(report.hashKV == wanted && report.index == UInt64(made.entries.count), comment)
            } catch {
                refused += 1
                #expect(error.code == .damaged && error.file == segment && error.offset != nil, "\(comment): \(error)")
            }
            let both = RestoreRequest(from: [log, "/other"], to: "/both", bump: .by(0))
            #expect(try Restore.run(both, disk: disk).hashKV == wanted, comment)
        }
        #expect(refused > count / 2)
    }

    /// Any one bit of a database: looked at, and taken or refused, but never the end of the process.
    @Test func anyBitOfADatabase() throws {
        let seed = Self.seed
        var random = SeededRandom(seed: seed)
        let made = try Fabricated(seed: 5, steps: 40, applied: .max)
        let database = "\(made.path)/member/snap/db"
        let size = Int(try #require(try made.disk.stat(database)).size)
        var damaged = 0
        for _ in 0..<600 {
            let offset = Int.random(in: 0..<size, using: &random)
            let mask = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            try made.disk.flip(mask, at: offset, of: database)
            if let verdict = try? Verify.run(made.path, disk: made.disk), !verdict.isSound { damaged += 1 }
            try made.disk.flip(mask, at: offset, of: database)
        }
        #expect(damaged > 0)
        #expect(try Verify.run(made.path, disk: made.disk).isSound)
    }

    /// A row has no checksum, but the log that it came from has: no bit of a key, a value or a lease changes unseen.
    @Test(arguments: 0..<6 as Range<UInt64>) func anyBitOfARow(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let made = try Fabricated(seed: seed, steps: 80, applied: .max)
        let path = "\(made.path)/member/snap/db"
        var flipped = 0
        for row in try Self.puts(path, on: made.disk) {
            let place = Int.random(in: row.bytes.indices, using: &random)
            let mask = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            guard try row.changes(place, mask) else { continue }
            flipped += 1
            let comment: Comment = "seed \(seed), bit \(mask) of byte \(row.offset + place)"
            try made.disk.flip(mask, at: row.offset + place, of: path)
            let finding = try Verify.run(made.path, disk: made.disk).findings.first { $0.isDamage }
            #expect(finding?.file == path && finding?.offset ?? 0 > 0, comment)
            let request = RestoreRequest(from: [made.path], to: "/new\(flipped)", bump: .by(0))
            let error = #expect(throws: RecoveryError.self, comment) { try Restore.run(request, disk: made.disk) }
            #expect(error?.file == path && error?.offset != nil, comment)
            try made.disk.flip(mask, at: row.offset + place, of: path)
        }
        #expect(flipped > 10)
        #expect(try Verify.run(made.path, disk: made.disk).isSound)
    }

    private struct Row {
        var offset: Int
        var bytes: [UInt8]

        /// Whether a flip changes what a client wrote. What members count, revisions and versions, is not in the log.
        func changes(_ place: Int, _ mask: UInt8) throws -> Bool {
            var other = self.bytes
            other[place] ^= mask
            guard let now = try? KeyValue(decoding: other) else { return true }
            let before = try KeyValue(decoding: self.bytes)
            return now.key != before.key || now.value != before.value || now.lease != before.lease
        }
    }

    /// The rows of bucket `key` that are no tombstones.
    private static func puts(_ path: String, on disk: SimulatedDisk) throws -> [Row] {
        let file = try disk.open(path, .read)
        defer { try? file.close() }
        var cursor = try #require(try BoltFile(file, size: try file.size()).root.bucket("key")).cursor()
        var rows: [Row] = []
        // A tombstone's key has a letter behind its revision.
        while let entry = try cursor.next() {
            guard entry.key.count == 17 else { continue }
            rows.append(Row(offset: Int(entry.offset) + 17, bytes: Array(entry.value)))
        }
        return rows
    }

    private static let seed = Environment.number("QUORATE_SEED").map { UInt64($0) } ?? 1

    /// Taken back to before a lease ended, its key hangs on it again: with its TTL where a log tells it, else for ever.
    @Test func leasesThatEndedAreBroughtBack() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/m/member/snap")
        let requests: [InternalRaftRequest.Operation] = [
            .leaseGrant(LeaseGrantRequest(ttl: 77, id: 5)), .put(PutRequest(key: [1], value: [1], lease: 5)),
            .leaseRevoke(LeaseRevokeRequest(id: 5)), .put(PutRequest(key: [2], value: [2])),
        ]
        let entries = requests.enumerated().map { place, request in
            RaftEntry(term: 1, index: UInt64(place + 5), data: InternalRaftRequest(operation: request).encoded())
        }
        let backend = try BoltBackend(BoltDatabase.open("/m/member/snap/db", disk: disk))
        var store = try Store(backend: backend)
        for entry in entries { _ = store.apply(entry, uptime: .zero) }
        try store.prepareCommit()
        try backend.commit()
        try backend.close()
        try Self.write(entries, to: "/m/member/wal", member: 1, commit: 8, disk)
        for (source, ttl) in [("/m", 77), ("/m/member/snap/db", 9_000_000_000)] as [(String, Int64)] {
            let out = "/new\(ttl)"
            let report = try Restore.run(
                RestoreRequest(from: [source], to: out, target: .revision(2), bump: .by(0)), disk: disk)
            #expect(report.revision == 2 && report.notes.contains { $0.contains("lease 5 had ended") }, "\(report.notes)")
            let facts = try Inspect.run(out, disk: disk).facts.database
            #expect(facts?.leases == [LeaseRecord(id: 5, ttl: ttl)])
            #expect(try Verify.run(out, disk: disk).isSound)
        }
    }
}
