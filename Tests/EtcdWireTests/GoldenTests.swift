import EtcdWire
import Testing

/// Bytes that etcd itself wrote.
@Suite struct GoldenTests {
    /// Bytes from hexadecimal digits; spaces are for the reader.
    static func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { $0 != " " }.compactMap { $0.hexDigitValue.map(UInt8.init) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// An id whose varint takes nine bytes, as request ids mostly do.
    static let requestID: UInt64 = 0x694d_a205_3d3f_5608
    static let requestIDVarint = "88acfde9d3c0e8a669"

    @Test func logEntries() throws {
        let header = RequestHeader(id: Self.requestID)
        let tail = "a206 0a 08 \(Self.requestIDVarint)"
        let entries: [(InternalRaftRequest.Operation, String)] = [
            (.put(PutRequest(key: Array("foo".utf8), value: Array("bar".utf8))), "220a 0a03666f6f 1203626172"),
            (.deleteRange(DeleteRangeRequest(key: Array("foo".utf8))), "2a05 0a03666f6f"),
            (
                .leaseGrant(LeaseGrantRequest(ttl: 600, id: Int64(Self.requestID))),
                "420d 08d804 10 \(Self.requestIDVarint)"
            ),
        ]
        for (operation, hex) in entries {
            let request = InternalRaftRequest(operation: operation, header: header)
            #expect(request.encoded() == Self.bytes(hex + tail))
            #expect(try InternalRaftRequest(decoding: Self.bytes(hex + tail)) == request)
        }
    }

    @Test func keyValueRows() throws {
        let rows: [(KeyValue, String)] = [
            (
                KeyValue(key: Array("foo".utf8), createRevision: 2, modRevision: 2, version: 1, value: Array("bar".utf8)),
                "0a03666f6f 1002 1802 2001 2a03626172"
            ),
            (KeyValue(key: Array("foo".utf8)), "0a03666f6f"),
            (
                KeyValue(
                    key: Array("l1".utf8), createRevision: 5, modRevision: 5, version: 1, value: Array("v1".utf8),
                    lease: Int64(Self.requestID)),
                "0a026c31 1005 1805 2001 2a027631 30 \(Self.requestIDVarint)"
            ),
        ]
        for (row, hex) in rows {
            #expect(row.encoded() == Self.bytes(hex))
            #expect(try KeyValue(decoding: Self.bytes(hex)) == row)
        }
    }

    @Test func leaseRow() throws {
        let row = LeaseRecord(id: Int64(Self.requestID), ttl: 600)
        #expect(row.encoded() == Self.bytes("08 \(Self.requestIDVarint) 10d804"))
        #expect(try LeaseRecord(decoding: row.encoded()) == row)
    }

    /// A oneof is written even when its value is a default: that is how its being there shows.
    @Test func compareWithZero() throws {
        let compare = Compare.modRevision(of: Array("k".utf8), .equal, 0)
        #expect(compare.encoded() == Self.bytes("1002 1a016b 3000"))
        #expect(try Compare(decoding: compare.encoded()) == compare)
    }

    @Test func unknownFieldsOfALogEntryAreKept() throws {
        let hex = "2205 0a016b 1200 a206 02 0801 c257 03 0a0133"
        let request = try InternalRaftRequest(decoding: Self.bytes(hex))
        #expect(request.unknown == Self.bytes("c257 03 0a0133"))
        #expect(request.header == RequestHeader(id: 1))
        #expect(request.encoded() == Self.bytes("2203 0a016b a206 02 0801 c257 03 0a0133"))
    }
}
