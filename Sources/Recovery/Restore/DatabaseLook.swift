internal import Bolt
internal import Platform

/// What a database says of itself in a few places, without going over it.
struct DatabaseLook {
    var file: DatabaseFile
    /// Which of the sources it is of.
    var source: Int
    var index: UInt64
    /// 0 where it is not known, or not to be relied on.
    var term: UInt64
    var revision: Int64
    var compactRevision: Int64
    var members: [UInt64]
    /// That once were.
    var removedMembers: [UInt64]

    var candidate: BaseChoice.Candidate {
        BaseChoice.Candidate(
            index: self.index, term: self.term, revision: self.revision, compactRevision: self.compactRevision)
    }

    init(_ file: DatabaseFile, source: Int, disk: any Disk) throws(RecoveryError) {
        (self.file, self.source) = (file, source)
        let opened = try onDisk { () throws(DiskError) in try disk.open(file.path, .read) }
        defer { try? opened.close() }
        let (meta, version, revision, members, removed) = try inDatabase { () throws(BoltError) in
            let database = try BoltFile(opened, size: file.imageSize)
            let meta = try MetaBucket(database)
            let version = try database.root.bucket("cluster")?.entry("clusterVersion")
            return (
                meta, version.map { String(decoding: $0.value, as: UTF8.self) }, try Self.lastRevision(database),
                try Self.members(database, "members"), try Self.members(database, "members_removed")
            )
        }
        (self.index, self.compactRevision) = (meta.consistentIndex, meta.compactRevision)
        self.term = MetaBucket.keepsTerm(version) ? meta.term : 0
        self.revision = max(revision, meta.compactRevision, 1)
        (self.members, self.removedMembers) = (members, removed)
    }

    /// The last row's, found by halving.
    private static func lastRevision(_ database: BoltFile) throws(BoltError) -> Int64 {
        guard let bucket = try database.root.bucket("key") else {
            throw BoltError(file: database.path, offset: 0, what: "there is no bucket \"key\": this is not a database of etcd")
        }
        var cursor = bucket.cursor()
        guard try cursor.seek([]) != nil else { return 0 }
        var (low, high) = (0 as UInt64, UInt64(Int64.max))
        while low < high {
            let middle = high - (high - low) / 2
            if try cursor.seek(ClusterIdentity.bigEndian(middle)) != nil { low = middle } else { high = middle - 1 }
        }
        return Int64(low)
    }

    private static func members(_ database: BoltFile, _ name: String) throws(BoltError) -> [UInt64] {
        guard let bucket = try database.root.bucket(name) else { return [] }
        var cursor = bucket.cursor()
        var ids: [UInt64] = []
        while let entry = try cursor.next() {
            if let id = UInt64(String(decoding: entry.key, as: UTF8.self), radix: 16) { ids.append(id) }
        }
        return ids
    }
}
