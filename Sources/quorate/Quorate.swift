internal import ArgumentParser
internal import Glibc

/// The command.
struct Quorate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quorate",
        abstract: "Keeps etcd clusters as their YAML specs say: size, snapshots, upkeep, recovery.",
        discussion: """
            Start a controller, then look:
              quorate run examples/orders.yaml --data-dir ./data/.controller
              quorate get ec

            Exit codes: 0 done, 1 failed, 2 the command line or a file is wrong, 3 refused because it would be unsafe.
            """,
        version: "quorate \(Version.number)",
        groupedSubcommands: [
            CommandGroup(name: "Controller", subcommands: [Run.self, Validate.self]),
            CommandGroup(name: "Clusters", subcommands: [Apply.self, Get.self, Describe.self, PlanCommand.self, Delete.self]),
            CommandGroup(name: "Operations", subcommands: [Snapshot.self, Restore.self, Pause.self, Resume.self]),
            CommandGroup(name: "Members", subcommands: [MemberCommand.self, Simulate.self]),
            CommandGroup(name: "Files of etcd", subcommands: [InspectCommand.self, VerifyCommand.self, DiffCommand.self]),
            CommandGroup(name: "About", subcommands: [VersionCommand.self, Completions.self]),
        ])
}

enum Version {
    static let number = "0.1.0"
}

@main
enum Entry {
    static func main() async {
        let status = await Self.run(Array(CommandLine.arguments.dropFirst()))
        exit(status.rawValue)
    }

    static func run(_ arguments: [String]) async -> CommandStatus {
        do {
            var command = try Quorate.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return .done
        } catch {
            let ending = Self.ending(of: error)
            Terminal.write(ending.text, to: ending.status == .done ? STDOUT_FILENO : STDERR_FILENO)
            return ending.status
        }
    }

    /// What to say of an error, and with which status to end.
    static func ending(of error: any Error) -> (status: CommandStatus, text: String) {
        switch error {
        case let error as CommandError:
            return (error.status, error.message.isEmpty ? "" : "error: \(error.message)\n")
        case let error as RefusedRequest:
            return (error.commandError.status, "error: \(error.message)\n")
        case is CancellationError:
            return (.failed, "")
        default:
            // Help and the version are errors to the parser too, and end well; what else it finds is a wrong command line.
            let code = Quorate.exitCode(for: error)
            let text = Quorate.fullMessage(for: error)
            let status: CommandStatus = code.isSuccess ? .done : code == .validationFailure ? .usage : .failed
            return (status, text.isEmpty ? "" : "\(text)\n")
        }
    }
}
