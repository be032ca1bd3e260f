internal import Bolt
internal import EtcdWire
internal import Platform
internal import Store

/// The store as a replay's engine: what members run, over a copy of one's database.
final class StoreReplay: ReplayEngine {
    private let path: String
    private let backend: BoltBackend
    private let staleRevokes: StaleRevokes
    private var store: Store

    /// - Parameter path: The database; made where it is not there.
    init(_ path: String, disk: any Disk, staleRevokes: StaleRevokes) throws(RecoveryError) {
        (self.path, self.staleRevokes) = (path, staleRevokes)
        let database = try inDatabase { () throws(BoltError) in try BoltDatabase.open(path, disk: disk) }
        do throws(StoreError) {
            self.backend = try BoltBackend(database)
            // Members accepted these entries, whatever their limits were, and asked for fewer permissions.
            self.store = try Store(backend: self.backend, options: .init(maximumTxnOps: .max, checksAllOfTxn: false))
        } catch {
            throw RecoveryError(.damaged, path, error.message)
        }
    }

    var revision: Int64 { self.store.revision }

    func apply(_ entry: RaftEntry, _ content: EntryContent?) throws(RecoveryError) {
        var content = content
        if case .request(let request)? = content, case .leaseRevoke(let revoke) = request.operation,
            self.store.isRefusedByOlderReleases(request),
            try self.staleRevokes.isRefused(revoke.id, at: entry.index)
        {
            content = .nothing
        }
        let result = content.map { self.store.apply(entry, $0, uptime: .zero) } ?? self.store.apply(entry, uptime: .zero)
        guard case .failure(let error) = result else { return }
        if error.isFatal { throw RecoveryError(.damaged, self.path, "entry \(entry.index): \(error.message)") }
        // A request that a member refused is refused here too; but one that is not understood was carried out there.
        if error == .unknownRequest {
            throw RecoveryError(
                .refused, self.path,
                "entry \(entry.index) asks for what this release does not know; restore to a point before it, or with a newer "
                    + "release")
        }
    }

    func commit() throws(RecoveryError) {
        do throws(StoreError) {
            try self.store.finishCompaction()
            try self.store.prepareCommit()
            try self.backend.commit()
        } catch {
            throw RecoveryError(.damaged, self.path, error.message)
        }
    }

    func close() throws(RecoveryError) {
        do throws(StoreError) { try self.backend.close() } catch { throw RecoveryError(.disk, self.path, error.message) }
    }
}
