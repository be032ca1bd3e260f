internal import EtcdWire
internal import Platform
internal import Store
internal import WriteAheadLog

/// The store and its log as one synchronous machine: a batch of requests becomes entries, one write and one sync; then they
/// are applied, and only then are there answers. Takes no clock and starts nothing, so that a test can drive it over a
/// simulated disk and stop it anywhere.
///
/// In `directory`: `member/wal` and `member/snap`, as etcd has them, and a `lock`.
struct StoreCore: ~Copyable {
    typealias Operation = InternalRaftRequest.Operation

    /// A one-member log has no elections.
    static let term: UInt64 = 1
    /// How many states are kept. The log is kept from the oldest of them on, so that the newest can be done without.
    static let keptSnapshots = 2

    private(set) var store: Store
    private let log: WriteAheadLog
    private let snapshots: SnapshotFiles
    private let lock: any DiskFile
    private let configuration: EmbeddedStoreConfiguration
    /// The states on disk, oldest first.
    private var saved: [UInt64]
    private var savedBytes = 0
    private var bytesSinceSaved = 0
    private let memberID: UInt64

    // MARK: Opening

    /// Opens the store in a directory, or makes one there. Everything acknowledged before is in it; what was in flight at a
    /// crash is there whole or not at all.
    static func open(
        directory: String, disk: any Disk, configuration: EmbeddedStoreConfiguration, uptime: Duration
    ) throws(EmbeddedStoreError) -> StoreCore {
        do throws(WALError) {
            return try self.open(directory, disk, configuration, uptime)
        } catch {
            throw EmbeddedStoreError(error)
        }
    }

    private init(
        _ store: consuming Store, _ log: WriteAheadLog, _ snapshots: SnapshotFiles, _ lock: any DiskFile,
        _ configuration: EmbeddedStoreConfiguration, saved: [UInt64]
    ) {
        self.memberID = store.options.memberID
        self.store = store
        (self.log, self.snapshots, self.lock, self.configuration) = (log, snapshots, lock, configuration)
        self.saved = saved
    }

    private static func open(
        _ directory: String, _ disk: any Disk, _ configuration: EmbeddedStoreConfiguration, _ uptime: Duration
    ) throws(WALError) -> StoreCore {
        let wal = "\(directory)/member/wal"
        let snapshots = SnapshotFiles("\(directory)/member/snap", disk: disk)
        let (lock, hasLog) = try onDisk { () throws(DiskError) in
            try disk.makeDirectory(snapshots.directory)
            return (try disk.open("\(directory)/lock", .create), try disk.stat(wal) != nil)
        }
        guard try onDisk({ () throws(DiskError) in try lock.tryLock() }) else {
            throw WALError(.locked, directory, "the store is in use by another process")
        }
        let files = try snapshots.list()
        guard hasLog else {
            if let file = files.last {
                throw WALError(.notFound, wal, "the log is missing, though there is a state at index \(file.index)")
            }
            let identity = configuration.identity ?? (.random(in: 1 ... .max), .random(in: 1 ... .max))
            let metadata = WALMetadata(nodeID: identity.memberID, clusterID: identity.clusterID)
            let log = try WriteAheadLog.create(wal, metadata: metadata.encoded(), disk: disk, configuration: configuration.log)
            let store = Store(options: self.options(metadata, configuration))
            return StoreCore(store, log, snapshots, lock, configuration, saved: [])
        }
        let summary = try LogReader.read(wal, disk: disk, configuration: configuration.log)
        guard let metadata = try? WALMetadata(decoding: summary.metadata) else {
            throw WALError(.corrupt, wal, "the log's metadata is malformed")
        }
        let options = self.options(metadata, configuration)
        let (start, state) = try self.newestState(summary.validSnapshots, snapshots)
        var store = try self.restore(state, options, uptime, snapshots.directory)
        let (log, contents) = try WriteAheadLog.open(wal, after: start, disk: disk, configuration: configuration.log)
        try self.replay(contents.entries, into: &store, wal, uptime)
        store.renewLeases(uptime: uptime)
        let known = summary.validSnapshots.map(\.index)
        let saved = files.map(\.index).filter { $0 > 0 && known.contains($0) }
        return StoreCore(store, log, snapshots, lock, configuration, saved: saved)
    }

