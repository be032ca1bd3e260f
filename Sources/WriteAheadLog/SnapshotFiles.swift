public import EtcdWire
public import Platform

/// A directory of `.snap` files: states, each named by the term and index of the log it stands at.
/// `%016x-%016x.snap`, each holding an encoded ``SnapshotFile`` around an encoded ``RaftSnapshot``.
public struct SnapshotFiles: Sendable {
    public let directory: String
    private let disk: any Disk

    public init(_ directory: String, disk: any Disk) {
        (self.directory, self.disk) = (directory, disk)
    }

    /// Writes a state durably: under a temporary name, synced, renamed, the directory synced.
    public func save(_ snapshot: RaftSnapshot) throws(WALError) {
        let data = snapshot.encoded()
        let bytes = SnapshotFile(crc: CRC32C.checksum(data), data: data).encoded()
        let path = self.path(WALSnapshot(index: snapshot.metadata.index, term: snapshot.metadata.term))
        try onDisk { () throws(DiskError) in
            let file = try self.disk.open(path + ".tmp", .create)
            try file.truncate(to: 0)
            try file.write(bytes, at: 0)
            try file.sync()
            try file.close()
            try self.disk.rename(path + ".tmp", to: path)
            try self.disk.syncDirectory(self.directory)
        }
    }

    /// Reads the state a log's snapshot record speaks of, and checks that it is that one and whole.
    public func load(_ snapshot: WALSnapshot) throws(WALError) -> RaftSnapshot {
        let path = self.path(snapshot)
        guard try onDisk({ () throws(DiskError) in try self.disk.stat(path) }) != nil else {
            throw WALError(.notFound, path, "the file is missing")
        }
        let bytes = try onDisk { () throws(DiskError) in
            let file = try self.disk.open(path, .read)
            let bytes = try file.read(at: 0, count: Int(try file.size()))
            try file.close()
            return bytes
        }
        let outer = try self.decode(SnapshotFile.self, bytes, path)
        guard CRC32C.checksum(outer.data) == outer.crc else { throw WALError(.corrupt, path, at: 0, "crc mismatch") }
        let inner = try self.decode(RaftSnapshot.self, outer.data, path)
        guard inner.metadata.index == snapshot.index, inner.metadata.term == snapshot.term else {
            throw WALError(.corrupt, path, at: 0, "the file holds another state than its name says")
        }
        return inner
    }

    /// What ``newest(of:)`` found.
    public struct Newest: Sendable, Hashable {
        /// The newest snapshot whose state is whole; nil where there is none.
        public var snapshot: WALSnapshot?
        /// Its state; nil for the snapshot at index 0, which begins every log.
        public var state: RaftSnapshot?
        /// What is wrong with the states of newer ones, newest first.
        public var problems: [Problem]
    }

    /// A state that cannot be read, and why.
    public struct Problem: Sendable, Hashable {
        public var snapshot: WALSnapshot
        public var error: WALError
    }

    /// The newest state that is whole, among those a log says may be started from. Files of states that the log does not name
    /// count for nothing: a state is written before the log's record of it.
    /// - Parameter candidates: ``LogContents/validSnapshots``, oldest first.
    /// - Throws: Where the disk fails. A file that is damaged or missing is told of.
    public func newest(of candidates: [WALSnapshot]) throws(WALError) -> Newest {
        var problems: [Problem] = []
        for candidate in candidates.reversed() {
            if candidate.index == 0 { return Newest(snapshot: candidate, state: nil, problems: problems) }
            do throws(WALError) {
                return Newest(snapshot: candidate, state: try self.load(candidate), problems: problems)
            } catch {
                guard error.code != .disk else { throw error }
                problems.append(Problem(snapshot: candidate, error: error))
            }
        }
        return Newest(snapshot: nil, state: nil, problems: problems)
    }

    /// Renames a state's file to `.snap.broken`, so that it is not tried again.
    public func moveAside(_ snapshot: WALSnapshot) throws(WALError) {
        let path = self.path(snapshot)
        try onDisk { () throws(DiskError) in
            try self.disk.rename(path, to: path + ".broken")
            try self.disk.syncDirectory(self.directory)
        }
    }

    /// The states there are files of, oldest first, whole or not.
    public func list() throws(WALError) -> [WALSnapshot] {
        try onDisk { () throws(DiskError) in try self.disk.list(self.directory) }
            .compactMap(Self.snapshot(named:))
            .sorted { ($0.index, $0.term) < ($1.index, $1.term) }
    }

    /// The indexes of databases that a leader sent and that no member has begun to use, in order: `%016x.snap.db`.
    public func receivedDatabases() throws(WALError) -> [UInt64] {
        try onDisk { () throws(DiskError) in try self.disk.list(self.directory) }
            .compactMap(Self.receivedDatabase(named:))
            .sorted()
    }

    /// Where the database that a leader sent with its snapshot at an index is.
    public func receivedDatabasePath(_ index: UInt64) -> String {
        "\(self.directory)/\(hexadecimal(index)).snap.db"
    }

    /// Removes the states before an index, and what an interrupted ``save(_:)`` left.
    public func purge(before index: UInt64) throws(WALError) {
        try onDisk { () throws(DiskError) in
            for name in try self.disk.list(self.directory) {
                let isOld = Self.snapshot(named: name).map { $0.index < index } ?? name.hasSuffix(".snap.tmp")
                if isOld { try self.disk.remove("\(self.directory)/\(name)") }
            }
        }
    }

    /// Removes all but the newest `count` states, and all but the newest `count` received databases, as etcd does.
    public func purge(keeping count: Int) throws(WALError) {
        precondition(count > 0, "one state is kept at least")
        let states = try self.list().dropLast(count).map(self.path)
        let databases = try self.receivedDatabases().dropLast(count).map(self.receivedDatabasePath)
        try onDisk { () throws(DiskError) in
            for path in states + databases { try self.disk.remove(path) }
        }
    }

    func path(_ snapshot: WALSnapshot) -> String {
        "\(self.directory)/\(hexadecimal(snapshot.term))-\(hexadecimal(snapshot.index)).snap"
    }

    private static func snapshot(named name: String) -> WALSnapshot? {
        guard name.hasSuffix(".snap"), let parts = SegmentName(name.dropLast(5) + ".wal") else { return nil }
        return WALSnapshot(index: parts.index, term: parts.sequence)
    }

    private static func receivedDatabase(named name: String) -> UInt64? {
        guard name.hasSuffix(".snap.db") else { return nil }
        return SegmentName("\(hexadecimal(0))-\(name.dropLast(8)).wal")?.index
    }

    private func decode<Message: WireMessage>(
        _ type: Message.Type, _ bytes: [UInt8], _ path: String
    ) throws(WALError) -> Message {
        do throws(WireError) {
            return try Message(decoding: bytes)
        } catch {
            throw WALError(.corrupt, path, at: Int64(error.offset), error.problem.rawValue)
        }
    }
}
