/// An answer of the controller that is no success: a Kubernetes `Status`, or whatever else it sent.
struct RefusedRequest: Error, Hashable, CustomStringConvertible {
    /// HTTP's.
    var code: Int
    /// CamelCase: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`; empty when the answer was no `Status`.
    var reason: String
    var message: String

    init(code: Int, reason: String, message: String) {
        self.code = code
        self.reason = reason
        self.message = message
    }

    init(code: Int, answer: [UInt8]) {
        if let status = Codec.status(answer) {
            self.init(code: code, reason: status.reason, message: status.message)
        } else {
            let text = String(decoding: answer.prefix(500), as: UTF8.self).split(whereSeparator: \.isNewline).joined(
                separator: " ")
            self.init(code: code, reason: "", message: text.isEmpty ? "the controller answered with HTTP \(code)" : text)
        }
    }

    var description: String { self.message }

    /// What it means to the person at the command line.
    var commandError: CommandError {
        switch self.code {
        case 400, 422: CommandError(.usage, self.message)
        case 403: CommandError(.unsafe, self.message)
        default: CommandError(.failed, self.message)
        }
    }
}
