internal import Glibc

/// Ports and plain HTTP on 127.0.0.1.
public enum Loopback {
    /// Ports that were free a moment ago. Someone may take one before it is used: whoever uses it must be ready to retry.
    public static func freePorts(_ count: Int) throws -> [Int] {
        try (0..<count).map { _ in try DeadPort() }.map(\.port)
    }

    /// The status code of a GET, or nil when nobody answers within a second.
    public static func get(_ path: String, port: Int) -> Int? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { Glibc.close(socket) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = Self.address(port: port)
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe Glibc.connect(socket, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return nil }
        let request = Array("GET \(path) HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".utf8)
        guard unsafe send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
        var reply = [UInt8](repeating: 0, count: 64)
        let count = unsafe recv(socket, &reply, reply.count, Int32(MSG_WAITALL))
        guard count > 0 else { return nil }
        let words = String(decoding: reply.prefix(count), as: UTF8.self).split(separator: " ")
        return words.count > 1 ? Int(words[1]) : nil
    }

    fileprivate static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// A port that refuses connections, and that nobody else gets while this is there.
public final class DeadPort: Sendable {
    public let port: Int
    private let socket: Int32

    public var url: String { "http://127.0.0.1:\(self.port)" }

    public init() throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestSupportError("socket: errno \(errno)") }
        self.socket = socket
        var address = Loopback.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(socket, pointer, length) == 0 ? unsafe getsockname(socket, pointer, &length) : -1
            }
        }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        guard result == 0 else { throw TestSupportError("bind: errno \(errno)") }
    }

    deinit {
        close(self.socket)
    }
}
