internal import Bolt
internal import EtcdWire
internal import Platform
internal import Store

/// Makes a database the first state of a new cluster: its members, its place in the new log, and revisions that no client
/// knows from before.
///
/// Format: etcd, `etcdutl/snapshot/v3_snapshot.go`.
struct Rebirth {
    let identity: ClusterIdentity
    /// The revision to begin at; nil to go on from the last.
    let bumpedRevision: Int64?
    let marksCompacted: Bool

    /// - Returns: The alarms that were dropped. NOSPACE is raised again by the first write where the cause is still there, and
    ///   would keep the new cluster from writing where it is not. CORRUPT stays: whether it holds is not known.
    func run(_ path: String, disk: any Disk) throws(RecoveryError) -> [String] {
        try inDatabase { () throws(BoltError) in
            let database = try BoltDatabase.open(path, disk: disk)
            let transaction = try database.begin()
            for name in [
                "key", "meta", "lease", "auth", "authUsers", "authRoles", "members", "members_removed", "cluster", "alarm",
            ] {
                try transaction.createBucketIfMissing(Array(name.utf8))
            }
            try self.writeMembers(transaction)
            let alarms = try Self.dropAlarms(transaction)
            try self.writeMeta(transaction)
            if let bumpedRevision {
                let key = Self.key(bumpedRevision)
                try transaction.put(key, [], in: Array("key".utf8))
                if self.marksCompacted {
                    try transaction.put(Array("scheduledCompactRev".utf8), key, in: Array("meta".utf8))
                }
            }
            try transaction.commit()
            try database.close()
            return alarms
        }
    }

    private func writeMembers(_ transaction: BoltWriteTransaction) throws(BoltError) {
        for name in ["members", "members_removed"] {
            let bucket = Array(name.utf8)
            var keys: [[UInt8]] = []
            try transaction.forEach(in: bucket) { (key, _) throws(BoltError) in
                keys.append([UInt8](copying: key))
                return true
            }
            for key in keys { try transaction.remove(key, in: bucket) }
        }
        for member in self.identity.members {
            try transaction.put(Array(hexadecimal(member.id).utf8), member.json, in: Array("members".utf8))
        }
    }

    private static func dropAlarms(_ transaction: BoltWriteTransaction) throws(BoltError) -> [String] {
        let bucket = Array("alarm".utf8)
        var dropped: [(key: [UInt8], name: String)] = []
        try transaction.forEach(in: bucket) { (key, _) throws(BoltError) in
            let bytes = [UInt8](copying: key)
            if let alarm = try? AlarmMember(decoding: bytes), alarm.alarm == .noSpace {
                dropped.append((bytes, "NOSPACE of member \(hexadecimal(alarm.memberID))"))
            }
            return true
        }
        for alarm in dropped { try transaction.remove(alarm.key, in: bucket) }
        return dropped.map(\.name)
    }

    private func writeMeta(_ transaction: BoltWriteTransaction) throws(BoltError) {
        let bucket = Array("meta".utf8)
        let count = UInt64(self.identity.members.count)
        try transaction.put(Array("consistent_index".utf8), ClusterIdentity.bigEndian(count), in: bucket)
        try transaction.put(Array("term".utf8), ClusterIdentity.bigEndian(1), in: bucket)
        try transaction.put(Array("confState".utf8), self.identity.confState.json(), in: bucket)
    }

    /// A revision as bucket `key` has it.
    static func key(_ main: Int64, sub: Int64 = 0) -> [UInt8] {
        ClusterIdentity.bigEndian(UInt64(main)) + [UInt8(ascii: "_")] + ClusterIdentity.bigEndian(UInt64(sub))
    }
}

/// Takes back what a database holds after a revision.
struct Rewind {
    /// Rows that one commit takes away.
    private static let batch = 50_000
    /// etcd's longest TTL, in seconds.
    private static let longestTTL: Int64 = 9_000_000_000

    let path: String
    let disk: any Disk

    /// - Parameters:
    ///   - leases: TTLs of leases, by id, as far as they are known.
    ///   - note: Called with what is worth knowing.
    func run(to revision: Int64, leases: [Int64: Int64], note: (String) -> Void) throws(RecoveryError) {
        let missing = try inDatabase { () throws(BoltError) in
            let database = try BoltDatabase.open(self.path, disk: self.disk)
            let key = Array("key".utf8)
            while true {
                let transaction = try database.begin()
                var keys: [[UInt8]] = []
                try transaction.forEach(in: key, from: Rebirth.key(revision + 1)) { (row, _) throws(BoltError) in
                    keys.append([UInt8](copying: row))
                    return keys.count < Self.batch
                }
                for row in keys { try transaction.remove(row, in: key) }
                try transaction.commit()
                if keys.count < Self.batch { break }
            }
            let missing = try self.bringBackLeases(database, leases)
            try database.close()
            return missing
        }
        for lease in missing.brought { note("lease \(lease) had ended by then, and is brought back with its whole TTL") }
        for lease in missing.unknown {
            note("lease \(lease) had ended, and its TTL is not known: it is brought back, and never ends")
        }
    }

    /// Keys hang on leases that have ended since; without them they would stay for ever, and nobody could tell why.
    private func bringBackLeases(
        _ database: BoltDatabase, _ leases: [Int64: Int64]
    ) throws(BoltError) -> (brought: [String], unknown: [String]) {
        let transaction = try database.begin()
        try transaction.createBucketIfMissing(Array("lease".utf8))
        var wanted: Set<Int64> = []
        try transaction.forEach(in: Array("key".utf8)) { (_, row) throws(BoltError) in
            if let lease = (try? KeyValue(decoding: [UInt8](copying: row)))?.lease, lease != 0 { wanted.insert(lease) }
            return true
        }
        var (brought, unknown): ([String], [String]) = ([], [])
        for id in wanted.sorted() {
            let key = ClusterIdentity.bigEndian(UInt64(bitPattern: id))
            guard try transaction.value(key, in: Array("lease".utf8)) == nil else { continue }
            let ttl = leases[id]
            let record = LeaseRecord(id: id, ttl: ttl.map { max($0, 1) } ?? Self.longestTTL)
            try transaction.put(key, record.encoded(), in: Array("lease".utf8))
            let name = hexadecimal(UInt64(bitPattern: id))
            if ttl == nil { unknown.append(name) } else { brought.append(name) }
        }
        try transaction.commit()
        return (brought, unknown)
    }
}
