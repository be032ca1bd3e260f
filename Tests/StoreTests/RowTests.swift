import EtcdWire
import Platform
import Testing

@testable import Store

/// The bytes of rows, beside those that etcd itself wrote.
@Suite struct RowTests {
    @Test func rowsOfEtcd() throws {
        var bench = Bench()
        try bench.put("foo", "bar")
        try bench.put("foo", "baz")
        try bench.delete("foo")
        let lease: Int64 = 0x694d_a205_3d3f_5608
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 600, id: lease)))
        try bench.put("l1", "v1", lease: lease)
        var writer = ProtoWriter()
        writer.int64(6, lease)
        #expect(
            try bench.store.backend.rows(in: .key) == [
                "00000000000000025f0000000000000000 0a03666f6f1002180220012a03626172",
                "00000000000000035f0000000000000000 0a03666f6f1002180320022a0362617a",
                "00000000000000045f000000000000000074 0a03666f6f",
                "00000000000000055f0000000000000000 0a026c311005180520012a027631\(hexadecimal(writer.bytes))",
            ])
        var record = ProtoWriter()
        record.int64(1, lease)
        #expect(try bench.store.backend.rows(in: .lease) == ["694da2053d3f5608 \(hexadecimal(record.bytes))10d804"])
        try bench.apply(.leaseRevoke(LeaseRevokeRequest(id: lease)))
        #expect(try bench.store.backend.rows(in: .lease) == [])
    }

    @Test func aTransactionsRowsCountFromZero() throws {
        var bench = Bench()
        try bench.put("old")
        try bench.apply(
            .txn(
                TxnRequest(success: [
                    .put(PutRequest(key: [0x61])), .deleteRange(DeleteRangeRequest(key: Array("old".utf8))),
                    .put(PutRequest(key: [0x62])),
                ])))
        let keys = try bench.store.backend.rows(in: .key).dropFirst().map { $0.prefix { $0 != " " } }
        #expect(
            keys == [
                "00000000000000035f0000000000000000", "00000000000000035f000000000000000174",
                "00000000000000035f0000000000000002",
            ])
    }

    @Test func marksOfACommit() throws {
        var bench = Bench()
        try bench.put("a")
        try bench.put("a")
        try bench.apply(.compaction(CompactionRequest(revision: 3)))
        try bench.store.finishCompaction()
        try bench.store.prepareCommit()
        func value(_ name: String) throws -> String? {
            try bench.store.backend.value(Array(name.utf8), in: .meta).map(hexadecimal)
        }
        #expect(try value("consistent_index") == "0000000000000003")
        #expect(try value("term") == "0000000000000001")
        #expect(try value("scheduledCompactRev") == "00000000000000035f0000000000000000")
        #expect(try value("finishedCompactRev") == "00000000000000035f0000000000000000")
        #expect(try value("confState") == nil)
        let auth = try bench.store.backend.rows(in: .auth)
        #expect(auth == ["\(hexadecimal(Array("authRevision".utf8))) 0000000000000001"])
    }

    /// Row identifiers are ordered as their bytes are, and come back from them.
    @Test func rowIDsAndTheirBytes() {
        var random = SeededRandom(seed: 5)
        func draw() -> RowID {
            RowID(
                main: Int64.random(in: 0...(random.chance(0.5) ? 5 : Int64.max >> 1), using: &random),
                sub: Int64.random(in: 0...(random.chance(0.5) ? 5 : 1 << 40), using: &random), isTombstone: random.chance(0.3))
        }
        for _ in 0..<5000 {
            let (one, other) = (draw(), draw())
            #expect(unsafe RowID(one.bytes.span.bytes) == one)
            if one.main != other.main || one.sub != other.sub {
                #expect(one.precedes(other) == one.bytes.lexicographicallyPrecedes(other.bytes), "\(one), \(other)")
            }
        }
    }

    /// The quick reader of rows takes what the general one takes, and reads the same.
    @Test func fieldsAreReadAsTheMessageHasThem() throws {
        var random = SeededRandom(seed: 6)
        var (read, refused) = (0, 0)
        for _ in 0..<20_000 {
            let kv = KeyValue(
                key: (0..<Int.random(in: 0...4, using: &random)).map { _ in 0x61 },
                createRevision: Int64.random(in: -2...300, using: &random), modRevision: 7,
                version: Int64.random(in: 0...2, using: &random),
                value: [UInt8](repeating: 9, count: Int.random(in: 0...200, using: &random)),
                lease: random.chance(0.5) ? 0 : Int64(bitPattern: random.next()))
            var bytes = kv.encoded()
            if random.chance(0.5), !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            }
            let whole = try? KeyValue(decoding: bytes)
            let fields = unsafe RowFields(bytes.span.bytes)
            if let whole {
                read += 1
                #expect(
                    fields?.key == whole.key && fields?.createRevision == whole.createRevision
                        && fields?.version == whole.version && fields?.lease == whole.lease, "\(bytes)")
            } else {
                refused += 1
            }
        }
        #expect(read > 5000 && refused > 1000)
    }
}
