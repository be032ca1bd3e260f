public import Platform

/// Makes a data directory that etcd boots from as a new cluster, out of a snapshot, or of what is left of members.
///
/// It begins with the newest database at or before the target, applies the entries of the chosen log after it, as a member
/// would, and then makes it the first state of a new cluster: new members, new ids, a new log. It writes nothing into its
/// sources. Every call blocks.
public enum Restore {
    public static func run(
        _ request: RestoreRequest, disk: any Disk, progress: ProgressReport? = nil
    ) throws(RecoveryError) -> RestoreReport {
        var work = try self.prepare(request, disk, progress)
        return try work.run()
    }

    /// What a restore would come to: all of it is done but for the new cluster, and taken away again. A target that cannot
    /// be reached shows before anything else is touched.
    /// - Parameter request: Its data directory is where that is tried out.
    public static func resolve(
        _ request: RestoreRequest, disk: any Disk, progress: ProgressReport? = nil
    ) throws(RecoveryError) -> RestoreReport {
        var work = try self.prepare(request, disk, progress)
        return try work.tryOut()
    }

    private static func prepare(
        _ request: RestoreRequest, _ disk: any Disk, _ progress: ProgressReport?
    ) throws(RecoveryError) -> RestoreWork {
        guard !request.sources.isEmpty else {
            throw RecoveryError(.notFound, "", "there is nothing to restore from")
        }
        let writer = try DataDirectoryWriter(request.dataDirectory, disk: disk)
        let evidence = try RestoreEvidence(request.sources, disk: disk, progress: progress)
        try evidence.checkCluster(request)
        var plan = try RestorePlan(request, evidence)
        try writer.begin()
        if case .beforeDelete(let key) = request.target {
            let search = DeletionSearch(evidence: evidence, plan: plan, writer: writer, disk: disk, progress: progress)
            let deleted = try search.revision(of: key)
            plan.mean("\(KeyText.printable(key)) was deleted last by revision \(deleted)")
            try plan.choose(.revision(deleted - 1), evidence)
            try writer.begin()
        }
        return RestoreWork(
            request: request, evidence: evidence, plan: plan, writer: writer, disk: disk, progress: progress)
    }
}
