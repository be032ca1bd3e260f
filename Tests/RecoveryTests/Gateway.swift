import TestSupport
import Testing
import YAML

/// A member's JSON gateway over one connection: many calls a second, with nothing but a socket. Blocks.
final class Gateway {
    private let port: Int
    private var socket: MemberSocket?
    /// What was asked for last.
    private var last = ""

    init(_ member: EtcdProcess) {
        self.port = member.clientPort
    }

    /// Calls a method such as `kv/put`; an answer other than 200 throws.
    @discardableResult
    func call(_ path: String, _ body: Mapping) throws -> Node {
        let (status, node) = try self.post(path, body)
        guard status == 200 else { throw TestSupportError("\(path): \(status): \(node)") }
        return node
    }

    func post(_ path: String, _ body: Mapping) throws -> (status: Int, body: Node) {
        try self.begin(path, Node.mapping(body).json())
        return try self.answer()
    }

    /// Sends a request whose answer is waited for later, with ``answer()``.
    func begin(_ path: String, _ json: [UInt8]) throws {
        var head = "POST /v3/\(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        if let token { head += "Authorization: \(token)\r\n" }
        self.last = "\(path) \(String(decoding: json.prefix(300), as: UTF8.self))"
        try self.connected().send(Array("\(head)Content-Length: \(json.count)\r\n\r\n".utf8) + json)
    }

    private func connected() throws -> MemberSocket {
        if let socket { return socket }
        let socket = try MemberSocket(port: self.port)
        self.socket = socket
        return socket
    }

    /// What `auth/authenticate` gave, where auth is on.
    var token: String?
    /// Whom it was given to.
    var user = ""

    /// The answer to the oldest request that has none yet.
    func answer() throws -> (status: Int, body: Node) {
        do { return try self.read() } catch { throw TestSupportError("\(self.last): \(error)") }
    }

    private func read() throws -> (status: Int, body: Node) {
        let socket = try self.connected()
        let status = try socket.line()
        var length: Int?
        var isChunked = false
        while case let header = try socket.line().lowercased(), !header.isEmpty {
            if header.hasPrefix("content-length:") {
                length = Int(header.dropFirst(15).drop { $0 == " " })
            }
            if header.hasPrefix("transfer-encoding:"), header.hasSuffix("chunked") { isChunked = true }
        }
        var body: [UInt8] = []
        if isChunked {
            while case let count = Int(try socket.line(), radix: 16) ?? 0, count > 0 {
                body += try socket.take(count)
                _ = try socket.line()
            }
            // Errors have trailers.
            while try !socket.line().isEmpty {}
        } else {
            body = try socket.take(length ?? 0)
        }
        let words = status.split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0, try Node.read(json: body))
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

    /// What text in base 64 stands for.
    static func text(_ base64: String) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var (bytes, bits, count): ([UInt8], UInt32, Int) = ([], 0, 0)
        for letter in base64.utf8 {
            guard let value = letters.firstIndex(of: letter) else { break }
            (bits, count) = (bits << 6 | UInt32(value), count + 6)
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return String(decoding: bytes, as: UTF8.self)
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
