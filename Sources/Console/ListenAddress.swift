/// Where the API listens.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// - Parameters:
    ///   - text: `127.0.0.1:7300`, `[::1]:7300` or `unix:/run/quorate.sock`.
    ///   - allowsRemote: Whether an address that other machines reach is taken, although anyone who reaches it may then do
    ///     anything.
    public init(_ text: String, allowsRemote: Bool = false) throws(ListenError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard path.hasPrefix("/"), path.utf8.count <= 107, !path.utf8.contains(0) else {
                throw ListenError("\(text): a socket's path is absolute and has at most 107 bytes")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), colon > text.startIndex
        else {
            throw ListenError("\(text): write HOST:PORT, such as 127.0.0.1:7300, or unix:/path")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard allowsRemote || Self.isLoopback(host) else {
            throw ListenError(
                """
                \(text): other machines can reach this address, and there is no authentication yet: anyone there could \
                change or delete every cluster. Listen on 127.0.0.1, ::1 or unix:/path
                """)
        }
        self = .tcp(host: host, port: Int(port))
    }

    /// Whether a host name or address stays on this machine.
    static func isLoopback(_ host: String) -> Bool {
        if host == "::1" || host.lowercased() == "localhost" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil && $0.first != "+" }
    }

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// Why an address cannot be listened on.
public struct ListenError: Error, Hashable, CustomStringConvertible {
    public var message: String

    init(_ message: String) {
        self.message = message
    }

    public var description: String { self.message }
}
