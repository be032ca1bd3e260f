import Bolt
import EtcdWire
import Platform
import Recovery
import Store
import TestSupport
import Testing
import WriteAheadLog
import YAML

/// A member's log, applied from its first entry on, in memory and on a database file: the same hash wherever the member gave
/// one, and in the end the same as it answered, and the same rows as its own database has.
struct OracleCheck {
    let member: EtcdProcess
    let work: OracleWorkload
    let end: OracleEnd

    /// Values of 1.4 MB, until a segment of the log is full.
    static func fillSegment(_ gateway: Gateway) throws {
        let value = String(repeating: "QUJD", count: 1_400_000 / 3)
        let body = Array("{\"key\":\"YmlnCg==\",\"value\":\"\(value)\"}".utf8)
        for _ in 0..<48 {
            try gateway.begin("kv/put", body)
            try #require(try gateway.answer().status == 200)
        }
        try gateway.call("kv/deleterange", ["key": "YmlnCg=="])
    }

    func run() throws {
        let log = try LogReader.read("\(self.member.dataDirectory)/member/wal", after: WALSnapshot(), disk: RealDisk())
        #expect(log.entries.count > self.work.operations / 3)
        #expect(log.snapshots.count > log.entries.count / 1500)
        try self.replay(log.entries, MemoryBackend())
        let directory = try TemporaryDirectory(inMemory: true)
        let database = try BoltDatabase.open("\(directory.path)/db", disk: RealDisk())
        let backend = try BoltBackend(database)
        try self.replay(log.entries, backend)
        try backend.commit()
        try backend.close()
        #expect(try Inspect.run("\(directory.path)/db", disk: RealDisk()).findings.filter(\.isDamage) == [])
    }

