public import Backups
public import EtcdWire
public import Platform
internal import WriteAheadLog

/// Follows the log of a member and copies every committed entry to an archive, so that any point in time can be restored.
///
/// The archive is a write-ahead log of its own, in etcd's format: what a restore reads from a member's log it reads from the
/// archive by the same code. Each round reads what the member wrote since, appends it with one sync, and marks the time. An
/// archive begins at a snapshot of the member's log, and another begins where one cannot go on: `CLUSTERID-INDEX`, by the
/// index it begins after. Owned by one thread; every call blocks. After the first error a new one takes over from the disk.
public final class LogArchiver {
    public struct Settings: Sendable, Hashable {
        /// A segment is closed when it has this many bytes.
        public var segmentBytes: Int64 = 16_000_000
        /// A segment with entries is closed at this age.
        public var segmentAge: Duration = .seconds(600)
        /// How often an entry is marked again while none follows it.
        public var heartbeat: Duration = .seconds(5)

        public init() {}
    }

    /// What the member that is followed said itself, while it led, of how far its log is committed. A member writes that
    /// down only with the next entry, so that the last one of a quiet log would never be known to be.
    public struct Commit: Sendable, Hashable {
        public var index: UInt64
        public var time: Timestamp

        public init(index: UInt64, at time: Timestamp) {
            (self.index, self.time) = (index, time)
        }
    }

    /// How far the archive has come.
    public struct Progress: Sendable, Hashable {
        /// The archive's directory.
        public var directory: String
        public var clusterID: UInt64
        /// When the archive began.
        public var openedAt: Timestamp
        /// The entry before the archive's first.
        public var base: LogPosition
        public var position: LogPosition
        /// What is known to be committed.
        public var commit: UInt64
        /// All that was committed until then is in the archive.
        public var completeUntil: Timestamp?
        /// What this round added.
        public var entries: [RaftEntry]
        /// Whether this archive was begun anew because the one before could not go on, and why.
        public var began: String?
    }

    private let root: String
    private let cluster: String
    private let settings: Settings
    private let disk: any Disk
    private var follower: LogFollower?
    private var source = ""
    private var entries = CommittedEntries(after: LogPosition(index: 0, term: 0))
    private var archive: OpenArchive?
    private var began: String?
    /// Whether the archive that is there cannot go on.
    private var mustBegin = false
    /// What the archives were last reduced to; nil when there may be more to remove.
    private var retained: KeptSnapshots?
    /// When the oldest snapshot's last entry was proven to be there.
    private var proof: TimeMark?

    /// - Parameters:
    ///   - root: The directory that holds the cluster's archives.
    ///   - cluster: The cluster's name, for the manifests.
    public init(root: String, cluster: String, disk: any Disk, settings: Settings = Settings()) {
        (self.root, self.cluster, self.disk, self.settings) = (root, cluster, disk, settings)
    }

    /// One round: copies what is new in a member's log. When another directory is given than before, it goes on in that.
    /// - Parameters:
    ///   - log: The member's directory of write-ahead log segments.
    ///   - commit: What that member said, if it leads.
    public func round(
        following log: String, commit: Commit? = nil, now: Timestamp
    ) throws(ArchiveError) -> Progress {
        do {
            return try self.follow(log, commit, now)
        } catch let error as ArchiveError {
            throw error
        } catch let error as WALError {
            throw ArchiveError(error.description)
        } catch let error as BackupError {
            throw ArchiveError(error.message)
        } catch {
            throw ArchiveError("\(error)")
        }
    }

    /// Removes what no kept snapshot needs: of the archives of the cluster that is followed, and of those of its earlier lives.
    /// - Returns: The last entry of the oldest kept snapshot of the cluster, and when it is first proven to have been there;
    ///   nil while that is not known.
    public func retain(_ kept: KeptSnapshots) throws(ArchiveError) -> TimeMark? {
        guard let archive = self.archive else { return nil }
        do {
            if self.retained != kept {
                try Retirement(root: self.root, cluster: self.cluster, disk: self.disk).run(kept, live: archive)
                (self.retained, self.proof) = (kept, nil)
            }
            guard let index = kept.oldest[archive.clusterID] else { return nil }
            if self.proof == nil {
                self.proof = try archive.directory.proof(of: index).map { TimeMark(index: index, time: $0.time) }
            }
            return self.proof
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw ArchiveError("\(error)")
        }
    }

