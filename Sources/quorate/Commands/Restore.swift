internal import ArgumentParser
internal import ClusterAPI
internal import Platform

struct Restore: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring a cluster back from a snapshot.",
        discussion: """
            Without --approve, prints what would be done and ends with code 3. With it, does it, shows each phase, and prints \
            the report. Old data is moved aside, never deleted; the cluster gets a new id.

            Examples:
              quorate restore orders
              quorate restore orders --approve
              quorate restore orders --from backups/orders/orders-20261122T230000Z.snapshot --approve
            """)

    @Argument(help: "The cluster's name.")
    var name: String

    @Option(name: .long, help: ArgumentHelp("A snapshot's file or URI; the newest good one without.", valueName: "uri"))
    var from: String?

    @Flag(name: .long, help: "Carry it out.")
    var approve = false

    @OptionGroup var server: ServerOptions

    func run(in context: Context) async throws {
        let cluster = try await context.client.get(EtcdCluster.self, self.name)
        guard self.approve else {
            context.print(
                RestoreView.proposal(
                    for: cluster, source: self.from, artifact: try await self.artifact(of: cluster, in: context),
                    now: context.now))
            throw CommandError(.unsafe, "nothing was done. --approve carries it out.")
        }
        let restore = try await self.begin(in: context)
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

    /// What the controller knows of the snapshot that would be taken.
    private func artifact(of cluster: EtcdCluster, in context: Context) async throws -> SnapshotArtifact? {
        let known = try await context.client.list(EtcdSnapshot.self).items.filter { $0.spec.clusterRef == self.name }
        if let from = self.from {
            let uri = RestoreSource.uri(of: from)
            return ([cluster.status.backup.lastSnapshot] + known.map(\.status.artifact)).compactMap { $0 }.first {
                $0.uri == uri
            }
        }
        let newest = known.compactMap(\.status.artifact).max { $0.takenAt < $1.takenAt }
        guard let artifact = cluster.status.backup.lastSnapshot ?? newest else {
            throw CommandError(
                .unsafe, "\(self.name) has no snapshot to restore from. --from URI names one that was kept elsewhere.")
        }
        return artifact
    }

    /// Approves the restore that waits for it, or asks for a new one.
    private func begin(in context: Context) async throws -> EtcdRestore {
        let waiting = try await context.client.list(EtcdRestore.self).items
            .filter { $0.spec.clusterRef == self.name && !$0.spec.approved && $0.status.phase.awaits }
            .max { $0.metadata.name < $1.metadata.name }
        if let waiting, self.from == nil || waiting.spec.source.from == self.from.map(RestoreSource.uri) {
            return try await context.client.patch(EtcdRestore.self, waiting.metadata.name, #"{"spec":{"approved":true}}"#)
        }
        var restore = EtcdRestore(
            metadata: ObjectMeta(name: context.now.name(after: self.name)), spec: EtcdRestoreSpec(clusterRef: self.name))
        restore.spec.source = RestoreSource(from: self.from.map(RestoreSource.uri))
        restore.spec.approved = true
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
