internal import ArgumentParser
internal import Glibc
internal import Logging
internal import Member
internal import Platform
internal import UnixSignals

/// Runs one member of a cluster. Its flags are etcd's, which is why they are not the parser's.
struct MemberCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Run one member of a cluster: etcd's API, disk and flags.",
        discussion: """
            Takes etcd's flags, its ETCD_ environment variables, and its configuration file (--config-file). What this release \
            cannot do yet is refused when asked for. SIGTERM ends it in order. --version says which release of etcd it keeps \
            the API and disk of.

            Examples:
              quorate member --name a --data-dir ./a.etcd
              quorate member --data-dir ./a.etcd --listen-client-urls http://127.0.0.1:12379 \\
                --advertise-client-urls http://127.0.0.1:12379
            """)

    @Argument(parsing: .captureForPassthrough, help: "etcd's flags, such as --name a --data-dir ./a.etcd.")
    var flags: [String] = []

    func run() async throws {
        if self.flags.contains("--help") || self.flags.contains("-h") { throw CleanExit.helpRequest(self) }
        if self.flags.contains("--version") {
            let text = "etcd Version: \(MemberVersion.server)\nQuorate: \(Version.number)\n"
            return Terminal.write(text, to: STDOUT_FILENO)
        }
        let settings = try self.settings()
        let log = MemberLog()
        for remark in settings.remarks { log.write(.warning, remark) }
        let (ended, signal) = AsyncStream.makeStream(of: MemberError.self)
        let member: MemberServer
        do {
            member = try await MemberServer.start(settings.configuration) { signal.yield($0) }
        } catch let error as MemberError {
            throw CommandError(error.code == .configuration ? .usage : .failed, error.message)
        }
        log.write(.info, "serving clients on \(member.clientAddresses.joined(separator: ", "))")
        let failure = await Self.wait(for: ended)
        if let failure { throw CommandError(.failed, failure.message) }
        log.write(.info, "ending")
        try await member.stop()
    }

    private func settings() throws -> MemberSettings {
        var environment: [String: String] = [:]
        for name in MemberSettings.variables { environment[name] = Terminal.environment(name) }
        do throws(MemberConfigurationError) {
            return try MemberSettings(arguments: self.flags, environment: environment) { (path) throws(DiskError) in
                let file = try RealDisk().open(path, .read)
                let bytes = try file.read(at: 0, count: Int(clamping: try file.size()))
                try file.close()
                return bytes
            }
        } catch {
            throw CommandError(.usage, error.description)
        }
    }

    /// Until a signal says to end, or the member cannot go on: why.
    private static func wait(for ended: AsyncStream<MemberError>) async -> MemberError? {
        await withTaskGroup(of: MemberError?.self) { group in
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: UnixSignal.sigterm, .sigint) { break }
                return nil
            }
            group.addTask {
                for await error in ended { return error }
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}

/// A member's log: one line an event, on standard error, in the form of etcd's own.
private struct MemberLog {
    private let clock = SystemClock()

    func write(_ level: Logger.Level, _ text: String) {
        let line = LogFormat.json.line(time: self.clock.now(), level: level, label: "member", message: text, metadata: [:])
        Terminal.write(line, to: STDERR_FILENO)
    }
}
