import Glibc
import TestSupport
import Testing
import YAML

/// A member's JSON gateway over one connection: many calls a second, with nothing but a socket. Blocks.
final class Gateway {
    private let port: Int
    private var socket: Int32 = -1
    private var buffered: [UInt8] = []

    init(_ member: EtcdProcess) {
        self.port = member.clientPort
    }

    deinit {
        if self.socket >= 0 { close(self.socket) }
    }

    /// Calls a method such as `kv/put`; an answer other than 200 throws.
    @discardableResult
    func call(_ path: String, _ body: Mapping) throws -> Node {
        let (status, node) = try self.post(path, body)
        guard status == 200 else { throw TestSupportError("\(path): \(status): \(node)") }
        return node
    }

    func post(_ path: String, _ body: Mapping) throws -> (status: Int, body: Node) {
        if self.socket < 0 { try self.connect() }
        let json = Node.mapping(body).json()
        var head = "POST /v3/\(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        if let token { head += "Authorization: \(token)\r\n" }
        let request = Array("\(head)Content-Length: \(json.count)\r\n\r\n".utf8) + json
        var sent = 0
        while sent < request.count {
            let part = Array(request[sent...])
            let count = unsafe send(self.socket, part, part.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { throw TestSupportError("send: errno \(errno)") }
            sent += count
        }
        return try self.answer()
    }

    /// What `auth/authenticate` gave, where auth is on.
    var token: String?

    private func answer() throws -> (status: Int, body: Node) {
        let status = try self.line()
        var length: Int?
        var isChunked = false
        while case let header = try self.line().lowercased(), !header.isEmpty {
            if header.hasPrefix("content-length:") {
                length = Int(header.dropFirst(15).drop { $0 == " " })
            }
            if header.hasPrefix("transfer-encoding:"), header.hasSuffix("chunked") { isChunked = true }
        }
        var body: [UInt8] = []
        if isChunked {
            while case let count = Int(try self.line(), radix: 16) ?? 0, count > 0 {
                body += try self.take(count)
                _ = try self.line()
            }
            _ = try self.line()
        } else {
            body = try self.take(length ?? 0)
        }
        let words = status.split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0, try Node.read(json: body))
    }

    private func line() throws -> String {
        while true {
            if let end = self.buffered.firstIndex(of: 0x0A) {
                let line = self.buffered[..<end].filter { $0 != 0x0D }
                self.buffered.removeFirst(end + 1)
                return String(decoding: line, as: UTF8.self)
            }
            try self.fill()
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while self.buffered.count < count { try self.fill() }
        defer { self.buffered.removeFirst(count) }
        return Array(self.buffered.prefix(count))
    }

    private func fill() throws {
        var part = [UInt8](repeating: 0, count: 65536)
        let count = unsafe recv(self.socket, &part, part.count, 0)
        guard count > 0 else { throw TestSupportError("the member closed the connection: errno \(errno)") }
        self.buffered += part[..<count]
    }

    private func connect() throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestSupportError("socket: errno \(errno)") }
        self.socket = socket
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(self.port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe Glibc.connect(socket, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw TestSupportError("connect: errno \(errno)") }
        var on: Int32 = 1
        unsafe setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}

extension Gateway {
    static func base64(_ text: String) -> Node { .string(Self.base64(Array(text.utf8))) }

    static func base64(_ bytes: [UInt8]) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let word = part.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for place in 0..<4 {
                text.append(place <= part.count ? letters[Int(word >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A number that the gateway writes as text.
    static func number(_ node: Node?) -> Int64? {
        node?.string.flatMap { Int64($0) } ?? node?.int.flatMap { Int64(exactly: $0) }
    }

    @discardableResult
    func put(_ key: String, _ value: String, lease: Int64 = 0) throws -> Int64 {
        var body: Mapping = ["key": Self.base64(key), "value": Self.base64(value)]
        if lease != 0 { body["lease"] = .string(String(lease)) }
        return Self.number(try self.call("kv/put", body)["header"]?["revision"]) ?? 0
    }

    @discardableResult
    func delete(_ key: String) throws -> Int64 {
        Self.number(try self.call("kv/deleterange", ["key": Self.base64(key)])["header"]?["revision"]) ?? 0
    }

    /// One transaction with no conditions.
    func txn(_ operations: [Node]) throws {
        try self.call("kv/txn", ["success": .sequence(operations)])
    }

    static func putOperation(_ key: String, _ value: String, lease: Int64 = 0) -> Node {
        var put: Mapping = ["key": Self.base64(key), "value": Self.base64(value)]
        if lease != 0 { put["lease"] = .string(String(lease)) }
        return .mapping(["request_put": .mapping(put)])
    }

    static func deleteOperation(_ key: String) -> Node {
        .mapping(["request_delete_range": .mapping(["key": Self.base64(key)])])
    }

    func revision() throws -> Int64 {
        Self.number(try self.call("kv/range", ["key": Self.base64("a")])["header"]?["revision"]) ?? 0
    }

    func grant(ttl: Int64) throws -> Int64 {
        Self.number(try self.call("lease/grant", ["TTL": .string(String(ttl))])["ID"]) ?? 0
    }

    func revoke(_ lease: Int64) throws {
        try self.call("lease/revoke", ["ID": .string(String(lease))])
    }

    func compact(_ revision: Int64) throws {
        try self.call("kv/compaction", ["revision": .string(String(revision)), "physical": true])
    }

    /// The keys of a range that live, with their values in base 64.
    func all() throws -> [String: String] {
        let node = try self.call("kv/range", ["key": Self.base64("\0"), "range_end": Self.base64("\0")])
        var found: [String: String] = [:]
        for kv in node["kvs"]?.sequence ?? [] { found[kv["key"]?.string ?? ""] = kv["value"]?.string ?? "" }
        return found
    }
}

/// HashKV, as a member gave it.
struct Hash: Hashable {
    var revision: Int64
    var hash: Int64
    /// -1 where nothing is compacted.
    var compactRevision: Int64
}

extension EtcdProcess {
    /// HashKV at a revision, or at the last.
    func hashKV(_ revision: Int64? = nil) async throws -> Hash {
        let node =
            if let revision {
                try await self.json("endpoint", "hashkv", "--rev", "\(revision)")
            } else {
                try await self.json("endpoint", "hashkv")
            }
        let answer = try #require(node[0]?["HashKV"])
        return Hash(
            revision: Gateway.number(answer["header"]?["revision"]) ?? 0, hash: Gateway.number(answer["hash"]) ?? 0,
            compactRevision: Gateway.number(answer["compact_revision"]) ?? 0)
    }
}
