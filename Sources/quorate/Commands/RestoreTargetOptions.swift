internal import ArgumentParser
internal import ClusterAPI
internal import Platform
internal import Recovery

/// Which moment `restore` brings back, of a cluster as of files.
struct RestoreTargetOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Restore what was there before the next revision after this.", valueName: "n"))
    var toRevision: Int64?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Restore the last transaction that is proven to be at this time or before, such as 2026-11-22T14:03:22Z.",
            valueName: "time"))
    var toTime: String?

    @Option(name: .long, help: ArgumentHelp("Restore what was there before this key was deleted last.", valueName: "key"))
    var beforeDelete: String?

    func validate() throws {
        let targets = [self.toRevision != nil, self.toTime != nil, self.beforeDelete != nil].count { $0 }
        guard targets < 2 else { throw ValidationError("Give one of --to-revision, --to-time and --before-delete.") }
        if let toRevision, toRevision < 1 { throw ValidationError("--to-revision is 1 or more.") }
        if let toTime, Timestamp(rfc3339: toTime) == nil {
            throw ValidationError("--to-time is a time such as 2026-11-22T14:03:22Z.")
        }
        if beforeDelete?.isEmpty == true { throw ValidationError("--before-delete is a key.") }
    }

    /// As an ``EtcdRestore`` asks for it.
    var spec: TargetSpec {
        if let toRevision { return .revision(toRevision) }
        if let toTime, let time = Timestamp(rfc3339: toTime) { return .time(time) }
        if let beforeDelete { return .beforeDelete(beforeDelete) }
        return .latest
    }

    /// As files are restored.
    var target: RestoreTarget {
        switch self.spec {
        case .latest: .latest
        case .revision(let revision): .revision(revision)
        case .time(let time): .time(time)
        case .beforeDelete(let key): .beforeDelete(KeyText.bytes(key))
        }
    }
}
