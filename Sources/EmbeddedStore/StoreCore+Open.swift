internal import EtcdWire
internal import Platform
internal import Store
internal import WriteAheadLog

extension StoreCore {
    /// What an open store consists of.
    struct Parts: ~Copyable {
        var store: Store
        var database: Database
        let log: WriteAheadLog
        let snapshots: SnapshotFiles
        let lock: any DiskFile
        let cuts: [UInt64]
    }

    /// Opens the store in a directory, or makes one there. Everything acknowledged before is in it; what was in flight at a
    /// crash is there whole or not at all. The database holds the entries up to its consistent index, the log those after.
    static func open(
        directory: String, disk: any Disk, configuration: EmbeddedStoreConfiguration, uptime: Duration
    ) throws(EmbeddedStoreError) -> StoreCore {
        let place = Place(directory: directory, disk: disk)
        let (lock, hasLog): (any DiskFile, Bool)
        do throws(WALError) {
            lock = try place.lock()
            hasLog = try place.isThere(place.log)
            if !hasLog { try place.checkThatNew() }
            if hasLog { try place.checkThatCurrent() }
        } catch {
            throw EmbeddedStoreError(error)
        }
        return try hasLog
            ? self.reopen(place, lock, configuration, uptime) : self.create(place, lock, configuration, uptime)
    }

    /// The log is made first: where it is without a database, the database is made of it.
    private static func create(
        _ place: Place, _ lock: any DiskFile, _ configuration: EmbeddedStoreConfiguration, _ uptime: Duration
    ) throws(EmbeddedStoreError) -> StoreCore {
        let identity = configuration.identity ?? (.random(in: 1 ... .max), .random(in: 1 ... .max))
        let metadata = WALMetadata(nodeID: identity.memberID, clusterID: identity.clusterID)
        let log: WriteAheadLog
        do throws(WALError) {
            log = try WriteAheadLog.create(
                place.log, metadata: metadata.encoded(), disk: place.disk, configuration: configuration.log)
        } catch {
            throw EmbeddedStoreError(error)
        }
        let database = try self.openDatabase(place, uptime)
        let store = try self.openStore(database, metadata, configuration, uptime)
        let parts = Parts(store: store, database: database, log: log, snapshots: place.snapshots, lock: lock, cuts: [])
        return StoreCore(parts, configuration)
    }

    private static func reopen(
        _ place: Place, _ lock: any DiskFile, _ configuration: EmbeddedStoreConfiguration, _ uptime: Duration
    ) throws(EmbeddedStoreError) -> StoreCore {
        let summary: LogContents
        do throws(WALError) {
            summary = try LogReader.read(place.log, disk: place.disk, configuration: configuration.log)
        } catch {
            throw EmbeddedStoreError(error)
        }
        guard let metadata = try? WALMetadata(decoding: summary.metadata) else {
            throw EmbeddedStoreError(.corrupt, "\(place.log): the log's metadata is malformed")
        }
        let database = try self.openDatabase(place, uptime)
        var store = try self.openStore(database, metadata, configuration, uptime)
        let known = summary.validSnapshots.filter { $0.index <= store.appliedIndex }
        guard let start = known.last else {
            let message = "the database holds the entries up to \(store.appliedIndex), and the log does not go back to them"
            throw EmbeddedStoreError(.corrupt, "\(place.database): \(message)")
        }
        do throws(WALError) {
            let (log, contents) = try WriteAheadLog.open(
                place.log, after: start, disk: place.disk, configuration: configuration.log)
            guard contents.lastIndex >= store.appliedIndex else {
                let message = "the log ends with entry \(contents.lastIndex), but the database holds those up to"
                throw WALError(.corrupt, place.log, "\(message) \(store.appliedIndex): its end is damaged")
            }
            try self.replay(contents.entries, into: &store, place.log, uptime)
            store.renewLeases(uptime: uptime)
            let cuts = Array(known.map(\.index).filter { $0 > 0 }.suffix(Self.keptSnapshots))
            let parts = Parts(
                store: store, database: database, log: log, snapshots: place.snapshots, lock: lock, cuts: cuts)
            return StoreCore(parts, configuration)
        } catch {
            throw EmbeddedStoreError(error)
        }
    }

    private static func openDatabase(_ place: Place, _ uptime: Duration) throws(EmbeddedStoreError) -> Database {
        do throws(DatabaseError) {
            return try Database.open(place.database, disk: place.disk, uptime: uptime)
        } catch {
            throw EmbeddedStoreError(error)
        }
    }

    private static func openStore(
        _ database: borrowing Database, _ metadata: WALMetadata, _ configuration: EmbeddedStoreConfiguration, _ uptime: Duration
    ) throws(EmbeddedStoreError) -> Store {
        let options = Store.Options(
            clusterID: metadata.clusterID, memberID: metadata.nodeID, minimumLeaseTTL: configuration.minimumLeaseTTL)
        do throws(StoreError) {
            return try Store(backend: database.backend, options: options, uptime: uptime)
        } catch {
            throw EmbeddedStoreError(.corrupt, "\(database.path): \(error.message)")
        }
    }

    private static func replay(
        _ entries: [RaftEntry], into store: inout Store, _ log: String, _ uptime: Duration
    ) throws(WALError) {
        for entry in entries {
            _ = store.apply(entry, uptime: uptime)
            if let failure = store.failure {
                throw WALError(.corrupt, log, "the entry at index \(entry.index) cannot be applied: \(failure.message)")
            }
        }
    }
}

/// A store's directory.
private struct Place {
    let directory: String
    let disk: any Disk

    var log: String { "\(self.directory)/member/wal" }
    var database: String { "\(self.directory)/member/snap/db" }
    var snapshots: SnapshotFiles { SnapshotFiles("\(self.directory)/member/snap", disk: self.disk) }

    func lock() throws(WALError) -> any DiskFile {
        let lock = try onDisk { () throws(DiskError) in
            try self.disk.makeDirectory(self.snapshots.directory)
            return try self.disk.open("\(self.directory)/lock", .create)
        }
        guard try onDisk({ () throws(DiskError) in try lock.tryLock() }) else {
            throw WALError(.locked, self.directory, "the store is in use by another process")
        }
        return lock
    }

    func isThere(_ path: String) throws(WALError) -> Bool {
        try onDisk { () throws(DiskError) in try self.disk.stat(path) != nil }
    }

    /// A directory without a log may have nothing that a log once spoke of.
    func checkThatNew() throws(WALError) {
        if try self.isThere(self.database) {
            throw WALError(.notFound, self.log, "the log is missing, though there is a database")
        }
        if let file = try self.snapshots.list().last {
            throw WALError(.notFound, self.log, "the log is missing, though there is a snapshot at index \(file.index)")
        }
    }

    /// Versions before there was a database kept the whole store in `.snap` files.
    func checkThatCurrent() throws(WALError) {
        guard try !self.isThere(self.database), let file = try self.snapshots.list().last else { return }
        throw WALError(
            .notFound, self.database,
            "the database is missing, though there is a snapshot at index \(file.index); if the store was written by a version "
                + "that kept its state in .snap files, this version cannot read it: move the directory aside")
    }
}
