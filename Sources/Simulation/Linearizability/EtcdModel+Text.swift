internal import EtcdWire

extension EtcdRequest: CustomStringConvertible {
    public var description: String {
        switch self {
        case .range(let request): request.text
        case .put(let request): request.text
        case .deleteRange(let request): request.text
        case .txn(let request): request.text
        case .compact(let request): "compact \(request.revision)"
        }
    }
}

extension EtcdReply: CustomStringConvertible {
    public var description: String {
        let text =
            switch self {
            case .range(let response): response.text
            case .put(let response): response.text
            case .deleteRange(let response): response.text
            case .txn(let response): response.text
            case .compact: "compacted"
            case .compacted: "refused: compacted"
            case .futureRevision: "refused: future revision"
            }
        return self.revision.map { "\(text) @\($0)" } ?? text
    }
}

/// What can be read as text is; anything else in hexadecimal.
private func text(_ bytes: [UInt8]) -> String {
    let isText = bytes.allSatisfy { (0x20..<0x7F).contains($0) }
    return isText ? String(decoding: bytes, as: UTF8.self) : "0x" + bytes.map { String($0, radix: 16) }.joined(separator: ".")
}

private func text(_ key: [UInt8], to end: [UInt8]) -> String {
    end.isEmpty ? text(key) : "[\(text(key)), \(end == [0] ? "…" : text(end)))"
}

private func text(_ row: KeyValue) -> String {
    "\(text(row.key))=\(text(row.value))@\(row.createRevision).\(row.modRevision)v\(row.version)"
}

private func text(_ row: KeyValue?) -> String {
    row.map { " over \(text($0))" } ?? ""
}

extension RangeRequest {
    fileprivate var text: String {
        var text = "range \(Simulation.text(self.key, to: self.rangeEnd))"
        func add(_ name: String, _ number: Int64) {
            if number != 0 { text += " \(name) \(number)" }
        }
        add("at", self.revision)
        add("limit", self.limit)
        add("mod from", self.minModRevision)
        add("mod to", self.maxModRevision)
        add("create from", self.minCreateRevision)
        add("create to", self.maxCreateRevision)
        if self.sortOrder != .none || self.sortTarget != .key { text += " \(self.sortOrder) by \(self.sortTarget)" }
        if self.keysOnly { text += " keys only" }
        if self.countOnly { text += " count only" }
        if self.serializable { text += " serializable" }
        return text
    }
}

extension PutRequest {
    fileprivate var text: String { "put \(Simulation.text(self.key))=\(Simulation.text(self.value))" }
}

extension DeleteRangeRequest {
    fileprivate var text: String { "delete \(Simulation.text(self.key, to: self.rangeEnd))" }
}

extension TxnRequest {
    fileprivate var text: String {
        let compares = self.compare.map(\.text).joined(separator: ", ")
        let branches = [self.success, self.failure].map { $0.map(\.text).joined(separator: ", ") }
        return "txn if (\(compares)) then (\(branches[0])) else (\(branches[1]))"
    }
}

extension Compare {
    fileprivate var text: String {
        let operand =
            switch self.operand {
            case .version(let number)?, .createRevision(let number)?, .modRevision(let number)?, .lease(let number)?:
                "\(number)"
            case .value(let value)?: Simulation.text(value)
            case nil: "nothing"
            }
        return "\(self.target) of \(Simulation.text(self.key, to: self.rangeEnd)) \(self.result) \(operand)"
    }
}

extension RequestOp {
    fileprivate var text: String {
        switch self {
        case .range(let request): request.text
        case .put(let request): request.text
        case .deleteRange(let request): request.text
        case .txn(let request): request.text
        }
    }
}

extension RangeResponse {
    fileprivate var text: String {
        "\(self.count) keys: \(self.kvs.map { Simulation.text($0) }.joined(separator: " "))\(self.more ? " and more" : "")"
    }
}

extension PutResponse {
    fileprivate var text: String { "put\(Simulation.text(self.prevKv))" }
}

extension DeleteRangeResponse {
    fileprivate var text: String { "deleted \(self.deleted)\(self.prevKvs.map { Simulation.text(Optional($0)) }.joined())" }
}

extension TxnResponse {
    fileprivate var text: String {
        "\(self.succeeded ? "succeeded" : "failed") (\(self.responses.map(\.text).joined(separator: ", ")))"
    }
}

extension ResponseOp {
    fileprivate var text: String {
        switch self {
        case .range(let response): response.text
        case .put(let response): response.text
        case .deleteRange(let response): response.text
        case .txn(let response): response.text
        }
    }
}
