internal import ArgumentParser
internal import ClusterAPI

struct PlanCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what the controller would do for a cluster or a changed spec, step by step, and do nothing.",
        discussion: """
            Examples:
              quorate plan orders
              quorate plan -f orders.yaml
            """)

    @Argument(help: "A cluster's name: what is still to be done for it.")
    var name: String?

    @Option(name: [.customShort("f"), .customLong("file")], help: "A spec: what applying it would do.", completion: .file())
    var file: String?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard (self.name == nil) != (self.file == nil) else {
            throw ValidationError("Give either a cluster's name or -f FILE.")
        }
    }

    func run(in context: Context) async throws {
        if let name = self.name {
            return self.show(try await context.client.plan(name), of: name, in: context)
        }
        let read = ManifestFiles.read([self.file ?? ""])
        guard read.errors.isEmpty else { throw CommandError(.usage, read.errors.joined(separator: "\n")) }
        let clusters = read.objects.compactMap { $0 as? EtcdCluster }
        guard !clusters.isEmpty else { throw CommandError(.usage, "\(self.file ?? "") holds no \(EtcdCluster.kind)") }
        for (index, cluster) in clusters.enumerated() {
            if index > 0 { context.print("") }
            self.show(try await context.client.plan(cluster), of: cluster.metadata.name, in: context)
        }
    }

    private func show(_ plan: Plan, of name: String, in context: Context) {
        context.print(PlanView.lines(plan, of: name, now: context.now, style: context.terminal.style))
    }
}
