internal import ArgumentParser
internal import ClusterAPI
internal import Platform

struct Snapshot: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a snapshot of a cluster now.",
        discussion: """
            Examples:
              quorate snapshot orders --wait
              quorate get es
            """)

    @Argument(help: "The cluster's name.")
    var name: String

    @Flag(name: .long, help: "Wait until it is taken, and print what it holds.")
    var wait = false

    @OptionGroup var server: ServerOptions

    func run(in context: Context) async throws {
        // Asked for first, so that a name that is no cluster's is told from a snapshot that failed.
        _ = try await context.client.get(EtcdCluster.self, self.name)
        let object = EtcdSnapshot(
            metadata: ObjectMeta(name: DerivedName.name(self.name, context.now.namePart)),
            spec: EtcdSnapshotSpec(clusterRef: self.name))
        let created = try await context.client.create(object)
        guard self.wait else {
            context.print("\(created.reference) created; follow it with:  quorate get es \(created.metadata.name) --watch")
            return
        }
        var progress = Progress(context: context, title: created.reference)
        while true {
            let seen = try await context.client.get(EtcdSnapshot.self, created.metadata.name)
            progress.show(seen.status.phase.rawValue, seen.status.message)
            switch seen.status.phase {
            case .pending, .inProgress: try await context.clock.sleep(for: Progress.interval)
            case .failed: throw CommandError(.failed, "\(created.reference): \(seen.status.message)")
            case .succeeded:
                guard let artifact = seen.status.artifact else {
                    throw CommandError(.failed, "\(created.reference) succeeded and names no snapshot")
                }
                return context.print(DescribeView.artifact(artifact, now: context.now).map { DescribeView.field($0.0, $0.1) })
            }
        }
    }
}

/// Says on standard error how far something has come: each phase once, and how long it took.
struct Progress {
    static let interval: Duration = .milliseconds(300)

    private let context: Context
    private let title: String
    private let start: Timestamp
    private var last = ""

    init(context: Context, title: String) {
        self.context = context
        self.title = title
        self.start = context.now
    }

    mutating func show(_ phase: String, _ message: String) {
        let text = message.isEmpty ? phase : "\(phase): \(message)"
        guard text != self.last else { return }
        self.last = text
        self.context.note("\(self.title)  \(Human.age(self.context.now - self.start))  \(text)\n")
    }
}
