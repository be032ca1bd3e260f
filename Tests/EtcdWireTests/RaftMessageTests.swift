import EtcdWire
import Testing

/// Messages between members: bytes that etcd sent, and bytes as its format has them.
@Suite struct RaftMessageTests {
    /// What etcd 3.4.23 and 3.5.1 posted to a peer when they stood for election. They write an empty snapshot into every
    /// message, and know no `vote`.
    @Test(arguments: [
        (
            RaftMessage.Kind.vote,
            "0805 10edbf8fbeb984b8e751 18f7ab9ca99b99e3d73e 2002 2801 3002 4000 4a0a12080a0228001000 1800 5000 5800"
        ),
        (
            RaftMessage.Kind.preVote,
            "0811 10edbf8fbeb984b8e751 18f7ab9ca99b99e3d73e 2002 2801 3002 4000 4a0a12080a0228001000 1800 5000 5800"
        ),
    ])
    func ofEtcd(_ kind: RaftMessage.Kind, _ hex: String) throws {
        let bytes = GoldenTests.bytes(hex)
        let message = try RaftMessage(decoding: bytes)
        var expected = RaftMessage(kind, to: 0x51ce_e023_97c3_dfed, from: 0x3eaf_8cc9_b527_15f7, term: 2)
        (expected.logTerm, expected.index) = (1, 2)
        expected.snapshot = RaftSnapshot()
        #expect(message == expected)
        #expect(message.encoded() == bytes + GoldenTests.bytes("6800"))
    }

    /// Numbers are written even when they are 0; snapshot and context only when they are there.
    @Test func bare() {
        #expect(
            RaftMessage().encoded() == GoldenTests.bytes("0800 1000 1800 2000 2800 3000 4000 5000 5800 6800"))
    }

    @Test func append() throws {
        var message = RaftMessage(.append, to: 2, from: 1, term: 3)
        (message.logTerm, message.index, message.commit) = (2, 6, 300)
        message.entries = [
            RaftEntry(term: 3, index: 7, data: []), RaftEntry(kind: .confChange, term: 3, index: 8, data: [0xAA, 0xBB]),
        ]
        let bytes = GoldenTests.bytes(
            "0803 1002 1801 2003 2802 3006 3a06 0800 1003 1807 3a0a 0801 1003 1808 2202aabb 40ac02 5000 5800 6800")
        #expect(message.encoded() == bytes)
        #expect(try RaftMessage(decoding: bytes) == message)
    }

    @Test func refusal() throws {
        var message = RaftMessage(.appendResponse, to: 1, from: 2, term: 3)
        (message.logTerm, message.index, message.reject, message.rejectHint) = (2, 9, true, 5)
        let bytes = GoldenTests.bytes("0804 1001 1802 2003 2802 3009 4000 5001 5805 6800")
        #expect(message.encoded() == bytes)
        #expect(try RaftMessage(decoding: bytes) == message)
    }

    @Test func snapshotContextAndResponses() throws {
        var message = RaftMessage(.storageAppend, to: .max, from: 1, term: 2)
        message.snapshot = RaftSnapshot(
            data: [1], metadata: RaftSnapshotMetadata(confState: ConfState(voters: [1, 2]), index: 5, term: 2))
        message.context = Array("CampaignTransfer".utf8)
        message.vote = 3
        message.responses = [RaftMessage(.appendResponse, to: 1, from: 1, term: 2)]
        let bytes = GoldenTests.bytes(
            """
            0813 10ffffffffffffffffff01 1801 2002 2800 3000 4000 4a11 0a0101 120c 0a06 0801 0802 2800 1005 1802 5000 5800 \
            6210 43616d706169676e5472616e73666572 6803 7214 0804 1001 1801 2002 2800 3000 4000 5000 5800 6800
            """)
        #expect(message.encoded() == bytes)
        #expect(try RaftMessage(decoding: bytes) == message)
    }

    /// Every number that raftpb gives a kind, and none beyond.
    @Test func kinds() throws {
        #expect(RaftMessage.Kind.allCases.map(\.rawValue) == Array(0...23))
        #expect(RaftMessage.Kind.heartbeat.rawValue == 8)
        #expect(RaftMessage.Kind.timeoutNow.rawValue == 14)
        #expect(RaftMessage.Kind.storageApplyResponse.rawValue == 22)
        #expect(throws: WireError.self) { try RaftMessage(decoding: [0x08, 24]) }
    }

    @Test func limits() throws {
        let entry: [UInt8] = [0x3A, 0]
        let most = Array(repeatElement(entry, count: RaftMessage.maximumEntries).joined())
        #expect(try RaftMessage(decoding: most).entries.count == RaftMessage.maximumEntries)
        #expect(throws: WireError.self) { try RaftMessage(decoding: most + entry) }
        // Responses in responses, without end.
        var bytes: [UInt8] = []
        for _ in 0..<100 {
            var writer = ProtoWriter()
            writer.bytes(14, bytes, always: true)
            bytes = writer.bytes
        }
        #expect(throws: WireError.self) { try RaftMessage(decoding: bytes) }
    }
}
