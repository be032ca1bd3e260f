internal import YAML

/// JSON with the very bytes that etcd's own encoder writes (Go's `encoding/json`).
struct GoJSON {
    private(set) var bytes: [UInt8] = []
    private var isFirst = true

    /// One object. Its fields are written by `body`, in order.
    static func object(_ body: (inout GoJSON) -> Void) -> [UInt8] {
        var json = GoJSON()
        json.object(body)
        return json.bytes
    }

    mutating func object(_ body: (inout GoJSON) -> Void) {
        self.append("{")
        self.isFirst = true
        body(&self)
        self.append("}")
        self.isFirst = false
    }

    mutating func field(_ name: String, _ value: UInt64) {
        self.begin(name)
        self.append(value.description)
    }

    mutating func field(_ name: String, _ value: Bool) {
        self.begin(name)
        self.append(value ? "true" : "false")
    }

    mutating func field(_ name: String, _ value: String) {
        self.begin(name)
        self.string(value)
    }

    mutating func field(_ name: String, _ values: [String]) {
        self.begin(name)
        self.list(values) { $0.string($1) }
    }

    mutating func field(_ name: String, _ values: [UInt64]) {
        self.begin(name)
        self.list(values) { $0.append($1.description) }
    }

    mutating func null(_ name: String) {
        self.begin(name)
        self.append("null")
    }

    mutating func nulls(_ name: String, count: Int) {
        self.begin(name)
        self.list(Array(repeating: "null", count: count)) { $0.append($1) }
    }

    mutating func object(_ name: String, _ body: (inout GoJSON) -> Void) {
        self.begin(name)
        self.object(body)
    }

    private mutating func begin(_ name: String) {
        if !self.isFirst { self.append(",") }
        self.isFirst = false
        self.string(name)
        self.append(":")
    }

    private mutating func list<Element>(_ elements: [Element], _ write: (inout GoJSON, Element) -> Void) {
        self.append("[")
        for (place, element) in elements.enumerated() {
            if place > 0 { self.append(",") }
            write(&self, element)
        }
        self.append("]")
    }

    /// Besides what JSON asks for, Go escapes what HTML and JavaScript could take amiss.
    private mutating func string(_ text: String) {
        self.append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": self.append("\\\"")
            case "\\": self.append("\\\\")
            case "\n": self.append("\\n")
            case "\r": self.append("\\r")
            case "\t": self.append("\\t")
            case "<", ">", "&", "\u{2028}", "\u{2029}", "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                self.append("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
            default: self.append(String(scalar))
            }
        }
        self.append("\"")
    }

    private mutating func append(_ text: String) {
        self.bytes.append(contentsOf: text.utf8)
    }
}

/// An object that etcd wrote, read field by field. Names count whatever their case, as in Go; those not asked for are
/// passed over, and `null` is as good as no field.
struct JSONObject {
    private let mapping: Mapping

    /// - Throws: A fatal error that names `what`.
    init(_ bytes: [UInt8], _ what: String) throws(StoreError) {
        let node: Node
        var limits = Limits()
        (limits.size, limits.nodes) = (64 << 20, 4 << 20)
        do throws(YAMLError) {
            node = try Node.read(json: bytes, limits: limits)
        } catch {
            throw .fatal("\(what): \(error)")
        }
        guard let mapping = node.mapping else { throw .fatal("\(what): no JSON object") }
        self.mapping = mapping
    }

    init?(_ node: Node?) {
        guard let mapping = node?.mapping else { return nil }
        self.mapping = mapping
    }

    subscript(name: String) -> Node? {
        let entry =
            self.mapping.entries.last { $0.key == name }
            ?? self.mapping.entries.last { $0.key.lowercased() == name.lowercased() }
        if case .null? = entry?.value.value { return nil }
        return entry?.value
    }

    var entries: [(key: String, value: Node)] { self.mapping.entries.map { ($0.key, $0.value) } }

    func string(_ name: String) -> String? { self[name]?.string }
    func bool(_ name: String) -> Bool? { self[name]?.bool }
    func number(_ name: String) -> UInt64? {
        guard let value = self[name]?.int else { return nil }
        return UInt64(exactly: value)
    }

    func strings(_ name: String) -> [String]? {
        guard let elements = self[name]?.sequence else { return nil }
        var strings: [String] = []
        for element in elements {
            if let string = element.string { strings.append(string) }
        }
        return strings
    }

    func numbers(_ name: String) -> [UInt64]? {
        guard let elements = self[name]?.sequence else { return nil }
        var numbers: [UInt64] = []
        for element in elements {
            if let value = element.int, let number = UInt64(exactly: value) { numbers.append(number) }
        }
        return numbers
    }
}
