/// Where a controller listens, as people write it: `http://127.0.0.1:7300`, or a unix socket as `unix:/run/quorate.sock`, the
/// form of `run --listen`, or `http+unix:///run/quorate.sock` (or its path, percent-encoded, as the host).
struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    static let standard = "http://127.0.0.1:7300"

    /// As it was given.
    var description: String
    /// What request paths are put after.
    private(set) var base: String

    init(_ text: String) throws(CommandError) {
        self.description = text
        if text.hasPrefix("unix:") {
            let path = text.dropFirst("unix:".count)
            guard path.hasPrefix("/"), path != "/", !path.utf8.contains(0) else { throw Self.wrong(text) }
            self.base = "http+unix://" + Self.percentEncoded(path)
            return
        }
        if text.hasPrefix("http+unix://") {
            var path = text.dropFirst("http+unix://".count)
            while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
            guard !path.isEmpty, path != "/" else { throw Self.wrong(text) }
            // Encoded already when it does not begin with its slash.
            self.base = "http+unix://" + (path.hasPrefix("/") ? Self.percentEncoded(path) : String(path))
            return
        }
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { throw Self.wrong(text) }
        var rest = text.dropFirst(scheme.count)
        while rest.hasSuffix("/") { rest = rest.dropLast() }
        let unfit: (Character) -> Bool = { $0.isWhitespace || "?#/@".contains($0) }
        guard !rest.isEmpty, !rest.contains(where: unfit) else { throw Self.wrong(text) }
        self.base = scheme + rest
    }

    func url(_ path: String) -> String {
        precondition(path.hasPrefix("/"), "a path begins with a slash")
        return self.base + path
    }

    /// Everything but letters, digits and `-._~` as `%XX`.
    static func percentEncoded(_ text: some StringProtocol) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    private static func wrong(_ text: String) -> CommandError {
        CommandError(.usage, "\(text) is no server: expected http://HOST:PORT or unix:/PATH")
    }
}
