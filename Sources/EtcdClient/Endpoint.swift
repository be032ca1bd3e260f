/// A member's client URL: `http://host:port`.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public var scheme: Scheme
    /// A name or an address; an IPv6 address without its brackets.
    public var host: String
    public var port: Int

    /// How bytes travel.
    public enum Scheme: String, Hashable, Sendable {
        case http, https
    }

    /// Reads a URL. The scheme may be left out, as with `etcdctl --endpoints`, and is `http` then.
    public init(_ url: String) throws(EndpointError) {
        var rest = url[...]
        self.scheme = .http
        if let separator = rest.firstRange(of: "://") {
            guard let scheme = Scheme(rawValue: rest[..<separator.lowerBound].lowercased()) else {
                throw EndpointError(url, "the scheme must be http or https")
            }
            self.scheme = scheme
            rest = rest[separator.upperBound...]
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        guard let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") else {
            throw EndpointError(url, "the port is missing")
        }
        guard let port = Self.port(rest[rest.index(after: colon)...]) else {
            throw EndpointError(url, "the port must be a number from 1 to 65535")
        }
        self.port = port
        self.host = try Self.host(rest[..<colon], of: url)
    }

    public var description: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.scheme.rawValue)://\(host):\(self.port)"
    }

    private static func port(_ text: Substring) -> Int? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let port = Int(text) else {
            return nil
        }
        return (1...65535).contains(port) ? port : nil
    }

    private static func host(_ text: Substring, of url: String) throws(EndpointError) -> String {
        var host = text
        let isIPv6 = host.hasPrefix("[") && host.hasSuffix("]")
        if isIPv6 { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw EndpointError(url, "the host is missing") }
        let forbidden = isIPv6 ? "/?#@[] " : "/?#@[]: "
        guard !host.contains(where: { forbidden.contains($0) || !$0.isASCII }) else {
            throw EndpointError(url, "only scheme, host and port are allowed, as in http://host:2379")
        }
        return host.lowercased()
    }
}

/// Lists of client URLs, as `--store` takes them.
public enum Endpoints {
    /// Reads a comma-separated list. Each URL comes out in one spelling, once, in the order given.
    public static func parse(_ list: String) throws(EndpointError) -> [String] {
        var endpoints: [String] = []
        for item in list.split(separator: ",", omittingEmptySubsequences: false) {
            let url = String(item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            guard !url.isEmpty else { throw EndpointError(list, "an endpoint is empty") }
            let endpoint = try Endpoint(url).description
            if !endpoints.contains(endpoint) { endpoints.append(endpoint) }
        }
        return endpoints
    }
}

/// Why a text is not a client URL.
public struct EndpointError: Error, Hashable, CustomStringConvertible {
    /// The text as given.
    public var text: String
    public var reason: String

    public init(_ text: String, _ reason: String) {
        self.text = text
        self.reason = reason
    }

    public var description: String { "\"\(self.text)\": \(self.reason)" }
}
