internal import ArgumentParser
internal import ClusterAPI

struct Pause: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop changing a cluster; it goes on running and being watched.",
        discussion: """
            Examples:
              quorate pause orders
            """)

    @Argument(help: "The cluster's name.")
    var name: String

    @OptionGroup var server: ServerOptions

    func run(in context: Context) async throws {
        let cluster = try await context.client.patch(EtcdCluster.self, self.name, #"{"spec":{"paused":true}}"#)
        context.print("\(cluster.reference) paused; go on with:  quorate resume \(self.name)")
    }
}

struct Resume: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep a paused cluster as its spec says again.",
        discussion: """
            Examples:
              quorate resume orders
            """)

    @Argument(help: "The cluster's name.")
    var name: String

    @OptionGroup var server: ServerOptions

    func run(in context: Context) async throws {
        let cluster = try await context.client.patch(EtcdCluster.self, self.name, #"{"spec":{"paused":false}}"#)
        context.print("\(cluster.reference) resumed")
    }
}
