internal import Platform

/// The threads of all stores. What takes long has one of its own, so that lists do not wait for it.
enum BackupThreads {
    /// For what must not come between one another: lists, removals, and giving a snapshot its name.
    static let store = WorkerThread(named: "backups")
    /// For snapshots on their way in.
    static let writer = WorkerThread(named: "backups.write")
    /// For reading large files again.
    static let reader = WorkerThread(named: "backups.read")
}
