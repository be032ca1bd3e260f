internal import Backups
internal import EtcdWire
internal import Platform
internal import WriteAheadLog

/// Which archive a directory is: `CLUSTERID-INDEX`, both hexadecimal.
struct ArchiveLocation: Hashable {
    var clusterID: UInt64
    /// The entry that the archive begins after.
    var base: UInt64

    init(clusterID: UInt64, base: UInt64) {
        (self.clusterID, self.base) = (clusterID, base)
    }

    init?(_ name: String) {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let clusterID = UInt64(parts[0], radix: 16), let base = UInt64(parts[1], radix: 16) else {
            return nil
        }
        self.init(clusterID: clusterID, base: base)
        guard self.name == name else { return nil }
    }

    var name: String {
        let digits = String(self.base, radix: 16)
        return "\(String(self.clusterID, radix: 16))-\(String(repeating: "0", count: 16 - digits.count))\(digits)"
    }

    /// The archives in a directory, by name; none where there is no such directory.
    static func list(_ root: String, _ disk: any Disk) throws(DiskError) -> [ArchiveLocation] {
        guard try disk.stat(root) != nil else { return [] }
        return try disk.list(root).compactMap { ArchiveLocation($0) }
    }

    /// The name of a whole archive that is being removed.
    var removedName: String { ".\(self.name).removed" }
}

/// An archive that is being written: its newest segment open, those before it closed, each with a manifest.
final class OpenArchive {
    let directory: ArchiveDirectory
    let clusterID: UInt64
    /// The entry before the first.
    private(set) var base: LogPosition
    private(set) var position: LogPosition
    private(set) var completeUntil: Timestamp?
    private var markedAt: Timestamp?
    /// When the archive was begun.
    let beganAt: Timestamp
    private let cluster: String
    private let settings: LogArchiver.Settings
    private let log: WriteAheadLog
    /// The entry before the open segment's first, and when the segment was begun.
    private var segmentBase: LogPosition
    private var openedAt: Timestamp
    /// Of the open segment, once it has marks.
    private var marker: TimeMarker?

    /// Segments are cut by this class alone, and grow as they are written.
    private static let configuration = WALConfiguration(segmentBytes: .max, commitIsDurable: true, preallocates: false)

    init(
        beginning location: ArchiveLocation, after base: WALSnapshot, _ metadata: WALMetadata, of cluster: String,
        in root: String, _ disk: any Disk, _ settings: LogArchiver.Settings, _ now: Timestamp
    ) throws {
        let path = "\(root)/\(location.name)"
        try disk.makeDirectory(root)
        // Every archive of a cluster is of the whole of it, not of the member that happens to be followed.
        let owner = WALMetadata(nodeID: 0, clusterID: metadata.clusterID)
        self.log = try WriteAheadLog.create(
            path, metadata: owner.encoded(), after: base, disk: disk, configuration: Self.configuration)
        self.directory = ArchiveDirectory(path, disk: disk)
        (self.clusterID, self.cluster, self.settings) = (metadata.clusterID, cluster, settings)
        self.base = LogPosition(index: base.index, term: base.term)
        (self.position, self.segmentBase, self.openedAt, self.beganAt) = (self.base, self.base, now, now)
    }

