internal import Bolt
internal import EtcdWire
internal import Platform
internal import WriteAheadLog

/// Makes a data directory: under a name beside it, made durable, and then renamed, so that a crash leaves nothing or all.
struct DataDirectoryWriter {
    let path: String
    private let disk: any Disk
    private let parent: String

    /// Where it is made.
    var temporary: String { self.path + ".part" }
    var database: String { "\(self.temporary)/member/snap/db" }

    /// - Throws: Where something is at the path already.
    init(_ path: String, disk: any Disk) throws(RecoveryError) {
        var path = path
        while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
        (self.path, self.disk) = (path, disk)
        self.parent = Self.parent(of: path)
        let isFree = try onDisk { () throws(DiskError) -> Bool in
            guard let info = try disk.stat(path) else { return true }
            guard info.isDirectory else { return false }
            return try disk.list(path).isEmpty
        }
        guard isFree else {
            throw RecoveryError(.refused, path, "there is something here already; name a directory that is absent or empty")
        }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
    }

    /// A file in a directory that is being made. Whatever has it is a restore's own.
    private static let marker = "restore-under-way"

    /// Makes the directories, and removes what an interrupted restore left of its own.
    func begin() throws(RecoveryError) {
        try self.abandon()
        try onDisk { () throws(DiskError) in
            // Durable before anything else is there, so that what a crash leaves can be told from what someone put there.
            try self.disk.makeDirectory(self.temporary)
            let file = try self.disk.open("\(self.temporary)/\(Self.marker)", .create)
            try file.write(Array("A restore into \(self.path) is under way here, or was interrupted.\n".utf8), at: 0)
            try file.sync()
            try file.close()
            try self.disk.syncDirectory(self.temporary)
            try self.disk.makeDirectory("\(self.temporary)/member/snap")
        }
    }

    /// Removes what this restore wrote, or an earlier one that was interrupted.
    /// - Throws: Where nothing proves that what is there is a restore's own.
    func abandon() throws(RecoveryError) {
        let names = try onDisk { () throws(DiskError) -> [String]? in
            guard let info = try self.disk.stat(self.temporary) else { return nil }
            return info.isDirectory ? try self.disk.list(self.temporary) : [""]
        }
        guard let names else { return }
        guard names.isEmpty || names.contains(Self.marker) else {
            throw RecoveryError(
                .refused, self.temporary,
                "this is where the restore would be made, and what is here is of no interrupted one; move it away, or name "
                    + "another directory to make")
        }
        try onDisk { () throws(DiskError) in
            // The proof goes last.
            for name in names where name != Self.marker { try self.removeTree("\(self.temporary)/\(name)") }
            try self.disk.syncDirectory(self.temporary)
            try self.removeTree(self.temporary)
            try self.disk.syncDirectory(self.parent)
        }
    }

    /// Copies the image of a database.
    func copy(_ source: DatabaseFile, progress: ProgressReport?) throws(RecoveryError) {
        try Self.copy(source, to: self.database, disk: self.disk, progress: progress)
    }

    static func copy(
        _ source: DatabaseFile, to path: String, disk: any Disk, progress: ProgressReport?
    ) throws(RecoveryError) {
        try onDisk { () throws(DiskError) in
            let from = try disk.open(source.path, .read)
            defer { try? from.close() }
            let to = try disk.open(path, .createNew)
            var offset: Int64 = 0
            while offset < source.imageSize {
                let bytes = try from.read(at: offset, count: Int(min(1 << 20, source.imageSize - offset)))
                guard !bytes.isEmpty else {
                    throw DiskError(
                        operation: "read", path: source.path, code: 5, reason: "the file was cut short while it was read")
                }
                try to.write(bytes, at: offset)
                offset += Int64(bytes.count)
                progress?(RecoveryProgress(.copying, source.path, done: offset, total: source.imageSize))
            }
            try to.sync()
            try to.close()
        }
    }

    /// Writes the log of a new cluster, and the `.snap` file that it begins with.
    func writeLog(_ identity: ClusterIdentity) throws(RecoveryError) {
        let count = UInt64(identity.entries.count)
        let metadata = WALMetadata(nodeID: identity.memberID, clusterID: identity.clusterID)
        do throws(WALError) {
            let log = try WriteAheadLog.create(
                "\(self.temporary)/member/wal", metadata: metadata.encoded(), disk: self.disk,
                configuration: WALConfiguration(preallocates: false))
            try log.append(identity.entries, HardState(term: 1, vote: identity.members[0].id, commit: count))
            let raft = RaftSnapshotMetadata(confState: identity.confState, index: count, term: 1)
            try SnapshotFiles("\(self.temporary)/member/snap", disk: self.disk)
                .save(RaftSnapshot(data: identity.olderStore, metadata: raft))
            try log.append(WALSnapshot(index: count, term: 1, confState: identity.confState))
            try log.close()
        } catch {
            throw RecoveryError(error)
        }
    }

    /// Gives the directory its name, durably, and puts a report beside it.
    func finish(report: [UInt8]) throws(RecoveryError) {
        let reportPath = self.path + ".report.json"
        try onDisk { () throws(DiskError) in
            let file = try self.disk.open(reportPath + ".part", .create)
            try file.truncate(to: 0)
            try file.write(report, at: 0)
            try file.sync()
            try file.close()
            for directory in ["/member/snap", "/member", ""] { try self.disk.syncDirectory(self.temporary + directory) }
            if try self.disk.stat(self.path) != nil { try self.disk.remove(self.path) }
            try self.disk.rename(self.temporary, to: self.path)
            try self.disk.rename(reportPath + ".part", to: reportPath)
            try self.disk.syncDirectory(self.parent)
            // Only now: before, a crash would leave a directory that nothing proves to be a restore's own.
            try self.disk.remove("\(self.path)/\(Self.marker)")
            try self.disk.syncDirectory(self.path)
        }
    }

    private func removeTree(_ path: String) throws(DiskError) {
        guard let info = try self.disk.stat(path) else { return }
        if info.isDirectory {
            for name in try self.disk.list(path) { try self.removeTree("\(path)/\(name)") }
        }
        try self.disk.remove(path)
    }
}
