public import Platform
internal import YAML

/// How one kind of value is read, written and described.
struct Format<Value> {
    /// An OpenAPI v3 schema, with the defaults of what is inside or without.
    let schema: (_ withDefaults: Bool) -> Mapping
    /// Reads a value, or writes down what is wrong with it.
    let read: (Node, inout Reading) -> Value?
    let write: (Value) -> Node
    /// Whether a schema may state a default for it.
    let isScalar: Bool

    init(
        schema: Mapping, read: @escaping (Node, inout Reading) -> Value?, write: @escaping (Value) -> Node
    ) {
        self.schema = { _ in schema }
        self.read = read
        self.write = write
        self.isScalar = true
    }

    fileprivate init(
        compound schema: @escaping (Bool) -> Mapping, read: @escaping (Node, inout Reading) -> Value?,
        write: @escaping (Value) -> Node
    ) {
        self.schema = schema
        self.read = read
        self.write = write
        self.isScalar = false
    }

    /// The same text for a value of another type.
    func mapped<Other>(_ to: @escaping (Value) -> Other, from: @escaping (Other) -> Value) -> Format<Other> {
        Format<Other>(compound: self.schema) { node, reading in
            let before = reading.errors.count
            guard let value = self.read(node, &reading), reading.errors.count == before else { return nil }
            return to(value)
        } write: {
            self.write(from($0))
        }
    }

    static func list<Element>(of element: Format<Element>) -> Format<[Element]> where Value == [Element] {
        Format(compound: { ["type": "array", "items": .mapping(element.schema($0))] }) { node, reading in
            guard let nodes = node.sequence else { return reading.refuse(node, "must be a list") }
            return nodes.enumerated().compactMap { index, node in
                reading.descend("[\(index)]") { element.read(node, &$0) }
            }
        } write: {
            .sequence($0.map(element.write))
        }
    }

    /// Written with sorted keys, so that equal values give equal bytes.
    /// - Parameter key: What is wrong with a key; nil when nothing is.
    static func map<Element>(
        of element: Format<Element>, key: @escaping (String) -> String? = { _ in nil }
    ) -> Format<[String: Element]> where Value == [String: Element] {
        Format(compound: { ["type": "object", "additionalProperties": .mapping(element.schema($0))] }) { node, reading in
            guard let mapping = node.mapping else { return reading.refuse(node, "must be a mapping") }
            var result: [String: Element] = [:]
            for entry in mapping.entries {
                reading.descend(entry.key) { reading in
                    if let message = key(entry.key) { reading.fail(entry.keyMark, message) }
                    result[entry.key] = element.read(entry.value, &reading)
                }
            }
            return result
        } write: { value in
            .mapping(Mapping(value.sorted { $0.key < $1.key }.map { ($0.key, element.write($0.value)) }))
        }
    }
}

extension Format where Value: Fielded {
    /// A mapping with the fields of a type.
    static var object: Format {
        Format(compound: { withDefaults in
            var blank = Value.blank
            return Fields.describe(withDefaults: withDefaults) { blank.fields(&$0) }
        }) { node, reading in
            guard let mapping = node.mapping else { return reading.refuse(node, "must be a mapping") }
            var value = Value.blank
            Fields.read(mapping, node.mark, &reading) { value.fields(&$0) }
            return value
        } write: { value in
            var value = value
            return .mapping(Fields.write { value.fields(&$0) })
        }
    }
}

extension Format where Value == String {
    static var text: Format { .text { _ in nil } }

    /// - Parameter complaint: What is wrong with a text; nil when nothing is.
    static func text(schema: Mapping = [:], _ complaint: @escaping (String) -> String?) -> Format {
        Format(schema: Mapping([("type", "string")] + schema.entries.map { ($0.key, $0.value) })) { node, reading in
            guard let text = node.string else {
                let hint = node.source.map { "; write \(quoted($0))" } ?? ""
                return reading.refuse(node, "must be a string" + hint)
            }
            if let message = complaint(text) { return reading.refuse(node, message) }
            return text
        } write: {
            .string($0)
        }
    }
}

extension Format where Value == Bool {
    static var bool: Format {
        Format(schema: ["type": "boolean"]) { node, reading in
            if let value = node.bool { return value }
            return reading.refuse(node, "must be true or false")
        } write: {
            .bool($0)
        }
    }
}

extension Format where Value: FixedWidthInteger {
    static var integer: Format { .integer(Value.min...Value.max) }

    static func integer(_ range: ClosedRange<Value>) -> Format {
        var schema: Mapping = ["type": "integer", "format": Value.bitWidth > 32 ? "int64" : "int32"]
        if range.lowerBound != .min || !Value.isSigned { schema["minimum"] = .int(range.lowerBound) }
        if range.upperBound != .max { schema["maximum"] = .int(range.upperBound) }
        let limits =
            range.upperBound != .max
            ? "\(range.lowerBound) to \(range.upperBound)"
            : range.lowerBound > 0 || !Value.isSigned || range.lowerBound == 0
                ? "\(range.lowerBound) or more" : "a 64-bit number"
        return Format(schema: schema) { node, reading in
            guard let wide = node.int else { return reading.refuse(node, "must be a whole number, \(limits)") }
            guard let value = Value(exactly: wide), range.contains(value) else {
                return reading.refuse(node, "must be \(limits)")
            }
            return value
        } write: {
            .int($0)
        }
    }
}

extension Format where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: Format { .choice() }

    /// One of a few words.
    /// - Parameters:
    ///   - unknown: What a word means that a newer program wrote to the store; an error when nil.
    ///   - refused: Words of the type that cannot be chosen, with the reason.
    static func choice(unknown: Value? = nil, refused: [(Value, String)] = []) -> Format {
        let taken = Value.allCases.map(\.rawValue).filter { word in !refused.contains { $0.0.rawValue == word } }
        let schema: Mapping =
            unknown == nil ? ["type": "string", "enum": .sequence(taken.map { .string($0) })] : ["type": "string"]
        return Format(schema: schema) { node, reading in
            guard let word = node.string else { return reading.refuse(node, "must be \(alternatives(taken))") }
            if let refusal = refused.first(where: { $0.0.rawValue == word }) { return reading.refuse(node, refusal.1) }
            if let value = Value(rawValue: word) { return value }
            if let unknown, reading.isLenient { return unknown }
            let hint = nearest(word, in: taken).map { "; did you mean \($0)?" } ?? ""
            return reading.refuse(node, "must be \(alternatives(taken))\(hint)")
        } write: {
            .string($0.rawValue)
        }
    }
}

/// `A, B or C`
func alternatives(_ words: [String]) -> String {
    words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
}

extension Format where Value == Timestamp {
    /// RFC 3339 in UTC; with a fraction where there is one, so that nothing is lost.
    static var timestamp: Format {
        Format(schema: ["type": "string", "format": "date-time"]) { node, reading in
            if let text = node.string, let time = Timestamp(rfc3339: text) { return time }
            return reading.refuse(node, "must be a time such as 2026-11-22T23:02:56Z")
        } write: {
            .string($0.rfc3339)
        }
    }
}

extension Timestamp {
    /// RFC 3339 in UTC with the fraction of the second, if there is one, in as few digits as hold it.
    public var rfc3339: String {
        let remainder = self.nanoseconds % 1_000_000_000
        let nanoseconds = remainder < 0 ? remainder + 1_000_000_000 : remainder
        guard nanoseconds != 0 else { return self.description }
        let digits = String(nanoseconds)
        var fraction = String(repeating: "0", count: 9 - digits.count) + digits
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(self.description.dropLast()).\(fraction)Z"
    }
}