    private static func options(_ metadata: WALMetadata, _ configuration: EmbeddedStoreConfiguration) -> Store.Options {
        Store.Options(
            clusterID: metadata.clusterID, memberID: metadata.nodeID, minimumLeaseTTL: configuration.minimumLeaseTTL)
    }

    /// The newest state that is whole. An older one does as well, as long as the log goes back to it.
    private static func newestState(
        _ candidates: [WALSnapshot], _ snapshots: SnapshotFiles
    ) throws(WALError) -> (start: WALSnapshot, state: [UInt8]?) {
        var problem: WALError?
        for candidate in candidates.reversed() {
            if candidate.index == 0 { return (candidate, nil) }
            do throws(WALError) {
                return (candidate, try snapshots.load(candidate).data)
            } catch {
                problem = problem ?? error
            }
        }
        throw problem ?? WALError(.snapshotNotFound, snapshots.directory, "the log names no state to start from")
    }

    private static func restore(
        _ state: [UInt8]?, _ options: Store.Options, _ uptime: Duration, _ directory: String
    ) throws(WALError) -> Store {
        guard let state else { return Store(options: options) }
        do throws(CheckpointError) {
            return try Store(checkpoint: state, options: options, uptime: uptime)
        } catch {
            throw WALError(.corrupt, directory, error.description)
        }
    }

    private static func replay(
        _ entries: [RaftEntry], into store: inout Store, _ wal: String, _ uptime: Duration
    ) throws(WALError) {
        for entry in entries where entry.index > store.appliedIndex {
            guard entry.kind == .normal, let request = try? InternalRaftRequest(decoding: entry.data) else {
                throw WALError(.corrupt, wal, "the entry at index \(entry.index) is not a request")
            }
            _ = store.apply(request, index: entry.index, term: entry.term, uptime: uptime)
        }
    }

    // MARK: Running

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
                self.bytesSinceSaved += data.count
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

    /// Whether enough was logged since the last state was written. A state is not written again before the log has grown by
    /// a fair part of its size, or a large store would do little else.
    var wantsCheckpoint: Bool {
        let entries = self.store.appliedIndex - (self.saved.last ?? 0)
        let isLong = entries >= UInt64(self.configuration.checkpointEntries) && self.bytesSinceSaved >= self.savedBytes / 2
        return isLong || self.bytesSinceSaved >= max(self.configuration.checkpointBytes, self.savedBytes)
    }

    /// Writes the whole state durably, notes it in the log, and lets go of the log before the state before it.
    mutating func checkpoint() throws(EmbeddedStoreError) {
        let index = self.store.appliedIndex
        guard index > self.saved.last ?? 0 else { return }
        let members = ConfState(voters: [self.memberID])
        let metadata = RaftSnapshotMetadata(confState: members, index: index, term: self.store.appliedTerm)
        let state = self.store.checkpoint()
        self.saved.append(index)
        let oldest = self.saved.suffix(Self.keptSnapshots).first ?? 0
        let canPurge = self.saved.count >= Self.keptSnapshots
        try self.onLog { () throws(WALError) in
            try self.snapshots.save(RaftSnapshot(data: state, metadata: metadata))
            // A state counts as written once the log's commit index covers it.
            try self.log.append([], HardState(term: Self.term, vote: self.memberID, commit: index))
            try self.log.append(WALSnapshot(index: index, term: metadata.term, confState: members))
            try self.log.cut()
            guard canPurge else { return }
            try self.log.purge(before: oldest)
            try self.snapshots.purge(before: oldest)
        }
        self.saved = self.saved.suffix(Self.keptSnapshots)
        (self.savedBytes, self.bytesSinceSaved) = (state.count, 0)
    }

    /// Ends the core; all is durable already.
    consuming func close() throws(EmbeddedStoreError) {
        let (log, lock) = (self.log, self.lock)
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

private func onDisk<Value>(_ body: () throws(DiskError) -> Value) throws(WALError) -> Value {
    do throws(DiskError) {
        return try body()
    } catch {
        throw WALError(.disk, error.path, "\(error.operation): \(error.reason)")
    }
}
