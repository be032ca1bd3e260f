import EtcdWire
import Glibc
import TestSupport

/// A connection to a member's client port. Blocks, but not for ever.
final class MemberSocket {
    private let socket: Int32
    private var buffered: [UInt8] = []
    private var start = 0

    init(port: Int) throws {
        self.socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard self.socket >= 0 else { throw TestSupportError("socket: errno \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe Glibc.connect(self.socket, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw TestSupportError("connect: errno \(errno)") }
        var on: Int32 = 1
        unsafe setsockopt(self.socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        unsafe setsockopt(self.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        Glibc.close(self.socket)
    }

    func send(_ bytes: [UInt8]) throws {
        try unsafe bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[sent...])
                let count = unsafe Glibc.send(self.socket, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                guard count > 0 else { throw TestSupportError("send: errno \(errno)") }
                sent += count
            }
        }
    }

    func line() throws -> String {
        while true {
            if let end = self.buffered[self.start...].firstIndex(of: 0x0A) {
                let line = self.buffered[self.start..<end].filter { $0 != 0x0D }
                self.start = end + 1
                return String(decoding: line, as: UTF8.self)
            }
            try self.fill()
        }
    }

    func take(_ count: Int) throws -> [UInt8] {
        while self.buffered.count - self.start < count { try self.fill() }
        defer { self.start += count }
        return Array(self.buffered[self.start..<self.start + count])
    }

    private func fill() throws {
        self.buffered.removeFirst(self.start)
        self.start = 0
        var part = [UInt8](repeating: 0, count: 65536)
        let count = unsafe recv(self.socket, &part, part.count, 0)
        guard count > 0 else { throw TestSupportError("the member closed the connection, or is silent: errno \(errno)") }
        self.buffered += part[..<count]
    }
}

/// HashKV over gRPC, which the JSON gateway does not offer: one call after another over one HTTP/2 connection.
final class HashCaller {
    private let socket: MemberSocket
    private let authority: String
    private var stream: UInt32 = 1
    /// What `auth/authenticate` gave, where auth is on.
    var token: String?

    init(_ member: EtcdProcess) throws {
        self.socket = try MemberSocket(port: member.clientPort)
        self.authority = "127.0.0.1:\(member.clientPort)"
        try self.socket.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(4, flags: 0, stream: 0, []))
    }

    /// At a revision, or the last where it is 0.
    func hash(_ revision: Int64 = 0) throws -> HashKVResponse {
        var fields = [
            (":method", "POST"), (":scheme", "http"), (":path", "/etcdserverpb.Maintenance/HashKV"),
            (":authority", self.authority), ("content-type", "application/grpc"), ("te", "trailers"),
        ]
        if let token { fields.append(("token", token)) }
        // Each field as it is: new name, not compressed, not to be remembered.
        let headers = fields.flatMap { name, value in
            [0, UInt8(name.utf8.count)] + name.utf8 + [UInt8(value.utf8.count)] + value.utf8
        }
        let message = HashKVRequest(revision: revision).encoded()
        try self.socket.send(
            Self.frame(1, flags: 4, stream: self.stream, headers)
                + Self.frame(0, flags: 1, stream: self.stream, [0] + Self.bigEndian(UInt32(message.count)) + message))
        let answer = try self.answer()
        self.stream += 2
        guard answer.count > 5 else { throw TestSupportError("HashKV at \(revision): no answer") }
        return try HashKVResponse(decoding: answer[5...])
    }

    /// The data of the stream until it ends.
    private func answer() throws -> [UInt8] {
        var data: [UInt8] = []
        while true {
            let head = try self.socket.take(9)
            let payload = try self.socket.take(head[..<3].reduce(0) { $0 << 8 | Int($1) })
            let (type, flags) = (head[3], head[4])
            switch type {
            case 0:
                data += payload
                if !payload.isEmpty {
                    try self.socket.send(Self.frame(8, flags: 0, stream: 0, Self.bigEndian(UInt32(payload.count))))
                }
            case 4 where flags & 1 == 0: try self.socket.send(Self.frame(4, flags: 1, stream: 0, []))
            case 6 where flags & 1 == 0: try self.socket.send(Self.frame(6, flags: 1, stream: 0, payload))
            case 3, 7: throw TestSupportError("HashKV: the member ended the stream, frame \(type)")
            default: break
            }
            if type <= 1, flags & 1 == 1 { return data }
        }
    }

    private static func frame(_ type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        Array(Self.bigEndian(UInt32(payload.count)).dropFirst()) + [type, flags] + Self.bigEndian(stream) + payload
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }
}
