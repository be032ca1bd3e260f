import EtcdWire
import Platform
import Testing

@testable import WriteAheadLog

func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    return stride(from: 0, to: digits.count, by: 2).map { at in
        let start = digits.index(digits.startIndex, offsetBy: at)
        return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)!
    }
}

/// Bytes as etcd itself writes them.
@Suite struct FormatTests {
    @Test func aNewLogIsEtcdsOwn() throws {
        let disk = SimulatedDisk(seed: 1)
        let metadata = WALMetadata(nodeID: 0x8e9e_05c5_2164_694d, clusterID: 0xcdf8_1819_4e3a_8c32)
        let log = try WriteAheadLog.create(
            "/member/wal", metadata: metadata.encoded(), disk: PreparedDisk.at("/member", disk),
            configuration: .init(segmentBytes: 4096))
        try log.close()
        let path = "/member/wal/0000000000000000-0000000000000000.wal"
        let bytes = try disk.contents(of: path)
        #expect(bytes.count == 4096)
        let golden = hex(
            """
            0400000000000084 0804100000000000
            2000000000000000 080110bb81c7fc05 1a1608cdd2918bd2 b881cf8e0110b298 eaf1948386fccd01
            0e00000000000082 08051094bbc7ed0e 1a04080010000000
            """)
        #expect(Array(bytes[..<80]) == golden)
        #expect(bytes.isZero(80..<4096))
    }

    @Test func runningChecksums() throws {
        var crc: UInt32 = 0
        var bytes: [UInt8] = []
        Frame.append(.crc, [], crc: &crc, to: &bytes)
        #expect(crc == 0)
        Frame.append(.metadata, Array("somedata".utf8), crc: &crc, to: &bytes)
        #expect(crc == 0x741f_6a05)
        Frame.append(.snapshot, WALSnapshot().encoded(), crc: &crc, to: &bytes)
        #expect(crc == 0x1820_6d80)
    }

    @Test func entries() throws {
        let put = hex("220a 0a03666f6f 1203626172 a2060408b9b2ab01")
        #expect(RaftEntry(term: 2, index: 5, data: put).encoded() == hex("0800 1002 1805 2214") + put)
        #expect(RaftEntry(term: 2, index: 4, data: []).encoded() == hex("0800 1002 1804"))
        #expect(HardState(term: 2, vote: 0, commit: 5).encoded() == hex("0802 1000 1805"))
        let snapshot = WALSnapshot(index: 7, term: 2, confState: ConfState(voters: [1, 300]))
        #expect(snapshot.encoded() == hex("0807 1002 1a07 0801 08ac02 2800"))
        #expect(try WALSnapshot(decoding: snapshot.encoded()) == snapshot)
        let metadata = RaftSnapshotMetadata(confState: ConfState(voters: [1]), index: 7, term: 2)
        let whole = RaftSnapshot(data: [9], metadata: metadata)
        #expect(whole.encoded() == hex("0a0109 120a 0a04 0801 2800 1007 1802"))
        #expect(try RaftSnapshot(decoding: whole.encoded()) == whole)
    }

    /// A record's data is taken for what it is by its form alone.
    @Test func noRecordReadsAsOneOfAnotherKind() {
        let confState = ConfState(voters: [1, 300], learners: [2])
        var samples: [(WALRecord.Kind, [UInt8])] = [
            (.snapshot, WALSnapshot().encoded()), (.snapshot, WALSnapshot(index: 1, term: 2, confState: confState).encoded()),
            (.state, HardState(term: 1, vote: 0, commit: 0).encoded()),
            (.state, HardState(term: 2, vote: 2, commit: 2).encoded()),
            (.state, HardState(term: .max, vote: .max, commit: .max).encoded()),
        ]
        for data in [[], [1], [0x08, 0x01]] as [[UInt8]] {
            for kind in [RaftEntry.Kind.normal, .confChange, .confChangeV2] where kind == .normal || !data.isEmpty {
                samples.append((.entry, RaftEntry(kind: kind, term: 1, index: .max, data: data).encoded()))
            }
        }
        for (kind, data) in samples {
            for other in [WALRecord.Kind.entry, .state, .snapshot] {
                #expect((RecordContent(other, data, data.indices) != nil) == (kind == other), "\(kind) as \(other): \(data)")
            }
        }
        for data in ["080010011801 00", "08001001", "0800100018 01", "0800100118 00", "08021001180122 00", "0880001001 1801"] {
            #expect(RecordContent(.entry, hex(data), hex(data).indices) == nil, "\(data)")
        }
    }

    @Test func segmentNames() {
        let name = SegmentName(sequence: 0xab, index: 0x1_0000)
        #expect(name.description == "00000000000000ab-0000000000010000.wal")
        #expect(SegmentName(name.description) == name)
        for wrong in ["0.tmp", "00000000000000ab-0000000000010000.wal.broken", "00000000000000AB-0000000000010000.wal", ""] {
            #expect(SegmentName(wrong) == nil)
        }
    }

    @Test func framesPadToEight() throws {
        for size in 1..<40 {
            var (crc, bytes): (UInt32, [UInt8]) = (7, [])
            Frame.append(.entry, [UInt8](repeating: 3, count: size), crc: &crc, to: &bytes)
            #expect(bytes.count % 8 == 0)
            let read = try #require(Frame.validRecord(bytes, at: 0, continuing: 7))
            #expect(read.record.end == bytes.count)
            #expect(read.record.data.count == size)
        }
    }
}

/// A record of a segment, with its bytes.
struct StoredRecord {
    var offset: Int
    var kind: WALRecord.Kind
    var data: [UInt8]
    var end: Int

    /// The good records that a segment's bytes begin with.
    static func all(_ bytes: [UInt8]) -> [StoredRecord] {
        var (found, offset, crc): ([StoredRecord], Int, UInt32?) = ([], 0, nil)
        while let (record, kind) = Frame.validRecord(bytes, at: offset, continuing: crc) {
            found.append(StoredRecord(offset: offset, kind: kind, data: Array(bytes[record.data]), end: record.end))
            (offset, crc) = (record.end, record.crc)
        }
        return found
    }
}

enum PreparedDisk {
    /// The disk, with a directory made on it.
    static func at(_ directory: String, _ disk: SimulatedDisk) throws -> SimulatedDisk {
        try disk.makeDirectory(directory)
        return disk
    }
}
