/// Something a text may not hold, and where.
public struct YAMLError: Error, Hashable, CustomStringConvertible {
    public var mark: Mark
    /// The keys that lead to the place, such as `spec.backup.store`; empty at the top, and where the text cannot be read.
    public var path: String
    public var message: String

    public init(mark: Mark, path: String = "", message: String) {
        self.mark = mark
        self.path = path
        self.message = message
    }

    public var description: String {
        "\(self.mark.line):\(self.mark.column): \(self.path.isEmpty ? "" : self.path + ": ")\(self.message)"
    }
}

/// How large a text may be.
public struct Limits: Sendable, Hashable {
    /// Bytes of the whole text.
    public var size = 4 << 20
    /// Sequences and mappings inside each other.
    public var depth = 64
    /// Scalars, sequences and mappings, over all documents.
    public var nodes = 200_000

    public init() {}
}

/// One document of a text: its root, or nil with the errors that spoiled it. A document with errors may have a root, of
/// what could be read, for finding further errors.
public struct ParsedDocument: Sendable, Hashable {
    public var root: Node?
    public var errors: [YAMLError]

    public init(root: Node?, errors: [YAMLError] = []) {
        self.root = root
        self.errors = errors
    }
}
