internal import Bolt
internal import EtcdWire
internal import Platform
internal import Raft
internal import Store
internal import WriteAheadLog

/// What a member keeps in its data directory, as etcd lays it out: `member/wal`, `member/snap/db` and `member/snap/*.snap`.
final class MemberFiles {
    private let log: WriteAheadLog
    private let snapshots: SnapshotFiles
    private(set) var backend: BoltBackend
    private let place: MemberPlace
    let quotaBytes: Int64
    /// The log can be read from here on.
    private var lastSnapshot: UInt64
    /// Bytes of the entries applied since then.
    private var bytesSinceSnapshot = 0
    private var committedAt: Duration
    private var hardState: HardState

    /// Rows, bytes and time after which the database is committed. What is not committed is in the log.
    private static let (commitRows, commitBytes, commitInterval) = (20_000, 16_000_000, Duration.seconds(5))

    init(
        log: WriteAheadLog, place: MemberPlace, backend: BoltBackend, quotaBytes: Int64, lastSnapshot: UInt64,
        hardState: HardState, uptime: Duration
    ) {
        (self.log, self.place, self.snapshots, self.backend) = (log, place, place.snapshots, backend)
        // etcd's default quota is 2 GiB; less than nothing is none.
        self.quotaBytes = quotaBytes == 0 ? 2 << 30 : quotaBytes < 0 ? .max : quotaBytes
        (self.lastSnapshot, self.committedAt, self.hardState) = (lastSnapshot, uptime, hardState)
    }

    var sizeBytes: Int64 { self.backend.sizeBytes }
    var inUseBytes: Int64 { self.backend.inUseBytes }

    /// Makes entries and the hard state durable: one write, one sync.
    func append(_ entries: ArraySlice<RaftEntry>, _ state: HardState?) throws(MemberError) {
        if let state { self.hardState = state }
        try self.onLog { () throws(WALError) in try self.log.append(Array(entries), state) }
    }

    // MARK: Database

    func commitIfDue(_ store: borrowing Store, uptime: Duration) throws(MemberError) {
        guard self.backend.changes > 0 else { return }
        let isDue =
            self.backend.changes >= Self.commitRows || self.backend.changedBytes >= Self.commitBytes
            || uptime - self.committedAt >= Self.commitInterval
        if isDue { try self.commit(store, uptime: uptime) }
    }

    func commit(_ store: borrowing Store, uptime: Duration) throws(MemberError) {
        self.committedAt = uptime
        do throws(StoreError) {
            try store.prepareCommit()
            try self.backend.commit()
        } catch {
            throw MemberError(.disk, error.message)
        }
    }

    /// Rewrites the database without its free pages. Nothing else is done meanwhile.
    func defragment(_ store: borrowing Store, uptime: Duration) throws(StoreError) {
        self.committedAt = uptime
        try store.prepareCommit()
        try self.backend.defragment()
    }

    // MARK: Snapshots

    func noteApplied(_ entry: RaftEntry) { self.bytesSinceSnapshot += entry.data.count }

    func wantsSnapshot(_ applied: UInt64, _ configuration: MemberConfiguration) -> Bool {
        applied - self.lastSnapshot >= configuration.snapshotCount || self.bytesSinceSnapshot >= configuration.snapshotBytes
    }

    /// Commits the database and notes that the log need not be read from before here.
    func snapshot(
        _ store: borrowing Store, _ storage: MemoryStorage, _ configuration: MemberConfiguration
    ) throws(MemberError) {
        try self.commit(store, uptime: self.committedAt)
        let index = store.appliedIndex
        let (tree, members) = (store.v2Membership().json(), store.confState)
        storage.createSnapshot(at: index, confState: members, data: tree)
        guard let snapshot = storage.snapshot() else { return }
        try self.onLog { () throws(WALError) in
            try self.snapshots.save(snapshot)
            // It counts once the log's commit index covers it.
            try self.log.append([], self.hardState)
            try self.log.append(WALSnapshot(index: index, term: snapshot.metadata.term, confState: members))
            if configuration.maximumSnapshots > 0 { try self.snapshots.purge(keeping: configuration.maximumSnapshots) }
            if configuration.maximumLogs > 0 { try self.log.purge(before: index, keeping: configuration.maximumLogs) }
        }
        (self.lastSnapshot, self.bytesSinceSnapshot) = (index, 0)
        storage.compact(
            through: index, keeping: configuration.snapshotCatchUpEntries, bytes: configuration.snapshotCatchUpBytes)
    }

    /// Notes that a leader's state is to be this member's. Its database has come before.
    func save(_ snapshot: RaftSnapshot) throws(MemberError) {
        let metadata = snapshot.metadata
        try self.onLog { () throws(WALError) in
            try self.snapshots.save(snapshot)
            try self.log.append(WALSnapshot(index: metadata.index, term: metadata.term, confState: metadata.confState))
        }
        (self.lastSnapshot, self.bytesSinceSnapshot) = (metadata.index, 0)
    }

    /// Goes on with the database that came with a leader's state. ``save(_:)`` was called, and the hard state that covers
    /// it is in the log: a crash in here is mended when the member is opened again.
    func install(_ snapshot: RaftSnapshot) throws(MemberError) -> BoltBackend {
        // Without the commit index the snapshot would not count, and the log would end before the database.
        try self.onLog { () throws(WALError) in try self.log.sync() }
        self.backend = try self.place.takeReceived(snapshot.metadata.index, instead: self.backend)
        return self.backend
    }

    func close() throws(MemberError) {
        do throws(StoreError) { try self.backend.close() } catch { throw MemberError(.disk, error.message) }
        try self.onLog { () throws(WALError) in try self.log.close() }
    }

    private func onLog(_ body: () throws(WALError) -> Void) throws(MemberError) {
        do throws(WALError) { try body() } catch { throw MemberError(error) }
    }
}

extension MemberError {
    init(_ error: WALError) {
        let code: Code =
            switch error.code {
            case .disk: .disk
            case .locked: .locked
            default: .corrupt
            }
        self.init(code, error.description)
    }
}
