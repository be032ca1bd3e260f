internal import Bolt
internal import EtcdWire
package import Platform
internal import Raft
internal import Store
internal import WriteAheadLog

/// What an open member consists of.
package struct MemberParts: ~Copyable {
    var store: Store
    var raft: RaftNode
    let storage: MemoryStorage
    let files: MemberFiles
    let identity: MemberIdentity
    /// Where the ids of this run's requests begin.
    let firstRequestID: UInt64

    /// What a run of a member is given from outside, so that a run can be repeated.
    package struct Circumstances {
        /// Decides the election timeouts.
        package var seed: UInt64
        /// A date, or whatever else is above that of any earlier run: request ids begin there.
        package var firstRequestID: UInt64
        package var uptime: Duration

        package init(seed: UInt64, firstRequestID: UInt64, uptime: Duration) {
            (self.seed, self.firstRequestID, self.uptime) = (seed, firstRequestID, uptime)
        }
    }

    /// Opens a member's data directory, or begins a new member of a new cluster in it.
    ///
    /// - Parameter joining: The cluster that a new member joins; nil: it begins one.
    /// - Throws: ``MemberError``. What is on the disk stays as it is.
    package static func open(
        _ configuration: MemberConfiguration, joining: ClusterToJoin? = nil, disk: any Disk, _ circumstances: Circumstances
    ) throws(MemberError) -> MemberParts {
        let place = MemberPlace(configuration, disk)
        if try place.isThere(place.log) { return try self.reopen(place, configuration, circumstances) }
        guard try !place.isThere(place.database) else {
            throw MemberError(
                .corrupt, "\(place.log): the log is missing, though there is a database; quorate inspect tells more")
        }
        if let joining { return try self.join(joining, place, configuration, circumstances) }
        return try self.begin(place, configuration, circumstances)
    }
}

/// Where a member's files are.
struct MemberPlace {
    let log: String
    let snapshots: SnapshotFiles
    let database: String
    let disk: any Disk
    let logConfiguration: WALConfiguration

    init(_ configuration: MemberConfiguration, _ disk: any Disk) {
        let member = configuration.dataDirectory + "/member"
        self.log = configuration.walDirectory.isEmpty ? member + "/wal" : configuration.walDirectory
        self.snapshots = SnapshotFiles(member + "/snap", disk: disk)
        self.database = member + "/snap/db"
        self.disk = disk
        self.logConfiguration = WALConfiguration(segmentBytes: configuration.segmentBytes)
    }

    func isThere(_ path: String) throws(MemberError) -> Bool {
        do throws(DiskError) { return try self.disk.stat(path) != nil } catch { throw MemberError(.disk, error.description) }
    }

    func makeDirectories() throws(MemberError) {
        do throws(DiskError) { try self.disk.makeDirectory(self.snapshots.directory) } catch {
            throw MemberError(.disk, error.description)
        }
    }

    /// Puts the database that a leader sent in the place of the member's own.
    func takeReceived(_ index: UInt64, instead backend: BoltBackend) throws(MemberError) -> BoltBackend {
        do throws(StoreError) { try backend.close() } catch { throw MemberError(.disk, error.message) }
        do throws(DiskError) {
            try self.disk.rename(self.snapshots.receivedDatabasePath(index), to: self.database)
            try self.disk.syncDirectory(self.snapshots.directory)
        } catch {
            throw MemberError(.disk, error.description)
        }
        return try self.openDatabase()
    }

    func openDatabase() throws(MemberError) -> BoltBackend {
        let database: BoltDatabase
        do throws(BoltError) { database = try BoltDatabase.open(self.database, disk: self.disk) } catch {
            throw MemberError(error.cause == nil ? .corrupt : .disk, error.description)
        }
        do throws(StoreError) { return try BoltBackend(database) } catch { throw MemberError(.corrupt, error.message) }
    }
}
