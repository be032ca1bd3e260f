internal import Glibc

/// The answer to a request of HTTP/1.1.
public struct LoopbackAnswer: Sendable {
    public var status: Int
    /// Names in small letters.
    public var headers: [String: String]
    public var body: String
}

/// Nobody listens on a port.
public struct LoopbackRefused: Error {}

extension Loopback {
    /// Sends one request to a port on 127.0.0.1 and reads the answer to its end.
    /// - Parameters:
    ///   - headers: Besides those that every request has.
    ///   - limit: How many seconds may pass without a byte.
    /// - Throws: ``LoopbackRefused`` when nothing was sent.
    public static func exchange(
        _ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: String = "",
        within limit: Int = 10, port: Int
    ) throws -> LoopbackAnswer {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestSupportError("socket: errno \(errno)") }
        defer { close(socket) }
        var limit = timeval(tv_sec: limit, tv_usec: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe connect(socket, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let lines =
            ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1", "Connection: close", "Content-Length: \(body.utf8.count)"]
            + headers.map { "\($0.name): \($0.value)" }
        let request = Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
        guard connected == 0 else { throw LoopbackRefused() }
        guard unsafe send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw TestSupportError("\(method) \(path): errno \(errno)")
        }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            // Where the answer says how long it is, it is not for the connection to end it.
            if let (answer, isWhole) = Self.answer(bytes), isWhole { return answer }
            let count = unsafe recv(socket, &part, part.count, 0)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        guard let (answer, _) = Self.answer(bytes) else { throw TestSupportError("\(method) \(path): no answer") }
        return answer
    }

    /// What of an answer is there, and whether that is all; nil before the end of its head.
    private static func answer(_ bytes: [UInt8]) -> (answer: LoopbackAnswer, isWhole: Bool)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let name = line.prefix { $0 != ":" }
            headers[name.lowercased()] = String(line.dropFirst(name.count + 1).drop { $0 == " " })
        }
        var body = Array(bytes[end.upperBound...])
        var isWhole = headers["content-length"] == "\(body.count)"
        if headers["transfer-encoding"] == "chunked" { (body, isWhole) = Self.withoutChunks(body) }
        let text = String(decoding: body, as: UTF8.self)
        return (LoopbackAnswer(status: Int(status) ?? 0, headers: headers, body: text), isWhole)
    }

    /// The content of chunks, and whether the last of them is there.
    private static func withoutChunks(_ bytes: [UInt8]) -> (content: [UInt8], isWhole: Bool) {
        var (content, rest): ([UInt8], ArraySlice<UInt8>) = ([], bytes[...])
        while let end = rest.firstRange(of: [13, 10]) {
            guard let size = Int(String(decoding: rest[..<end.lowerBound], as: UTF8.self), radix: 16), size > 0 else {
                return (content, true)
            }
            content += rest[end.upperBound...].prefix(size)
            rest = rest[end.upperBound...].dropFirst(size + 2)
        }
        return (content, false)
    }
}