    /// Lets go of the archive, so that another may go on with it.
    public func close() {
        // All is durable: a file that does not close properly has lost nothing.
        try? self.archive?.close()
        (self.archive, self.follower) = (nil, nil)
    }

    private func follow(_ log: String, _ commit: Commit?, _ now: Timestamp) throws -> Progress {
        if self.follower == nil || self.source != log {
            try self.attach(to: log, now)
            self.retained = nil
        }
        guard var follower = self.follower, let archive = self.archive else {
            preconditionFailure("attached above")
        }
        let records = try follower.poll()
        self.follower = follower
        let committed: [RaftEntry]
        do throws(CommittedEntries.Break) {
            committed = try self.entries.add(records, committed: commit?.index ?? 0)
        } catch {
            // What this log has cannot follow the archive. The next round looks for where a new one can begin.
            (self.follower, self.mustBegin, self.began) = (nil, true, error.reason)
            throw ArchiveError("\(log): \(error.reason); a new archive begins")
        }
        try archive.append(committed, now)
        if let commit, commit.index <= archive.position.index { try archive.complete(until: commit.time) }
        if try archive.closeIfDue(now) { self.retained = nil }
        return Progress(
            directory: archive.directory.path, clusterID: archive.clusterID, openedAt: archive.beganAt, base: archive.base,
            position: archive.position, commit: self.entries.commit, completeUntil: archive.completeUntil, entries: committed,
            began: self.began)
    }

    /// Opens a member's log where the archive ends; begins another archive where that log cannot go on from there.
    private func attach(to log: String, _ now: Timestamp) throws {
        let contents = try LogReader.read(log, disk: self.disk)
        let metadata = try WALMetadata(decoding: contents.metadata)
        if self.archive?.clusterID != metadata.clusterID || self.mustBegin { self.close() }
        var archive = try self.archive ?? (self.mustBegin ? nil : self.newest(of: metadata.clusterID, now))
        if let end = archive?.position.index {
            do throws(WALError) {
                self.follower = try LogFollower(log, after: end, disk: self.disk)
            } catch {
                guard error.code == .missingSegment else { throw error }
                self.began = "the log was purged beyond entry \(end), where the archive ends"
                try archive?.close()
                archive = nil
            }
        }
        let open = try archive ?? self.begin(log, contents, metadata, now)
        if archive == nil { self.follower = try LogFollower(log, after: open.position.index, disk: self.disk) }
        (self.archive, self.source, self.mustBegin) = (open, log, false)
        self.entries = CommittedEntries(after: open.position)
    }

    private func newest(of clusterID: UInt64, _ now: Timestamp) throws -> OpenArchive? {
        let archives = try ArchiveLocation.list(self.root, self.disk).filter { $0.clusterID == clusterID }
        guard let last = archives.max(by: { $0.base < $1.base }) else { return nil }
        return try OpenArchive(resuming: last, of: self.cluster, in: self.root, self.disk, self.settings, now)
    }

    /// Begins an archive at the oldest snapshot that the log still goes on from.
    private func begin(
        _ log: String, _ contents: LogContents, _ metadata: WALMetadata, _ now: Timestamp
    ) throws -> OpenArchive {
        let first = try LogReader.segments(log, disk: self.disk)[0].index
        let known = try ArchiveLocation.list(self.root, self.disk)
        let base = contents.validSnapshots.first { snapshot in
            snapshot.index + 1 >= first && !known.contains(ArchiveLocation(clusterID: metadata.clusterID, base: snapshot.index))
        }
        guard let base else {
            throw ArchiveError("\(log): the log has no snapshot yet from which an archive could begin")
        }
        return try OpenArchive(
            beginning: ArchiveLocation(clusterID: metadata.clusterID, base: base.index), after: base, metadata,
            of: self.cluster, in: self.root, self.disk, self.settings, now)
    }
}

/// Why an archive does not go on just now: a sentence that names the file.
public struct ArchiveError: Error, Hashable, CustomStringConvertible {
    public var message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String { self.message }
}

extension CommittedEntries.Break {
    var reason: String {
        switch self {
        case .gap(let from, let to): "entries \(from) to \(to) are in no segment that is left"
        case .fork(let index, let term, let found):
            "entry \(index) is of term \(found), but was archived as one of term \(term)"
        }
    }
}
