internal import YAML

/// A type whose fields are listed once, for reading, writing and describing.
protocol Fielded {
    /// What reading starts from: every field at its default.
    static var blank: Self { get }
    /// Names each field, with its place in `self`, its format, and a sentence on it.
    mutating func fields(_ list: inout Fields)
}

/// A walk over the field list of a ``Fielded`` type. The same list reads a document into a value, writes the value as a
/// document, and describes both as an OpenAPI v3 schema; there is no second place that could differ.
struct Fields {
    enum Need {
        case optional
        case required
    }

    private enum Work {
        case reading(Mapping, Mark)
        case writing
        case describing(withDefaults: Bool)
    }

    private let work: Work
    private(set) var reading = Reading(file: "", origin: .stored)
    /// The document written, or the properties described.
    private(set) var output = Mapping()
    private(set) var required: [String] = []
    private var known: [String] = []
    private var failed: Set<String> = []

    private init(_ work: Work) {
        self.work = work
    }

    /// Reads a mapping, and complains of every field that no one named.
    static func read(_ mapping: Mapping, _ mark: Mark, _ reading: inout Reading, _ body: (inout Fields) -> Void) {
        var fields = Fields(.reading(mapping, mark))
        fields.reading = reading
        let wasLenient = reading.isLenient
        body(&fields)
        fields.refuseUnknown(mapping)
        reading = fields.reading
        reading.isLenient = wasLenient
    }

    static func write(_ body: (inout Fields) -> Void) -> Mapping {
        var fields = Fields(.writing)
        body(&fields)
        return fields.output
    }

    static func describe(withDefaults: Bool, _ body: (inout Fields) -> Void) -> Mapping {
        var fields = Fields(.describing(withDefaults: withDefaults))
        body(&fields)
        var schema: Mapping = ["type": "object"]
        if !fields.required.isEmpty { schema["required"] = .sequence(fields.required.map { .string($0) }) }
        if !fields.output.isEmpty { schema["properties"] = .mapping(fields.output) }
        return schema
    }

    /// A field that always has a value.
    /// - Parameter isOmitted: Whether it is left out when written, for values that say nothing.
    mutating func field<Value>(
        _ name: String, _ value: inout Value, _ format: Format<Value>, _ note: String, _ need: Need = .optional,
        isOmitted: Bool = false
    ) {
        switch self.work {
        case .reading:
            if let new = self.readField(name, format, need) { value = new }
        case .writing:
            if !isOmitted { self.output[name] = format.write(value) }
        case .describing(let withDefaults):
            let fallback = withDefaults && need == .optional && format.isScalar ? format.write(value) : nil
            self.describe(name, format.schema(withDefaults), note, need, default: fallback)
        }
    }

    /// A field that may be left out.
    mutating func field<Value>(_ name: String, _ value: inout Value?, _ format: Format<Value>, _ note: String) {
        switch self.work {
        case .reading:
            if let new = self.readField(name, format, .optional) { value = new }
        case .writing:
            if let value { self.output[name] = format.write(value) }
        case .describing(let withDefaults):
            self.describe(name, format.schema(withDefaults), note, .optional, default: nil)
        }
    }

    /// Fields under a key that have no type of their own.
    mutating func group(_ name: String, _ note: String, _ body: (inout Fields) -> Void) {
        switch self.work {
        case .reading:
            self.known.append(name)
            guard let node = self.node(name) else { return }
            self.reading.path.append(name)
            if let mapping = node.mapping {
                Fields.read(mapping, node.mark, &self.reading, body)
            } else {
                self.failed.insert(name)
                let _: Never? = self.reading.refuse(node, "must be a mapping")
            }
            self.reading.path.removeLast()
        case .writing: self.output[name] = .mapping(Fields.write(body))
        case .describing(let withDefaults):
            self.describe(name, Fields.describe(withDefaults: withDefaults, body), note, .optional, default: nil)
        }
    }

    /// A field that the controller sets: in a user's file it is passed over with a warning.
    mutating func observed<Value>(
        _ name: String, _ value: inout Value, _ format: Format<Value>, _ note: String, isOmitted: Bool = false
    ) {
        if self.passOver(name) { return }
        let wasLenient = self.reading.isLenient
        self.reading.isLenient = true
        self.field(name, &value, format, note, isOmitted: isOmitted)
        self.reading.isLenient = wasLenient
    }

    mutating func observed<Value>(_ name: String, _ value: inout Value?, _ format: Format<Value>, _ note: String) {
        if self.passOver(name) { return }
        self.field(name, &value, format, note)
    }

