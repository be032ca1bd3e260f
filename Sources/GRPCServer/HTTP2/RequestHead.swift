internal import NIOCore
internal import NIOHPACK

/// A request's header, checked (RFC 9113, 8.3) and with what gRPC asks of it picked out. Shared by all requests with the
/// same header block.
final class RequestHead: Sendable {
    /// What `grpc-timeout` says.
    enum Timeout: Hashable {
        case none
        case after(TimeAmount)
        /// It is there and wrong.
        case malformed(String)
    }

    let headers: HPACKHeaders
    let method: String
    let path: String
    /// The number of the path in the table of methods; nil when it has none.
    let route: Int?
    let contentType: String?
    /// `application/grpc`, alone or with a subtype or parameters.
    let isGRPC: Bool
    let timeout: Timeout
    /// How the client's messages are compressed, unless they are not.
    let encoding: String?
    let contentLength: Int?

    /// Why a header is malformed, which ends its stream (RFC 9113, 8.1.1).
    struct Malformed: Error, Hashable {
        var reason: String
    }

    init(_ headers: HPACKHeaders, routes: [String: Int], maxFields: Int) throws(Malformed) {
        var parser = Parser()
        var count = 0
        for (name, value, _) in headers {
            count += 1
            guard count <= maxFields else { throw Malformed(reason: "more than \(maxFields) header fields") }
            try parser.field(name, value)
        }
        guard let method = parser.method, let path = parser.path, parser.scheme != nil, !path.isEmpty else {
            throw Malformed(reason: "a request has :method, :scheme and :path")
        }
        self.headers = headers
        self.method = method
        self.path = path
        self.route = routes[path]
        self.contentType = parser.contentType
        self.isGRPC = Self.isGRPC(parser.contentType)
        self.timeout = parser.timeout.map(Self.timeout) ?? .none
        self.encoding = parser.encoding == "identity" ? nil : parser.encoding
        self.contentLength = parser.contentLength
    }

    /// Whether these fields may end a request: none of them a pseudo-header.
    static func checkTrailers(_ headers: HPACKHeaders, maxFields: Int) throws(Malformed) {
        var parser = Parser()
        parser.isPastPseudo = true
        var count = 0
        for (name, value, _) in headers {
            count += 1
            guard count <= maxFields else { throw Malformed(reason: "more than \(maxFields) trailer fields") }
            try parser.field(name, value)
        }
    }

    private static func isGRPC(_ contentType: String?) -> Bool {
        guard let type = contentType?.utf8, type.starts(with: "application/grpc".utf8) else { return false }
        guard let next = type.dropFirst(16).first else { return true }
        return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
    }

    /// At most eight digits and a unit, as gRPC has it.
    static func timeout(_ text: String) -> Timeout {
        let digits = text.utf8.dropLast()
        guard let unit = text.utf8.last, (1...8).contains(digits.count),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let value = Int64(text.dropLast())
        else { return .malformed(text) }
        let nanoseconds: Int64
        switch unit {
        case UInt8(ascii: "H"): nanoseconds = 3_600_000_000_000
        case UInt8(ascii: "M"): nanoseconds = 60_000_000_000
        case UInt8(ascii: "S"): nanoseconds = 1_000_000_000
        case UInt8(ascii: "m"): nanoseconds = 1_000_000
        case UInt8(ascii: "u"): nanoseconds = 1_000
        case UInt8(ascii: "n"): nanoseconds = 1
        default: return .malformed(text)
        }
        let (total, overflow) = value.multipliedReportingOverflow(by: nanoseconds)
        // A century is as good as any time beyond it, and can be added to a time without overflow.
        return .after(.nanoseconds(overflow ? Self.century : min(total, Self.century)))
    }

    private static let century: Int64 = 100 * 365 * 86_400_000_000_000
}

extension RequestHead {
    /// Takes the fields one after another.
    private struct Parser {
        var method: String?
        var path: String?
        var scheme: String?
        var authority: String?
        var contentType: String?
        var timeout: String?
        var encoding: String?
        var contentLength: Int?
        var isPastPseudo = false

        mutating func field(_ name: String, _ value: String) throws(Malformed) {
            guard Self.isValidValue(value) else { throw Malformed(reason: "\(name) has a value with forbidden characters") }
            if name.utf8.first == UInt8(ascii: ":") { return try self.pseudo(name, value) }
            self.isPastPseudo = true
            guard Self.isValidName(name) else { throw Malformed(reason: "\(quoted(name)) is no name of a field") }
            switch name {
            case "content-type": self.contentType = value
            case "grpc-timeout": self.timeout = value
            case "grpc-encoding": self.encoding = value
            case "te":
                guard value == "trailers" else { throw Malformed(reason: "te is \(quoted(value)), not trailers") }
            case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
                throw Malformed(reason: "\(name) belongs to HTTP/1")
            case "content-length":
                guard value.utf8.count <= 18, let length = Int(value), length >= 0,
                    self.contentLength == nil || self.contentLength == length
                else { throw Malformed(reason: "content-length is \(quoted(value))") }
                self.contentLength = length
            default: break
            }
        }

        private mutating func pseudo(_ name: String, _ value: String) throws(Malformed) {
            guard !self.isPastPseudo else { throw Malformed(reason: "\(name) stands after other fields") }
            switch name {
            case ":method" where self.method == nil: self.method = value
            case ":path" where self.path == nil: self.path = value
            case ":scheme" where self.scheme == nil: self.scheme = value
            case ":authority" where self.authority == nil: self.authority = value
            case ":method", ":path", ":scheme", ":authority": throw Malformed(reason: "\(name) comes twice")
            default: throw Malformed(reason: "\(quoted(name)) is no pseudo-header of a request")
            }
        }

        /// Lower case, and no other character than RFC 9110's tokens have.
        private static func isValidName(_ name: String) -> Bool {
            !name.isEmpty
                && name.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
                    case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
                        UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
                        true
                    default: false
                    }
                }
        }

        /// RFC 9113, 8.2.1: no NUL, CR or LF, and no blank at either end.
        private static func isValidValue(_ value: String) -> Bool {
            let bytes = value.utf8
            if let first = bytes.first, first == 0x20 || first == 0x09 { return false }
            if let last = bytes.last, last == 0x20 || last == 0x09 { return false }
            return bytes.allSatisfy { $0 != 0 && $0 != 0x0A && $0 != 0x0D }
        }
    }
}
