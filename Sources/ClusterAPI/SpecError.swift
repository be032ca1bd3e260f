internal import YAML

/// One thing that is wrong in a file, and where. Reads
/// `orders.yaml:14:13: spec.backup.schedule: "61 * * * *": minute must be 0-59`.
public struct SpecError: Error, Hashable, CustomStringConvertible {
    public var file: String
    /// Both from 1; 0 when the object came from no text.
    public var line: Int
    public var column: Int
    /// The field, such as `spec.backup.schedule`; empty when it is the document as a whole.
    public var path: String
    public var message: String

    public init(file: String, line: Int, column: Int, path: String, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message
    }

    init(file: String, _ error: YAMLError) {
        self.init(file: file, line: error.mark.line, column: error.mark.column, path: error.path, message: error.message)
    }

    public var description: String {
        let place = self.file.isEmpty ? "" : self.line > 0 ? "\(self.file):\(self.line):\(self.column): " : "\(self.file): "
        return place + (self.path.isEmpty ? "" : "\(self.path): ") + self.message
    }
}

/// Everything that is wrong in one file or object, in the order of the text.
public struct SpecErrors: Error, Hashable, CustomStringConvertible {
    public var errors: [SpecError]

    public init(errors: [SpecError]) {
        self.errors = errors
    }

    /// One error a line.
    public var description: String {
        self.errors.map(\.description).joined(separator: "\n")
    }
}

/// Something that is allowed and probably not meant.
public struct SpecWarning: Sendable, Hashable, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var column: Int
    public var path: String
    public var message: String

    public init(file: String, line: Int, column: Int, path: String, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message
    }

    public var description: String {
        SpecError(file: self.file, line: self.line, column: self.column, path: self.path, message: self.message).description
    }
}
