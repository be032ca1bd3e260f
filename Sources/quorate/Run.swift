internal import ArgumentParser
internal import Console

/// `quorate run`: the controller itself.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the controller: keep the clusters of these specs as they say.",
        discussion: """
            A spec that changes on disk is read again and carried out. One that is wrong is reported, with \
            file, line and column, and changes nothing. Members outlive the controller; a controller that starts finds \
            them again.

            On a terminal a live table is shown; elsewhere, and where --log-format is given, log lines are written to \
            standard error. Ctrl-C ends the controller, not the members.

            Examples:
              quorate run examples/orders.yaml
              quorate run specs/ --data-dir data/.controller --listen 127.0.0.1:7300
              quorate run specs/ --listen unix:/run/quorate.sock --log-format json
              quorate run specs/ --store http://10.0.0.1:2379,http://10.0.0.2:2379
            """)

    @Argument(help: ArgumentHelp("Files and directories of specs; none is fine too.", valueName: "spec"), completion: .file())
    var specs: [String] = []

    @Option(name: .long, help: ArgumentHelp("Where the controller keeps its memory.", valueName: "dir"), completion: .directory)
    var dataDir = "data/.controller"

    @Option(name: .long, help: ArgumentHelp("HOST:PORT or unix:PATH for the other commands to talk to.", valueName: "address"))
    var listen = "127.0.0.1:7300"

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Keep the memory in an etcd cluster instead, which several controllers can share: one acts at a time.",
            valueName: "url,…"))
    var store: String?

    @Option(name: .long, help: ArgumentHelp("text or json, instead of the live table.", valueName: "format"))
    var logFormat: LogFormat?

    @Option(name: .long, help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel = "info"

    func validate() throws {
        _ = try self.listenAddress()
        guard RunOptions.logLevels.contains(self.logLevel) else {
            throw ValidationError("--log-level is one of \(RunOptions.logLevels.joined(separator: ", "))")
        }
        if let url = self.stores.first(where: { !$0.hasPrefix("http://") && !$0.hasPrefix("https://") }) {
            throw ValidationError("--store takes URLs such as http://127.0.0.1:2379, not \"\(url)\"")
        }
    }

    func run() async throws {
        try await Controller.run(
            RunOptions(
                specs: self.specs, dataDirectory: self.dataDir, listen: self.listenAddress(), store: self.stores,
                logFormat: self.logFormat, logLevel: self.logLevel))
    }

    private func listenAddress() throws -> ListenAddress {
        var text = self.listen
        if text.hasPrefix("unix:"), text != "unix:" { text = "unix:" + Files.absolute(String(text.dropFirst("unix:".count))) }
        do throws(ListenError) {
            return try ListenAddress(text)
        } catch {
            throw ValidationError("--listen \(error)")
        }
    }

    private var stores: [String] {
        self.store?.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? []
    }
}

/// What `quorate run` was asked for.
struct RunOptions: Sendable, Hashable {
    static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    /// Files and directories.
    var specs: [String]
    var dataDirectory: String
    var listen: ListenAddress
    /// URLs of the etcd cluster that holds the controller's memory; empty for the embedded store.
    var store: [String]
    /// Nil for the live table where there is a terminal, and JSON lines elsewhere.
    var logFormat: LogFormat?
    var logLevel: String
}

extension LogFormat: ExpressibleByArgument {}