    private func replay(_ entries: [RaftEntry], _ backend: some Backend) throws {
        var store = try Store(backend: backend, options: .init(checksAllOfTxn: false))
        var samples = self.work.samples[...]
        var refused = 0
        let comment: Comment = "\(type(of: backend)), seed \(self.work.seed)"
        // The last few entries, and what came of each.
        var trail: [String] = []
        for entry in entries {
            let before = store.revision
            let result = try Self.apply(entry, &store)
            if case .failure = result { refused += 1 }
            #expect(store.failure == nil, comment)
            if trail.count == 60 { trail.removeFirst() }
            trail.append(Self.describe(entry, result, before))
            if let sample = samples.first {
                let isPassed = store.revision > sample.revision || store.compactRevision > sample.compacted
                try #require(
                    !isPassed, "\(comment), entry \(entry.index), \(sample) was passed\n\(trail.joined(separator: "\n"))")
            }
            while let sample = samples.first, sample.revision == store.revision, sample.compacted == store.compactRevision {
                let hash = try store.hashKV(HashKVRequest())
                try #require(
                    hash.hash == sample.hash,
                    "\(comment), entry \(entry.index), revision \(sample.revision), after\n\(trail.joined(separator: "\n"))")
                samples.removeFirst()
            }
        }
        #expect(
            samples.isEmpty, "\(comment): \(samples.count) samples were not reached, \(samples.first.map { "\($0)" } ?? "")")
        #expect(refused > 20, comment)
        try store.finishCompaction()
        try store.prepareCommit()
        self.compare(store)
        try self.compareRows(backend, compactedAt: store.compactRevision)
    }

    /// As the releases under test do.
    private static func apply(_ entry: RaftEntry, _ store: inout Store) throws -> Store.ApplyResult {
        var content = try EntryContent(entry)
        if case .request(let request) = content, store.isRefusedByOlderReleases(request) { content = .nothing }
        return store.apply(entry, content, uptime: .zero)
    }

    private static func describe(_ entry: RaftEntry, _ result: Store.ApplyResult, _ before: Int64) -> String {
        guard let content = try? EntryContent(entry) else { return "\(entry.index): nothing known" }
        var user = ""
        if case .request(let request) = content { user = request.header.map { "\($0.username) \($0.authRevision)" } ?? "" }
        var outcome = "done"
        if case .failure(let error) = result { outcome = error.message }
        return "\(entry.index) at \(before), \(user): \(content.summary): \(outcome)"
    }

    private func compare(_ store: borrowing Store) {
        #expect(store.revision == self.end.revision)
        #expect((try? store.hashKV(HashKVRequest()))?.hash == self.end.hash)
        #expect(store.leaseLeases().leases.map(\.id).sorted() == self.end.leases.keys.sorted())
        for (id, lease) in self.end.leases {
            let mine = store.leaseTimeToLive(LeaseTimeToLiveRequest(id: id, keys: true), uptime: .zero)
            #expect(mine.grantedTTL == lease.granted && Set(mine.keys.map(Gateway.base64)) == lease.keys, "lease \(id)")
        }
        let users = store.users.map { (String(decoding: $0.name, as: UTF8.self), $0.roles) }
        #expect(Dictionary(uniqueKeysWithValues: users) == self.end.users)
        let roles = store.roles.map { role in
            let permissions = role.keyPermission.map { permission in
                let kind: [Permission.PermissionType: String] = [.read: "READ", .write: "WRITE", .readWrite: "READWRITE"]
                return [kind[permission.permType] ?? "", Gateway.base64(permission.key), Gateway.base64(permission.rangeEnd)]
            }
            return (String(decoding: role.name, as: UTF8.self), Set(permissions))
        }
        #expect(Dictionary(uniqueKeysWithValues: roles) == self.end.roles)
        #expect(store.alarms.count == self.end.alarms && !store.isAuthEnabled)
        let members = store.members.map { ($0.id, [$0.name] + $0.peerURLs) }
        #expect(Dictionary(uniqueKeysWithValues: members) == self.end.members && members.count == 2)
        #expect(Set(store.confState.learners) == self.end.learners && store.confState.voters.count == 1)
        #expect(store.removedMembers.count == 2)
        #expect(self.end.users.count > 2 && self.end.leases.count > 5)
    }

    /// Every row that etcd's own database has, byte for byte.
    private func compareRows(_ backend: some Backend, compactedAt compacted: Int64) throws {
        let version = self.member.binary.version
        let file = try BoltFile(RealDisk().open("\(self.member.dataDirectory)/member/snap/db", .read))
        for bucket in Bucket.allCases {
            // Passwords were hashed by each member for itself, up to 3.4. In 3.5.1 no row of a member is ever changed.
            if bucket == .authUsers && version == .v34 || bucket == .members && version == .v35 { continue }
            var theirs: [[[UInt8]]] = []
            var cursor = try #require(try file.root.bucket(bucket.rawValue), "bucket \(bucket)").cursor()
            while let row = try cursor.next() { theirs.append([Array(row.key), Array(row.value)]) }
            var mine: [[[UInt8]]] = []
            try backend.forEach(in: bucket, from: [], to: nil) { (key, value) throws(StoreError) in
                mine.append([Array(copying: key), Array(copying: value)])
                return true
            }
            switch bucket {
            case .key:
                // These versions do not keep a tombstone of the compacted revision itself.
                let start = (0..<8).map { UInt8(truncatingIfNeeded: compacted >> (56 - 8 * $0)) }
                mine.removeAll { $0[0].starts(with: start) && $0[0].count == 18 }
                #expect(theirs.count > 50)
            case .meta where version == .v34:
                // Before 3.5 there was less, and the index did not count what is not of the keys' own store.
                let names = ["term", "confState", "consistent_index"].map { Array($0.utf8) }
                mine.removeAll { names.contains($0[0]) }
                theirs.removeAll { $0[0] == names[2] }
            default: break
            }
            #expect(mine == theirs, "bucket \(bucket.rawValue), \(type(of: backend))")
        }
    }
}
