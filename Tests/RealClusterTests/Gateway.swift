import EtcdWire
import Simulation
import TestSupport
import YAML

/// Requests to etcd by its JSON gateway: bytes in base64, numbers as text.
enum Gateway {
    /// What came of a request.
    enum Outcome: Sendable {
        case reply(EtcdReply)
        /// It was not sent.
        case notSent
        /// Whatever came back does not tell whether it took effect.
        case unknown
    }

    static func call(_ request: EtcdRequest, port: Int) -> Outcome {
        let (path, body) = Self.encoded(request)
        let answer: LoopbackAnswer
        do {
            let text = String(decoding: body.json(), as: UTF8.self)
            answer = try Loopback.exchange("POST", "/v3/kv/\(path)", body: text, within: 1, port: port)
        } catch is LoopbackRefused {
            return .notSent
        } catch {
            return .unknown
        }
        guard let node = try? Node.read(json: Array(answer.body.utf8)) else { return .unknown }
        guard answer.status == 200 else {
            switch node["error"]?.string {
            case "etcdserver: mvcc: required revision has been compacted": return .reply(.compacted)
            case "etcdserver: mvcc: required revision is a future revision": return .reply(.futureRevision)
            default: return .unknown
            }
        }
        switch request {
        case .range: return .reply(.range(Self.range(node)))
        case .put: return .reply(.put(Self.put(node)))
        case .deleteRange: return .reply(.deleteRange(Self.delete(node)))
        case .txn: return .reply(.txn(Self.txn(node)))
        case .compact: return .reply(.compact(CompactionResponse(header: Self.header(node))))
        }
    }

    private static func encoded(_ request: EtcdRequest) -> (path: String, body: Node) {
        switch request {
        case .range(let request): ("range", Self.node(request))
        case .put(let request): ("put", Self.node(request))
        case .deleteRange(let request): ("deleterange", Self.node(request))
        case .txn(let request): ("txn", Self.node(request))
        case .compact(let request): ("compaction", Self.object([("revision", .int(request.revision))]))
        }
    }

    private static func object(_ fields: [(String, Node)]) -> Node {
        var mapping = Mapping()
        for (name, value) in fields { mapping[name] = value }
        return .mapping(mapping)
    }

    private static func node(_ request: RangeRequest) -> Node {
        Self.object([
            ("key", Self.base64(request.key)), ("range_end", Self.base64(request.rangeEnd)), ("limit", .int(request.limit)),
            ("revision", .int(request.revision)), ("serializable", .bool(request.serializable)),
            ("keys_only", .bool(request.keysOnly)), ("count_only", .bool(request.countOnly)),
        ])
    }

    private static func node(_ request: PutRequest) -> Node {
        Self.object([
            ("key", Self.base64(request.key)), ("value", Self.base64(request.value)), ("prev_kv", .bool(request.prevKv)),
        ])
    }

    private static func node(_ request: DeleteRangeRequest) -> Node {
        Self.object([
            ("key", Self.base64(request.key)), ("range_end", Self.base64(request.rangeEnd)), ("prev_kv", .bool(request.prevKv)),
        ])
    }

    private static func node(_ request: TxnRequest) -> Node {
        Self.object([
            ("compare", .sequence(request.compare.map { Self.node($0) })),
            ("success", .sequence(request.success.map { Self.node($0) })),
            ("failure", .sequence(request.failure.map { Self.node($0) })),
        ])
    }

    private static func node(_ operation: RequestOp) -> Node {
        switch operation {
        case .range(let request): Self.object([("request_range", Self.node(request))])
        case .put(let request): Self.object([("request_put", Self.node(request))])
        case .deleteRange(let request): Self.object([("request_delete_range", Self.node(request))])
        case .txn(let request): Self.object([("request_txn", Self.node(request))])
        }
    }

    private static func node(_ compare: Compare) -> Node {
        let operand: (String, Node) =
            switch compare.operand {
            case .version(let number)?: ("version", .int(number))
            case .createRevision(let number)?: ("create_revision", .int(number))
            case .modRevision(let number)?: ("mod_revision", .int(number))
            case .lease(let number)?: ("lease", .int(number))
            case .value(let value)?: ("value", Self.base64(value))
            case nil: ("version", .int(0))
            }
        return Self.object([
            ("result", .int(compare.result.rawValue)), ("target", .int(compare.target.rawValue)),
            ("key", Self.base64(compare.key)), operand,
        ])
    }

    private static func header(_ node: Node) -> ResponseHeader {
        ResponseHeader(revision: Self.number(node["header"]?["revision"]))
    }

    private static func range(_ node: Node) -> RangeResponse {
        RangeResponse(
            header: Self.header(node), kvs: (node["kvs"]?.sequence ?? []).map { Self.row($0) },
            more: node["more"]?.bool ?? false,
            count: Self.number(node["count"]))
    }

    private static func put(_ node: Node) -> PutResponse {
        PutResponse(header: Self.header(node), prevKv: node["prev_kv"].map { Self.row($0) })
    }

    private static func delete(_ node: Node) -> DeleteRangeResponse {
        DeleteRangeResponse(
            header: Self.header(node), deleted: Self.number(node["deleted"]),
            prevKvs: (node["prev_kvs"]?.sequence ?? []).map { Self.row($0) })
    }

    private static func txn(_ node: Node) -> TxnResponse {
        let responses = (node["responses"]?.sequence ?? []).map { response -> ResponseOp in
            if let range = response["response_range"] { return .range(Self.range(range)) }
            if let put = response["response_put"] { return .put(Self.put(put)) }
            if let delete = response["response_delete_range"] { return .deleteRange(Self.delete(delete)) }
            return .txn(Self.txn(response["response_txn"] ?? .null))
        }
        return TxnResponse(header: Self.header(node), succeeded: node["succeeded"]?.bool ?? false, responses: responses)
    }

    private static func row(_ node: Node) -> KeyValue {
        KeyValue(
            key: Self.bytes(node["key"]), createRevision: Self.number(node["create_revision"]),
            modRevision: Self.number(node["mod_revision"]), version: Self.number(node["version"]),
            value: Self.bytes(node["value"]), lease: Self.number(node["lease"]))
    }

    private static func number(_ node: Node?) -> Int64 {
        node?.string.flatMap { Int64($0) } ?? 0
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func base64(_ bytes: [UInt8]) -> Node {
        let text = stride(from: 0, to: bytes.count, by: 3).map { start in
            let part = bytes[start..<min(start + 3, bytes.count)]
            let number = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            let digits = (0...part.count).map { Self.alphabet[number >> (18 - 6 * $0) & 63] }
            return String(decoding: digits, as: UTF8.self) + String(repeating: "=", count: 3 - part.count)
        }
        return .string(text.joined())
    }

    private static func bytes(_ node: Node?) -> [UInt8] {
        var bytes: [UInt8] = []
        var (number, bits) = (0, 0)
        for digit in (node?.string ?? "").utf8 {
            guard let value = Self.alphabet.firstIndex(of: digit) else { break }
            number = (number << 6 | value) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: number >> bits))
            }
        }
        return bytes
    }
}
