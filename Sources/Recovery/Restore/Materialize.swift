internal import EtcdWire
internal import Platform

/// Makes the database that a plan comes to, and nothing around it: for looking at it.
struct Materialize {
    let evidence: RestoreEvidence
    let plan: RestorePlan
    let disk: any Disk
    let progress: ProgressReport?

    /// - Parameter path: Where it is made; nothing is there.
    func run(to path: String) throws(RecoveryError) -> (file: DatabaseFile, revision: Int64) {
        var index: UInt64 = 0
        var revision: Int64 = 1
        switch self.plan.base {
        case .unreachable(let what): throw RecoveryError(.unreachable, "", what)
        case .replay(let base), .rewind(let base as Int?):
            if let base {
                let database = self.evidence.databases[base]
                try DataDirectoryWriter.copy(database.file, to: path, disk: self.disk, progress: self.progress)
                (index, revision) = (database.index, database.revision)
            }
        }
        if let log = self.plan.log, let last = self.plan.entries?.upperBound, last > index, self.isReplay {
            var stream = EntryStream(self.evidence, log.parts, after: index, disk: self.disk)
            let staleRevokes = StaleRevokes(self.evidence, log.parts, disk: self.disk)
            let engine = try StoreReplay(path, disk: self.disk, staleRevokes: staleRevokes)
            _ = try Replay(engine: engine, goal: self.plan.goal, last: last, progress: self.progress).run(&stream)
            revision = engine.revision
        }
        guard let info = try onDisk({ () throws(DiskError) in try self.disk.stat(path) }) else {
            throw RecoveryError(.disk, path, "the database is gone")
        }
        return (
            DatabaseFile(path: path, imageSize: info.size, hasHash: false, modified: info.modified), revision
        )
    }

    private var isReplay: Bool {
        if case .replay = self.plan.base { true } else { false }
    }
}
