/// A place in a text. Both numbers count from 1; columns count characters (Unicode scalars), not bytes.
public struct Mark: Sendable, Hashable, Comparable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// Of nodes that came from no text.
    public static let none = Mark(line: 0, column: 0)

    public static func < (left: Mark, right: Mark) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// One node of a YAML or JSON document, with the place where it begins.
///
/// Two nodes are equal when their values are; places and spellings do not count.
public struct Node: Sendable, Hashable {
    public enum Value: Sendable, Hashable {
        case null
        case bool(Bool)
        /// Wide enough for both signed and unsigned 64-bit numbers.
        case int(Int128)
        case float(Double)
        case string(String)
        case sequence([Node])
        case mapping(Mapping)
    }

    public var value: Value
    public var mark: Mark
    /// How an unquoted scalar was written, as in `0x10` or `3.50`; nil for all other nodes.
    public var source: String?

    public init(_ value: Value, mark: Mark = .none, source: String? = nil) {
        self.value = value
        self.mark = mark
        self.source = source
    }

    public static func == (left: Node, right: Node) -> Bool {
        left.value == right.value
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.value)
    }
}

extension Node {
    public static let null = Node(.null)

    public static func bool(_ value: Bool) -> Node { Node(.bool(value)) }
    public static func int(_ value: some BinaryInteger) -> Node {
        Node(.int(Int128(clamping: value)))
    }
    public static func float(_ value: Double) -> Node { Node(.float(value)) }
    public static func string(_ value: String) -> Node { Node(.string(value)) }
    public static func sequence(_ value: [Node]) -> Node { Node(.sequence(value)) }
    public static func mapping(_ value: Mapping) -> Node { Node(.mapping(value)) }

    public var bool: Bool? {
        if case .bool(let value) = self.value { value } else { nil }
    }

    public var int: Int128? {
        if case .int(let value) = self.value { value } else { nil }
    }

    public var string: String? {
        if case .string(let value) = self.value { value } else { nil }
    }

    public var sequence: [Node]? {
        if case .sequence(let value) = self.value { value } else { nil }
    }

    public var mapping: Mapping? {
        if case .mapping(let value) = self.value { value } else { nil }
    }

    public var isNull: Bool { self.value == .null }

    /// The value under a key; nil where this is no mapping, or has no such key.
    public subscript(key: String) -> Node? {
        self.mapping?[key]
    }

    /// The element at an index; nil where this is no sequence, or a shorter one.
    public subscript(index: Int) -> Node? {
        guard let sequence = self.sequence, sequence.indices.contains(index) else { return nil }
        return sequence[index]
    }
}

/// Keys and values in the order given, each key once.
public struct Mapping: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public var key: String
        /// Where the key stands.
        public var keyMark: Mark
        public var value: Node

        public static func == (left: Entry, right: Entry) -> Bool {
            left.key == right.key && left.value == right.value
        }

        public func hash(into hasher: inout Hasher) {
            hasher.combine(self.key)
            hasher.combine(self.value)
        }
    }

    public private(set) var entries: [Entry] = []

    public init() {}

    public var isEmpty: Bool { self.entries.isEmpty }
    public var keys: [String] { self.entries.map(\.key) }

    /// Setting keeps the place of a key that is there, and adds a new one at the end; nil removes.
    public subscript(key: String) -> Node? {
        get { self.entries.first { $0.key == key }?.value }
        set {
            let index = self.entries.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): self.entries[index].value = value
            case (let index?, nil): self.entries.remove(at: index)
            case (nil, let value?):
                self.entries.append(Entry(key: key, keyMark: value.mark, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Where a key stands.
    public func keyMark(_ key: String) -> Mark? {
        self.entries.first { $0.key == key }?.keyMark
    }

    /// Adds an entry whose key the caller knows to be new.
    mutating func append(newKey key: String, mark: Mark, _ value: Node) {
        self.entries.append(Entry(key: key, keyMark: mark, value: value))
    }
}

extension Node: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral
{
    public init(stringLiteral value: String) { self.init(.string(value)) }
    public init(integerLiteral value: Int64) { self.init(.int(Int128(value))) }
    public init(booleanLiteral value: Bool) { self.init(.bool(value)) }
    public init(arrayLiteral elements: Node...) { self.init(.sequence(elements)) }
}

extension Mapping: ExpressibleByDictionaryLiteral {
    /// Of two elements with one key the later counts.
    public init(_ elements: some Sequence<(String, Node)>) {
        for (key, value) in elements { self[key] = value }
    }

    public init(dictionaryLiteral elements: (String, Node)...) { self.init(elements) }
}
