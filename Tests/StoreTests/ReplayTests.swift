import Bolt
import EtcdClient
import EtcdWire
import Glibc
import Platform
import TestSupport
import Testing
import WriteAheadLog

@testable import Store

/// A real etcd's log, applied from its first entry to an empty store, comes to what that etcd had: the same hashes on the
/// way, the same leases, users, roles and members, and the same rows as in its own database.
@Suite(.enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct ReplayTests {
    /// How many requests of every kind are made; more in longer runs.
    static let operations = unsafe getenv("QUORATE_REPLAY_OPERATIONS").flatMap { unsafe Int(String(cString: $0)) } ?? 800

    @Test(arguments: EtcdVersion.enabled)
    func logOfEtcdComesToTheSame(version: EtcdVersion) async throws {
        let seed: UInt64 = version == .v34 ? 34 : 35
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        let connector = GRPCConnector()
        var workload = Workload(etcd, connector, seed: seed)
        do {
            try await workload.run(Self.operations)
        } catch {
            await connector.close()
            throw error
        }
        await connector.close()
        try await etcd.stop()

        try Self.replay(etcd, on: MemoryBackend(), workload, seed)
        let directory = try TemporaryDirectory(inMemory: true)
        let backend = try BoltBackend(BoltDatabase.open("\(directory.path)/db", disk: RealDisk()))
        try Self.replay(etcd, on: backend, workload, seed)
        try backend.close()
    }

    private static func replay(
        _ etcd: EtcdProcess, on backend: some Backend, _ workload: Workload, _ seed: UInt64
    ) throws {
        var store = try Store(backend: backend)
        var workload = workload
        try Self.replay(etcd, into: &store, &workload, seed)
        #expect(workload.samples.isEmpty, "seed \(seed): \(workload.samples.count) samples were never reached")
        try store.finishCompaction()
        try store.prepareCommit()
        Self.compare(store, with: workload.end, seed)
        try Self.compareRows(backend, etcd, compactedAt: store.compactRevision)
        try Self.compareTree(store)
    }

    private static func replay(
        _ etcd: EtcdProcess, into store: inout Store, _ workload: inout Workload, _ seed: UInt64
    ) throws {
        let log = try LogReader.read("\(etcd.dataDirectory)/member/wal", after: WALSnapshot(), disk: RealDisk())
        #expect(log.entries.count > Self.operations / 2)
        var random = SeededRandom(seed: seed)
        var refused = 0
        for entry in log.entries {
            if case .failure = store.apply(entry, uptime: .zero) { refused += 1 }
            // Entries that were applied before are passed over.
            #expect(store.apply(entry, uptime: .zero) == .success(.nothing))
            #expect(store.failure == nil, "entry \(entry.index)")
            if random.chance(0.5) { try store.compactionStep(limit: 5) }
            while let sample = workload.samples.first, sample.isReached(by: store) {
                let hash = try store.hashKV(HashKVRequest(revision: sample.request))
                #expect(hash.hash == sample.hash, "seed \(seed), entry \(entry.index), revision \(sample.request)")
                workload.samples.removeFirst()
            }
        }
        #expect(refused > 5, "seed \(seed): the log has too few entries that etcd refused")
    }

    private static func compare(_ store: borrowing Store, with end: Workload.End, _ seed: UInt64) {
        #expect(store.revision == end.revision && store.leaseLeases().leases.map(\.id).sorted() == end.leases.keys.sorted())
        for (id, lease) in end.leases {
            let mine = store.leaseTimeToLive(LeaseTimeToLiveRequest(id: id, keys: true), uptime: .zero)
            let keys = lease.keys.sorted { $0.lexicographicallyPrecedes($1) }
            #expect(mine.grantedTTL == lease.grantedTTL && mine.keys == keys, "seed \(seed), lease \(id)")
        }
        for (name, text) in end.users {
            let user = store.users.first { $0.name == Array(name.utf8) }
            #expect("User: \(name)\nRoles:\(user?.roles.map { " " + $0 }.joined() ?? "?")\n" == text)
        }
        #expect(store.users.map { String(decoding: $0.name, as: UTF8.self) } == end.users.map(\.name))
        #expect(store.roles.map { String(decoding: $0.name, as: UTF8.self) } == end.roles)
        #expect(store.alarms == end.alarms)
        let members = store.members.map {
            Member(id: $0.id, name: $0.name, peerURLs: $0.peerURLs, clientURLs: $0.clientURLs, isLearner: $0.isLearner)
        }
        #expect(members == end.members.sorted { $0.id < $1.id } && store.removedMembers == end.removed.sorted())
        #expect(store.confState.voters == members.filter { !$0.isLearner }.map(\.id))
        #expect(store.confState.learners == members.filter(\.isLearner).map(\.id))
    }

    /// Every row that etcd's own database has, byte for byte.
    private static func compareRows(
        _ backend: some Backend, _ etcd: EtcdProcess, compactedAt compacted: Int64
    ) throws {
        let version = etcd.binary.version
        let file = try BoltFile(RealDisk().open("\(etcd.dataDirectory)/member/snap/db", .read))
        for bucket in Bucket.allCases {
            // Passwords were hashed by each member for itself, up to 3.4. In 3.5.1 no row of a member is ever changed.
            if bucket == .authUsers && version == .v34 || bucket == .members && version == .v35 { continue }
            var theirs: [String] = []
            var cursor = try #require(try file.root.bucket(bucket.rawValue), "bucket \(bucket)").cursor()
            while let row = try cursor.next() {
                theirs.append("\(hexadecimal(Array(row.key))) \(hexadecimal(Array(row.value)))")
            }
            var mine = try backend.rows(in: bucket)
            switch bucket {
            case .key:
                // These versions do not keep a tombstone of the compacted revision itself.
                let start = hexadecimal(RowID.start(of: compacted)).prefix(18)
                mine.removeAll { $0.hasPrefix(start) && $0.contains("74 ") }
                #expect(theirs.count > 10)
            case .meta where version == .v34:
                // Before 3.5 there was less, and the index did not count what is not of the keys' own store.
                let names = [Meta.term, Meta.confState, Meta.consistentIndex].map(hexadecimal)
                mine.removeAll { row in names.contains { row.hasPrefix($0 + " ") } }
                theirs.removeAll { $0.hasPrefix(names[2] + " ") }
            default: break
            }
            #expect(mine == theirs, "bucket \(bucket.rawValue)")
        }
    }

    /// The tree of members that a snapshot file carries, there and back.
    private static func compareTree(_ store: borrowing Store) throws {
        let tree = store.v2Membership()
        #expect(try V2Membership(json: tree.json()) == tree && !tree.members.isEmpty && !tree.removed.isEmpty)
    }
}
