internal import Bolt
public import EtcdWire
public import Platform
internal import Store
internal import WriteAheadLog

/// A member's directory on any disk, made by what reads and writes etcd's formats here: quick, and all of it from a seed.
public struct Fabricated: Sendable {
    public let disk: SimulatedDisk
    public let path: String
    public private(set) var entries: [RaftEntry] = []
    /// HashKV after each entry, by its index.
    public private(set) var hashes: [UInt64: HashKVResponse] = [:]
    public private(set) var keys: [UInt64: Int64] = [:]

    /// - Parameters:
    ///   - steps: Entries after those that begin a cluster.
    ///   - applied: How many of all entries the database has.
    ///   - preallocates: Whether a segment has its full size from the start.
    public init(
        seed: UInt64, steps: Int, applied: Int, path: String = "/m", member id: UInt64 = 7, preallocates: Bool = false
    ) throws {
        (self.disk, self.path) = (SimulatedDisk(seed: seed), path)
        var random = SeededRandom(seed: seed)
        let member = #"{"id":\#(id),"peerURLs":["http://127.0.0.1:2380"],"name":"m"}"#
        let change = ConfChange(kind: .addNode, nodeID: id, context: Array(member.utf8))
        self.entries = [
            RaftEntry(kind: .confChange, term: 1, index: 1, data: change.encoded()), RaftEntry(term: 2, index: 2, data: []),
        ]
        try self.disk.makeDirectory("\(path)/member/snap")
        let backend = try BoltBackend(BoltDatabase.open("\(path)/member/snap/db", disk: self.disk))
        var store = try Store(backend: backend)
        // The rest is applied to a backend that goes away.
        var ahead = try Store(backend: MemoryBackend())
        var compacted: Int64 = 0
        for place in 0..<steps + 2 {
            if place >= 2 {
                let request = Self.request(&random, ahead.revision, &compacted)
                self.entries.append(RaftEntry(term: 2, index: UInt64(place + 1), data: request.encoded()))
            }
            let entry = self.entries[place]
            _ = ahead.apply(entry, uptime: .zero)
            try ahead.finishCompaction()
            self.hashes[entry.index] = try ahead.hashKV(HashKVRequest())
            self.keys[entry.index] = try ahead.range(RangeRequest(key: [0], rangeEnd: [0], countOnly: true)).count
            if place < applied {
                _ = store.apply(entry, uptime: .zero)
                // Compactions are left half done, as a crash may leave them.
                if random.chance(0.5) { try store.compactionStep(limit: 3) }
            }
        }
        try store.prepareCommit()
        try backend.commit()
        try backend.close()
        let metadata = WALMetadata(nodeID: id, clusterID: 9)
        let log = try WriteAheadLog.create(
            "\(path)/member/wal", metadata: metadata.encoded(), disk: self.disk,
            configuration: WALConfiguration(segmentBytes: 2000, preallocates: preallocates))
        for start in stride(from: 0, to: self.entries.count, by: 5) {
            let batch = Array(self.entries[start..<min(start + 5, self.entries.count)])
            try log.append(batch, HardState(term: 2, vote: id, commit: batch[batch.count - 1].index))
        }
        try log.close()
    }

    private static func request(
        _ random: inout SeededRandom, _ revision: Int64, _ compacted: inout Int64
    ) -> InternalRaftRequest {
        func key() -> [UInt8] { Array("k\(Int.random(in: 0..<12, using: &random))".utf8) }
        let operation: InternalRaftRequest.Operation
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<9: operation = .put(PutRequest(key: key(), value: Array("v\(revision)".utf8)))
        case 9..<13: operation = .deleteRange(DeleteRangeRequest(key: key()))
        case 13..<16:
            operation = .txn(
                TxnRequest(success: [
                    .put(PutRequest(key: key() + [0x61], value: [1])), .deleteRange(DeleteRangeRequest(key: key())),
                    .put(PutRequest(key: key() + [0x62], value: [2])),
                ]))
        case 16: operation = .leaseGrant(LeaseGrantRequest(ttl: 60, id: Int64.random(in: 1...5, using: &random)))
        case 17: operation = .put(PutRequest(key: key(), value: [3], lease: Int64.random(in: 1...5, using: &random)))
        case 18: operation = .leaseRevoke(LeaseRevokeRequest(id: Int64.random(in: 1...5, using: &random)))
        default:
            guard revision > compacted + 1 else {
                return InternalRaftRequest(operation: .put(PutRequest(key: key(), value: [])))
            }
            compacted = Int64.random(in: compacted + 1...revision, using: &random)
            operation = .compaction(CompactionRequest(revision: compacted))
        }
        return InternalRaftRequest(operation: operation, header: RequestHeader(id: UInt64(revision) + 1))
    }
}
