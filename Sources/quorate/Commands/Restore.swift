internal import ArgumentParser
internal import ClusterAPI
internal import Platform

struct Restore: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring a cluster back: through the controller, or from files into a new data directory.",
        discussion: """
            With a cluster's name: without --approve, lets the controller read the snapshot, prints what would be done, and \
            ends with code 3; the restore then waits for approval. With it, does it, shows each phase, and prints the report. \
            Old data is moved aside, never deleted; the cluster gets a new id. With a moment to go back to, the snapshots and \
            the archive of the cluster's backup store are used, and it is tried out on a copy before anything is stopped.

            With --data-dir: makes a data directory that etcd boots from as a new cluster, with no controller and no etcd \
            running. --from repeats, and takes snapshots, databases, data directories, directories of *.wal, and whole stores \
            of snapshots with their archives, in any order: the newest database at or before the target is taken, and the log \
            of the survivor that knows most is applied to it. The sources are not changed. The report is printed, and written \
            beside the directory. Revisions are moved on \
            past all that clients can have seen, and marked compacted, so that no client goes on from a revision that meant \
            something else; leases keep the time they had left.

            Examples:
              quorate restore orders
              quorate restore orders --before-delete /registry/pods/default/db
              quorate restore orders --to-time 2026-11-22T14:03:22Z --approve
              quorate restore orders --from backups/orders/orders-20261122T230000Z.snapshot --approve
              quorate restore --from snapshot.db --data-dir ./new --name m1 --initial-cluster m1=http://10.0.0.1:2380
              quorate restore --from snapshot.db --from ./data/m1 --from ./data/m3 --data-dir ./new
              quorate restore --from ./data/m1 --data-dir ./new --before-delete /registry/pods/default/db
            """)

    @Argument(help: "The cluster's name; not with --data-dir.")
    var name: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A snapshot's file or URI; the newest good one without. With --data-dir: any file or directory of etcd; repeats.",
            valueName: "uri"))
    var from: [String] = []

    @Flag(name: .long, help: "Carry it out.")
    var approve = false

    @OptionGroup(title: "Back to a moment") var moment: RestoreTargetOptions
    @OptionGroup(title: "Into a new data directory") var files: RestoreFileOptions
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard self.files.isGiven else {
            guard self.name != nil else { throw ValidationError("Give a cluster's name, or --from and --data-dir.") }
            guard self.from.count < 2 else {
                throw ValidationError("A cluster is restored from one snapshot; give --from once.")
            }
            return
        }
        guard self.files.dataDir != nil else { throw ValidationError("Give --data-dir, the directory to make.") }
        guard self.name == nil, !self.approve, self.server.server == nil else {
            throw ValidationError("With --data-dir no controller takes part: leave out the name, --approve and --server.")
        }
        guard !self.from.isEmpty else { throw ValidationError("Give --from, what to restore from.") }
    }

    mutating func run() async throws {
        guard self.files.isGiven else { return try await self.runWithController() }
        try self.files.run(from: self.from, to: self.moment.target, Output.standard(), disk: RealDisk())
    }

    /// How long the controller has to read the snapshot and say what a restore would do.
    private static let patience: Duration = .seconds(120)

    func run(in context: Context) async throws {
        let cluster = try await context.client.get(EtcdCluster.self, self.cluster)
        let restore = try await self.request(in: context)
        guard self.approve else {
            let proposed = try await self.proposal(restore, in: context)
            context.print(RestoreView.proposal(for: cluster, by: proposed, now: context.now))
            throw CommandError(.unsafe, "nothing was done. --approve carries it out.")
        }
        var progress = Progress(context: context, title: restore.reference)
        while true {
            let seen = try await context.client.get(EtcdRestore.self, restore.metadata.name)
            progress.show(seen.status.phase.rawValue, seen.status.message)
            switch seen.status.phase {
            case .succeeded:
                return context.print(RestoreView.report(seen, now: context.now))
            case .failed:
                context.print(RestoreView.report(seen, now: context.now))
                throw CommandError(.failed, "\(restore.reference): \(seen.status.message)")
            default: try await context.clock.sleep(for: Progress.interval)
            }
        }
    }

    /// Given, as ``validate()`` made sure.
    private var cluster: String { self.name ?? "" }

    /// Waits until the controller has read the snapshot.
    private func proposal(_ restore: EtcdRestore, in context: Context) async throws -> EtcdRestore {
        let start = context.clock.uptime()
        var progress = Progress(context: context, title: restore.reference)
        while true {
            let seen = try await context.client.get(EtcdRestore.self, restore.metadata.name)
            switch seen.status.phase {
            case .failed: throw CommandError(.failed, "\(restore.reference): \(seen.status.message)")
            case .awaitingApproval where seen.status.report != nil: return seen
            default: progress.show(seen.status.phase.rawValue, seen.status.message)
            }
            guard context.clock.uptime() - start < Self.patience else {
                throw CommandError(
                    .failed,
                    "the snapshot is not read yet; look again with:  quorate describe er \(restore.metadata.name)"
                )
            }
            try await context.clock.sleep(for: Progress.interval)
        }
    }

    /// The restore that waits for approval, or a new one; approved when that was asked for.
    private func request(in context: Context) async throws -> EtcdRestore {
        let source = RestoreSource(from: self.from.first.map(RestoreSource.uri), target: self.moment.spec)
        let waiting = try await context.client.list(EtcdRestore.self).items
            .filter { $0.spec.clusterRef == self.cluster && $0.spec.source == source }
            .filter { !$0.spec.approved && $0.status.phase.awaits }
            .max { $0.metadata.name < $1.metadata.name }
        if let waiting {
            guard self.approve else { return waiting }
            return try await context.client.patch(EtcdRestore.self, waiting.metadata.name, #"{"spec":{"approved":true}}"#)
        }
        var restore = EtcdRestore(
            metadata: ObjectMeta(name: DerivedName.name(self.cluster, context.now.namePart)),
            spec: EtcdRestoreSpec(clusterRef: self.cluster))
        restore.spec.source = source
        restore.spec.approved = self.approve
        return try await context.client.create(restore)
    }
}

extension RestorePhase {
    fileprivate var awaits: Bool { self == .pending || self == .awaitingApproval }
}

extension RestoreSource {
    /// The controller may run in another directory: a path becomes a whole one, a URI stays.
    static func uri(of text: String) -> String {
        if text.contains("://") { return text }
        return "file://" + Files.absolute(text)
    }
}