    /// A field that must say one thing, such as `kind`.
    mutating func constant(_ name: String, _ text: String) {
        var value = text
        let format = Format<String>(schema: ["type": "string"]) { node, reading in
            if node.string == text { return text }
            return reading.refuse(node, "must be \(text)")
        } write: {
            .string($0)
        }
        self.field(name, &value, format, "", .required)
    }

    /// A field of the manual that this version cannot honour: to take it silently would be a lie.
    /// - Parameter allowsEmpty: Whether an empty mapping, which asks for nothing, is taken.
    mutating func unsupported(_ name: String, allowsEmpty: Bool = false, instead: String = "") {
        guard case .reading = self.work else { return }
        self.known.append(name)
        guard let node = self.node(name) else { return }
        if allowsEmpty, node.mapping?.isEmpty == true { return }
        self.reading.descend(name) { $0.fail(node.mark, "not supported yet" + (instead.isEmpty ? "" : ": \(instead)")) }
    }

    /// Whether a mapping is read in which nothing stands.
    var isEmpty: Bool {
        guard case .reading(let mapping, _) = self.work else { return false }
        return mapping.isEmpty
    }

    /// A rule over several fields, told at the first of them that is given. Not asked when one of them could not be read.
    mutating func rule(_ names: String..., message: @autoclosure () -> String?) {
        self.judge(names, message()) { reading, mark, message in reading.fail(mark, message) }
    }

    mutating func warning(_ names: String..., message: @autoclosure () -> String?) {
        self.judge(names, message()) { reading, mark, message in reading.warn(mark, message) }
    }

    /// Passes over unknown fields of an object that did not come from a file: other programs add their own.
    mutating func acceptUnknownFromStore() {
        if self.reading.origin == .stored { self.reading.isLenient = true }
    }

    private mutating func judge(
        _ names: [String], _ message: @autoclosure () -> String?, _ tell: (inout Reading, Mark, String) -> Void
    ) {
        guard case .reading(_, let mark) = self.work, names.allSatisfy({ !self.failed.contains($0) }) else { return }
        guard let message = message() else { return }
        let given = names.first { self.node($0) != nil }
        let node = given.flatMap { self.node($0) }
        let value = node.map { $0.mapping == nil && $0.sequence == nil ? "\($0.shown): " : "" } ?? ""
        self.reading.descend(given ?? names[0]) { tell(&$0, node?.mark ?? mark, value + message) }
    }

    private mutating func readField<Value>(_ name: String, _ format: Format<Value>, _ need: Need) -> Value? {
        guard case .reading(_, let mark) = self.work else { return nil }
        self.known.append(name)
        self.reading.path.append(name)
        defer { self.reading.path.removeLast() }
        guard let node = self.node(name) else {
            if need == .required {
                self.reading.fail(mark, "required")
                self.failed.insert(name)
            }
            return nil
        }
        if node.isNull {
            if self.reading.origin == .stored, need == .optional { return nil }
            self.reading.fail(node.mark, "is empty: give a value, or remove the line")
            self.failed.insert(name)
            return nil
        }
        let before = self.reading.errors.count
        let value = format.read(node, &self.reading)
        if self.reading.errors.count > before { self.failed.insert(name) }
        return value
    }

    private func node(_ name: String) -> Node? {
        guard case .reading(let mapping, _) = self.work else { return nil }
        return mapping[name]
    }

    /// Whether a field that the controller sets stands in a user's file.
    private mutating func passOver(_ name: String) -> Bool {
        guard case .reading(let mapping, _) = self.work, self.reading.origin == .file else { return false }
        self.known.append(name)
        if let mark = mapping.keyMark(name) {
            self.reading.descend(name) { $0.warn(mark, "is set by the controller; ignored here") }
        }
        return true
    }

    private mutating func describe(_ name: String, _ schema: Mapping, _ note: String, _ need: Need, default fallback: Node?) {
        var schema = schema
        if !note.isEmpty { schema["description"] = .string(note) }
        if let fallback { schema["default"] = fallback }
        if need == .required { self.required.append(name) }
        self.output[name] = .mapping(schema)
    }

    private mutating func refuseUnknown(_ mapping: Mapping) {
        guard !self.reading.isLenient else { return }
        let known = Set(self.known)
        for entry in mapping.entries where !known.contains(entry.key) {
            let near = nearest(entry.key, in: self.known).map { "did you mean \($0)?" }
            let hint = near ?? "known here: \(self.known.sorted().joined(separator: ", "))"
            self.reading.descend(entry.key) { $0.fail(entry.keyMark, "unknown field; \(hint)") }
        }
    }
}
