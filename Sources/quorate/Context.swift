internal import ArgumentParser
internal import Glibc
internal import Platform

/// What a command works with: a controller, a clock, and where its words go.
struct Context: Sendable {
    var client: ControllerClient
    var clock: any WallClock
    var terminal: Terminal
    /// Asks a person for a line; nil where there is none to ask.
    var ask: (@Sendable (String) -> String?)?
    /// Standard output.
    var write: @Sendable (String) -> Void
    /// Standard error: progress and warnings.
    var note: @Sendable (String) -> Void

    var now: Timestamp { self.clock.now() }

    func print(_ lines: [String]) {
        self.write(lines.map { "\($0)\n" }.joined())
    }

    func print(_ line: String) {
        self.print([line])
    }
}

/// How the controller is found.
struct ServerOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The controller's address: http://HOST:PORT or unix:/PATH.",
            discussion: "Without it, QUORATE_SERVER, and else \(ServerAddress.standard).", valueName: "url"))
    var server: String?

    func address() throws(CommandError) -> ServerAddress {
        let given = self.server ?? Terminal.environment("QUORATE_SERVER").flatMap { $0.isEmpty ? nil : $0 }
        return try ServerAddress(given ?? ServerAddress.standard)
    }
}

/// A command that talks with a controller.
protocol ControllerCommand: AsyncParsableCommand {
    var server: ServerOptions { get }
    func run(in context: Context) async throws
}

extension ControllerCommand {
    mutating func run() async throws {
        try await self.runWithController()
    }

    func runWithController() async throws {
        let command = self
        try await ControllerClient.with(self.server.address()) { client in
            let ask: @Sendable (String) -> String? = { question in
                Terminal.write(question, to: STDERR_FILENO)
                return readLine()
            }
            try await command.run(
                in: Context(
                    client: client, clock: SystemClock(), terminal: .standardOutput(), ask: Terminal.canAsk() ? ask : nil,
                    write: { Terminal.write($0, to: STDOUT_FILENO) }, note: { Terminal.write($0, to: STDERR_FILENO) }))
        }
    }
}
