internal import ArgumentParser
internal import ClusterAPI

struct Describe: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one cluster in full: members, conditions, what is done, what is blocked and why, events, backups.",
        discussion: """
            Examples:
              quorate describe ec orders
            """)

    @Argument(help: "ec, or a longer name of the same.")
    var kind: ResourceKind

    @Argument(help: "The object's name.")
    var name: String

    @OptionGroup var server: ServerOptions

    func run(in context: Context) async throws {
        switch self.kind {
        case .cluster:
            let cluster = try await context.client.get(EtcdCluster.self, self.name)
            let events = try await context.client.events(kind: EtcdCluster.kind, name: self.name)
            let snapshots = try await context.client.list(EtcdSnapshot.self).items.filter { $0.spec.clusterRef == self.name }
            let view = DescribeView(
                cluster: cluster, events: events, snapshots: snapshots, now: context.now, style: context.terminal.style)
            context.print(view.lines())
        case .snapshot:
            context.write(try await context.client.get(EtcdSnapshot.self, self.name).yaml())
            let events = try await context.client.events(kind: EtcdSnapshot.kind, name: self.name)
            context.print(DescribeView.history(events, now: context.now, style: context.terminal.style))
        case .restore:
            let restore = try await context.client.get(EtcdRestore.self, self.name)
            context.write(restore.yaml())
            context.print([""] + RestoreView.report(restore, now: context.now))
            let events = try await context.client.events(kind: EtcdRestore.kind, name: self.name)
            context.print(DescribeView.history(events, now: context.now, style: context.terminal.style))
        }
    }
}
