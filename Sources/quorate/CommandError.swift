/// How the command ends.
enum CommandStatus: Int32, Sendable {
    case done = 0
    case failed = 1
    /// The command line or a file is wrong.
    case usage = 2
    /// Refused because it would be unsafe.
    case unsafe = 3
}

/// Why the command could not do what it was asked to, for the person who asked.
struct CommandError: Error, Hashable, CustomStringConvertible {
    var status: CommandStatus
    /// What happened, and where it helps, what to do; may have several lines.
    var message: String

    init(_ status: CommandStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    var description: String { self.message }

    /// Ends with a status and nothing more to say.
    static func quietly(_ status: CommandStatus) -> CommandError {
        CommandError(status, "")
    }
}
