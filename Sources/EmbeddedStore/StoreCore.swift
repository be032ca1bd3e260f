internal import EtcdWire
internal import Platform
internal import Store
internal import WriteAheadLog

/// The store, its database and its log, as a synchronous machine: a batch of requests becomes entries, one write and one
/// sync of the log; then they are applied, and only then are there answers. Now and then the database is committed, and more
/// rarely the log cut. Takes no clock and starts nothing, so that a test can drive it over a simulated disk and stop it
/// anywhere.
///
/// In `directory`: `member/wal` and `member/snap/db`, as etcd has them, and a `lock`.
struct StoreCore: ~Copyable {
    typealias Operation = InternalRaftRequest.Operation

    /// A one-member log has no elections.
    static let term: UInt64 = 1
    /// The log is kept from the oldest of so many snapshots on.
    static let keptSnapshots = 2
    /// Keys looked at, or rows removed, in one step of a compaction.
    private static let compactionShare = 2000

    private(set) var store: Store
    private var database: Database
    private let log: WriteAheadLog
    private let snapshots: SnapshotFiles
    private let lock: any DiskFile
    private let configuration: EmbeddedStoreConfiguration
    /// Where the log was cut, oldest first.
    private var cuts: [UInt64]
    private var bytesSinceCut = 0
    private let memberID: UInt64

    init(_ parts: consuming Parts, _ configuration: EmbeddedStoreConfiguration) {
        self.memberID = parts.store.options.memberID
        (self.log, self.snapshots, self.lock, self.cuts) = (parts.log, parts.snapshots, parts.lock, parts.cuts)
        self.database = parts.database
        self.store = parts.store
        self.configuration = configuration
    }

    /// Makes a batch durable and applies it: one write, one sync. The answers come in the order of the requests. After an
    /// error nothing of the batch may be acknowledged, and the core must not be used again.
    mutating func commit(
        _ operations: [Operation], uptime: Duration
    ) throws(EmbeddedStoreError) -> [Store.ApplyResult] {
        var results: [Store.ApplyResult?] = Array(repeating: nil, count: operations.count)
        var entries: [RaftEntry] = []
        var accepted: [(place: Int, request: InternalRaftRequest)] = []
        let applied = self.store.appliedIndex
        for (place, operation) in operations.enumerated() {
            let index = applied + UInt64(entries.count) + 1
            let request = InternalRaftRequest(operation: operation, header: RequestHeader(id: index))
            switch self.entryData(request) {
            case .success(let data):
                entries.append(RaftEntry(term: Self.term, index: index, data: data))
                accepted.append((place, request))
                self.bytesSinceCut += data.count
            case .failure(let error):
                results[place] = .failure(error)
            }
        }
        if !entries.isEmpty {
            // All before this batch is durable: the next reader can tell damage to it from a torn write of this batch.
            let state = HardState(term: Self.term, vote: self.memberID, commit: applied)
            try self.onLog { () throws(WALError) in try self.log.append(entries, state) }
        }
        for (offset, (place, request)) in accepted.enumerated() {
            results[place] = self.store.apply(
                request, index: applied + UInt64(offset) + 1, term: Self.term, uptime: uptime)
        }
        try self.checkStore()
        // Each place was given either a refusal above or an answer just now.
        return results.map { $0! }
    }

    private func entryData(_ request: InternalRaftRequest) -> Result<[UInt8], StoreError> {
        do throws(StoreError) {
            if let operation = request.operation { try self.store.validate(operation) }
        } catch {
            return .failure(error)
        }
        let data = request.encoded()
        return data.count > self.configuration.maximumRequestBytes ? .failure(.requestTooLarge) : .success(data)
    }

    /// A store that could not read or write its rows must not be committed.
    private func checkStore() throws(EmbeddedStoreError) {
        guard let failure = self.store.failure else { return }
        throw EmbeddedStoreError(.corrupt, "\(self.database.path): \(failure.message)")
    }