    init(
        resuming location: ArchiveLocation, of cluster: String, in root: String, _ disk: any Disk,
        _ settings: LogArchiver.Settings, _ now: Timestamp
    ) throws {
        let path = "\(root)/\(location.name)"
        let directory = ArchiveDirectory(path, disk: disk)
        let catalog = try directory.catalog()
        let base = try catalog.start.map { WALSnapshot(index: $0.index, term: $0.term) } ?? Self.base(of: location, path, disk)
        // Each closed segment ends with a snapshot record, so that only what follows it is read again.
        let start = catalog.closed.last.map { WALSnapshot(index: $0.last.index, term: $0.last.term) } ?? base
        let (log, contents) = try WriteAheadLog.open(path, after: start, disk: disk, configuration: Self.configuration)
        try log.release()
        let last = contents.entries.last
        (self.log, self.directory, self.clusterID) = (log, directory, location.clusterID)
        (self.cluster, self.settings) = (cluster, settings)
        self.base = LogPosition(index: base.index, term: base.term)
        self.segmentBase = LogPosition(index: start.index, term: start.term)
        self.position = LogPosition(index: last?.index ?? start.index, term: last?.term ?? start.term)
        let marks = try directory.times(of: "\(log.segment)")
        self.openedAt = marks.first?.time ?? now
        self.markedAt = marks.last?.time ?? catalog.closed.last?.closedAt
        self.beganAt = catalog.closed.first?.openedAt ?? self.openedAt
        // A crash came between beginning a segment and closing the one before: what that one has is known only now.
        let unclosed = catalog.open.filter { $0 != "\(log.segment)" }
        if let name = unclosed.last {
            try self.close(name, now)
            self.segmentBase = self.position
        }
    }

    /// The entry that an archive of which nothing was removed begins after.
    private static func base(of location: ArchiveLocation, _ path: String, _ disk: any Disk) throws -> WALSnapshot {
        var head = try LogFollower(path, after: location.base, disk: disk)
        guard case .snapshot(let base)? = try head.poll(limit: 1).first, base.index == location.base else {
            throw ArchiveError("\(path): the archive does not say where it begins")
        }
        return base
    }

    /// Removes segments that hold nothing after an entry.
    func prune(through index: UInt64) throws {
        guard try self.directory.prune(through: index) else { return }
        if let start = try self.directory.catalog().start { self.base = start }
    }

    /// Makes committed entries durable and marks when they were seen.
    func append(_ entries: [RaftEntry], _ now: Timestamp) throws {
        guard let last = entries.last else { return }
        precondition(entries[0].index == self.position.index + 1, "an archive has no gaps")
        // What came before is durable: a reader can tell damage to it from a torn write of this batch.
        try self.log.append(entries, HardState(term: self.position.term, vote: 0, commit: self.position.index))
        self.position = LogPosition(index: last.index, term: last.term)
        try self.mark(now)
    }

    /// Notes that nothing was committed until then but what is here. A quiet log is marked now and then, which proves that
    /// it was.
    func complete(until time: Timestamp) throws {
        self.completeUntil = max(time, self.completeUntil ?? time)
        guard self.position.index > 0 else { return }
        if let markedAt, time - markedAt < self.settings.heartbeat { return }
        try self.mark(time)
    }

    private func mark(_ now: Timestamp) throws {
        // A clock that was set back must not make a later entry seem older.
        let time = max(now, self.markedAt ?? now)
        let marker = try self.marker ?? self.directory.marker(of: "\(self.log.segment)")
        self.marker = nil
        try marker.add(TimeMark(index: self.position.index, time: time))
        (self.marker, self.markedAt) = (marker, time)
    }

    /// Closes the open segment when it is large or old enough, and begins the next.
    /// - Returns: Whether it was.
    func closeIfDue(_ now: Timestamp) throws -> Bool {
        let hasEntries = self.position.index > self.segmentBase.index
        let isDue = self.log.segmentSize >= self.settings.segmentBytes || now - self.openedAt >= self.settings.segmentAge
        guard hasEntries, isDue else { return false }
        let name = "\(self.log.segment)"
        try self.log.append(WALSnapshot(index: self.position.index, term: self.position.term))
        try self.log.cut()
        try self.log.release()
        self.marker = nil
        try self.close(name, now)
        (self.segmentBase, self.openedAt) = (self.position, now)
        return true
    }

    /// Lets go of the files. What was appended is durable already.
    func close() throws(WALError) {
        try self.log.close()
    }

    private func close(_ name: String, _ now: Timestamp) throws {
        _ = try self.directory.close(
            name, cluster: self.cluster, clusterID: String(self.clusterID, radix: 16), after: self.segmentBase,
            last: self.position,
            openedAt: self.openedAt, closedAt: now)
    }
}
