/// What the server serves: a handler for each path, `/etcdserverpb.KV/Put`.
public struct MethodTable: Sendable {
    /// How a method is served.
    public enum Handler: Sendable {
        case unary(UnaryHandler)
        /// One request, then messages until the status.
        case serverStream(StreamHandlerFactory)
        /// Messages both ways.
        case bidirectional(StreamHandlerFactory)
    }

    /// The handlers; a method's place here is its number.
    private(set) var handlers: [Handler] = []
    /// The number of each path.
    private(set) var numbers: [String: Int] = [:]
    private var services: Set<String> = []

    /// Told on the event loop that a unary call was cancelled that has not been answered. Its answer would be dropped.
    public var unaryCancelled: (@Sendable (CallID) -> Void)?
    /// Told on an event loop when it has handed out all calls of one round of reading: the time to wake a thread that
    /// collects them.
    public var roundEnded: (@Sendable () -> Void)?

    public init() {}

    /// - Precondition: The path is `/SERVICE/METHOD` and has no handler yet.
    public mutating func add(_ path: String, _ handler: Handler) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        precondition(parts.count == 3 && parts[0].isEmpty, "\(path) is not /SERVICE/METHOD")
        precondition(self.numbers[path] == nil, "\(path) has a handler already")
        self.numbers[path] = self.handlers.count
        self.handlers.append(handler)
        self.services.insert(String(parts[1]))
    }

    public mutating func unary(_ path: String, _ handler: @escaping UnaryHandler) {
        self.add(path, .unary(handler))
    }

    public mutating func serverStream(_ path: String, _ factory: @escaping StreamHandlerFactory) {
        self.add(path, .serverStream(factory))
    }

    public mutating func bidirectional(_ path: String, _ factory: @escaping StreamHandlerFactory) {
        self.add(path, .bidirectional(factory))
    }

    /// What a caller of a path without a handler is told, in grpc-go's words.
    func refusal(of path: String) -> GRPCStatus {
        let name = path.hasPrefix("/") ? path.dropFirst() : path[...]
        guard let slash = name.lastIndex(of: "/") else {
            return GRPCStatus(.unimplemented, "malformed method name: \(quoted(path))")
        }
        let (service, method) = (name[..<slash], name[name.index(after: slash)...])
        guard self.services.contains(String(service)) else {
            return GRPCStatus(.unimplemented, "unknown service \(service)")
        }
        return GRPCStatus(.unimplemented, "unknown method \(method) for service \(service)")
    }
}

/// As Go's `%q` for plain text.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": result += "\\\(scalar)"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