    // MARK: Housekeeping

    /// Whether there is something left to do while nobody asks for anything.
    var hasWork: Bool { self.store.isCompacting }

    /// Does a share of what may wait: goes on with a compaction, commits the database, cuts the log.
    mutating func keepHouse(uptime: Duration) throws(EmbeddedStoreError) {
        if self.store.isCompacting {
            try? self.store.compactionStep(limit: Self.compactionShare)
            try self.checkStore()
        }
        if self.wantsSnapshot {
            try self.snapshot(uptime: uptime)
        } else if self.database.wantsCommit(self.configuration, uptime: uptime) {
            try self.commitDatabase(uptime: uptime)
        }
    }

    private var wantsSnapshot: Bool {
        let entries = self.store.appliedIndex - (self.cuts.last ?? 0)
        return entries >= UInt64(self.configuration.snapshotEntries) || self.bytesSinceCut >= self.configuration.snapshotBytes
    }

    private mutating func commitDatabase(uptime: Duration) throws(EmbeddedStoreError) {
        do throws(DatabaseError) { try self.database.commit(self.store, uptime: uptime) } catch {
            throw EmbeddedStoreError(error)
        }
    }

    /// Commits the database, notes in the log that it is applied up to here, and lets go of the log before the snapshot
    /// before this one. As in etcd, the file that goes with the note holds the members alone.
    mutating func snapshot(uptime: Duration) throws(EmbeddedStoreError) {
        try self.commitDatabase(uptime: uptime)
        let index = self.store.appliedIndex
        guard index > self.cuts.last ?? 0 else { return }
        let members = ConfState(voters: [self.memberID])
        let metadata = RaftSnapshotMetadata(confState: members, index: index, term: self.store.appliedTerm)
        let tree = self.store.v2Membership().json()
        self.cuts = (self.cuts + [index]).suffix(Self.keptSnapshots)
        let oldest = self.cuts.count == Self.keptSnapshots ? self.cuts[0] : 0
        try self.onLog { () throws(WALError) in
            try self.snapshots.save(RaftSnapshot(data: tree, metadata: metadata))
            // A snapshot counts once the log's commit index covers it.
            try self.log.append([], HardState(term: Self.term, vote: self.memberID, commit: index))
            try self.log.append(WALSnapshot(index: index, term: metadata.term, confState: members))
            try self.log.cut()
            guard oldest > 0 else { return }
            try self.log.purge(before: oldest)
            try self.snapshots.purge(before: oldest)
        }
        self.bytesSinceCut = 0
    }

    /// Ends the core. All is durable already; what the database lacks of it is committed if that is to be had, so that the
    /// next start is quick.
    consuming func close(uptime: Duration) throws(EmbeddedStoreError) {
        try self.commitDatabase(uptime: uptime)
        try self.abandon()
    }

    /// Ends the core as it is: after an error nothing more may be written.
    consuming func abandon() throws(EmbeddedStoreError) {
        let (log, lock) = (self.log, self.lock)
        do throws(DatabaseError) { try self.database.close() } catch { throw EmbeddedStoreError(error) }
        do throws(WALError) {
            try log.close()
            try onDisk { () throws(DiskError) in try lock.close() }
        } catch {
            throw EmbeddedStoreError(error)
        }
    }

    private func onLog(_ body: () throws(WALError) -> Void) throws(EmbeddedStoreError) {
        do throws(WALError) { try body() } catch { throw EmbeddedStoreError(error) }
    }

    /// Reads, and changes that are not of the log (watches, renewals of leases).
    mutating func withStore<Value>(_ body: (inout Store) -> Value) -> Value {
        body(&self.store)
    }
}

func onDisk<Value>(_ body: () throws(DiskError) -> Value) throws(WALError) -> Value {
    do throws(DiskError) {
        return try body()
    } catch {
        throw WALError(.disk, error.path, "\(error.operation): \(error.reason)")
    }
}
