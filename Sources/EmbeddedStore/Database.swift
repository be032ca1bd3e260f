internal import Bolt
internal import Platform
internal import Store

/// Why the database cannot be opened, read or written.
struct DatabaseError: Error {
    var message: String
    /// Whether it is the disk's fault, and not what is on it.
    var isOfDisk = false
}

/// The store's rows in a bbolt file, committed in a rhythm of their own: every change is durable in the log before.
struct Database: ~Copyable {
    let path: String
    let backend: BoltBackend
    /// When the last commit was.
    private var committed: Duration

    /// Opens the file, or makes it.
    static func open(_ path: String, disk: any Disk, uptime: Duration) throws(DatabaseError) -> Database {
        do throws(BoltError) {
            let database = try BoltDatabase.open(path, disk: disk)
            do throws(StoreError) {
                return Database(path: path, backend: try BoltBackend(database), committed: uptime)
            } catch {
                try database.close()
                throw BoltError(file: path, offset: 0, what: error.message)
            }
        } catch {
            throw DatabaseError(message: error.description, isOfDisk: error.cause != nil)
        }
    }

    /// Whether enough has changed since the last commit, or it was long ago.
    func wantsCommit(_ configuration: EmbeddedStoreConfiguration, uptime: Duration) -> Bool {
        guard self.backend.changes > 0 else { return false }
        return self.backend.changes >= configuration.commitRows || self.backend.changedBytes >= configuration.commitBytes
            || uptime - self.committed >= configuration.commitInterval
    }

    /// Makes durable what the store has put, and with it how far the log is applied.
    mutating func commit(_ store: borrowing Store, uptime: Duration) throws(DatabaseError) {
        self.committed = uptime
        do throws(StoreError) {
            try store.prepareCommit()
            try self.backend.commit()
        } catch {
            throw DatabaseError(message: error.message, isOfDisk: store.failure == nil)
        }
    }

    func close() throws(DatabaseError) {
        do throws(StoreError) { try self.backend.close() } catch {
            throw DatabaseError(message: error.message, isOfDisk: true)
        }
    }
}
