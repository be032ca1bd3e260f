internal import Glibc

/// The answer to a request of HTTP/1.1.
public struct LoopbackAnswer: Sendable {
    public var status: Int
    /// Names in small letters.
    public var headers: [String: String]
    public var body: String
}

extension Loopback {
    /// Sends one request to a port on 127.0.0.1 and reads the answer to its end.
    /// - Parameter headers: Besides those that every request has.
    public static func exchange(
        _ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: String = "", port: Int
    ) throws -> LoopbackAnswer {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestSupportError("socket: errno \(errno)") }
        defer { close(socket) }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
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
        guard connected == 0, unsafe send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw TestSupportError("\(method) \(path): errno \(errno)")
        }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            // Where the answer says how long it is, it is not for the connection to end it.
            if let answer = Self.answer(bytes), answer.headers["content-length"] == "\(answer.body.utf8.count)" {
                return answer
            }
            let count = unsafe recv(socket, &part, part.count, 0)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        guard let answer = Self.answer(bytes) else { throw TestSupportError("\(method) \(path): no answer") }
        return answer
    }

    /// What of an answer is there; nil before the end of its head.
    private static func answer(_ bytes: [UInt8]) -> LoopbackAnswer? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        guard let end = lines.firstIndex(of: ""), end < lines.count - 1,
            let status = lines[0].split(separator: " ").dropFirst().first
        else { return nil }
        var headers: [String: String] = [:]
        for line in lines[1..<end] {
            let name = line.prefix { $0 != ":" }
            headers[name.lowercased()] = String(line.dropFirst(name.count + 1).drop { $0 == " " })
        }
        return LoopbackAnswer(
            status: Int(status) ?? 0, headers: headers, body: lines[(end + 1)...].joined(separator: "\r\n"))
    }
}
