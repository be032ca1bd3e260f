internal import YAML

/// One request, apart from how it came.
struct APIRequest: Sendable {
    /// In upper case.
    var method: String
    /// As it came, for messages.
    var target: String
    /// The decoded parts of the path.
    var path: [String]
    var query: [String: String]
    /// The header fields that count here; empty when missing.
    var accept: String
    var contentType: String
    var body: [UInt8]

    /// - Parameter target: Path and query, percent-encoded.
    init(
        method: String, target: String, accept: String = "", contentType: String = "", body: [UInt8] = []
    ) throws(StatusError) {
        let parts = target.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        self.method = method
        self.target = target
        self.path = []
        for part in parts[0].split(separator: UInt8(ascii: "/")) {
            self.path.append(try Self.decode(part, plusIsSpace: false))
        }
        self.query = [:]
        for item in parts.dropFirst().joined().split(separator: UInt8(ascii: "&")) {
            let pair = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(pair[0], plusIsSpace: true)
            guard self.query[name] == nil else { throw .badRequest("\(quoted(name)) is given twice") }
            self.query[name] = pair.count > 1 ? try Self.decode(pair[1], plusIsSpace: true) : ""
        }
        self.accept = accept
        self.contentType = contentType
        self.body = body
    }

    /// Whether the answer is to be a table, which is what `kubectl get` prints.
    var wantsTable: Bool { self.accept.contains("as=Table") }

    var isWatch: Bool { ["true", "1"].contains(self.query["watch"]) }

    var isDryRun: Bool { self.query["dryRun"] == "All" }

    func number(_ name: String) throws(StatusError) -> Int64? {
        guard let text = self.query[name], !text.isEmpty else { return nil }
        guard let number = Int64(text), number >= 0 else { throw .badRequest("\(name): \(quoted(text)) is no number") }
        return number
    }

    /// The body as a document.
    func document() throws(StatusError) -> Node {
        let type = self.contentType.lowercased().prefix { $0 != ";" && $0 != " " }
        do throws(YAMLError) {
            switch type {
            case "", "application/json", "application/merge-patch+json": return try Node.read(json: self.body)
            case "application/yaml", "application/apply-patch+yaml": return try Self.yaml(self.body)
            default: break
            }
        } catch {
            throw .badRequest("the body cannot be read: \(error)")
        }
        let types = "application/json, application/yaml, application/merge-patch+json, application/apply-patch+yaml"
        throw StatusError(415, "UnsupportedMediaType", "\(quoted(String(type))) is not understood here: use one of \(types)")
    }

    private static func yaml(_ bytes: [UInt8]) throws(YAMLError) -> Node {
        let documents = Node.read(yaml: bytes)
        if let error = documents.lazy.flatMap(\.errors).first { throw error }
        guard documents.count == 1, let root = documents[0].root else {
            throw YAMLError(mark: Mark(line: 1, column: 1), message: "must be one document")
        }
        return root
    }

    private static func decode(_ text: some Collection<UInt8>, plusIsSpace: Bool) throws(StatusError) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                    throw .badRequest("the URL has a % that is not followed by two hexadecimal digits")
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .badRequest("the URL is not UTF-8") }
        return text
    }
}

private func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x41 + 10
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
}
