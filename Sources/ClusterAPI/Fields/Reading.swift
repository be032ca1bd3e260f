internal import YAML

/// One reading of one document: where it is, and what was wrong so far. A bad field is written down, and reading goes on.
struct Reading {
    enum Origin {
        /// A user's file: what only the controller sets is ignored, with a warning.
        case file
        /// The store, or HTTP: everything counts.
        case stored
    }

    let file: String
    let origin: Origin
    /// `spec`, `.backup`, `[0]`: joined only when something is wrong.
    var path: [String] = []
    /// Whether unknown fields are passed over, since a newer program may have written them.
    var isLenient = false
    private(set) var errors: [SpecError] = []
    private(set) var warnings: [SpecWarning] = []

    init(file: String, origin: Origin) {
        self.file = file
        self.origin = origin
    }

    /// Writes an error down.
    mutating func fail(_ mark: Mark, _ message: String) {
        self.errors.append(
            SpecError(file: self.file, line: mark.line, column: mark.column, path: self.joinedPath, message: message))
    }

    /// Writes down that a value is not what it should be.
    mutating func refuse<Value>(_ node: Node, _ message: String) -> Value? {
        self.fail(node.mark, "\(node.shown): \(message)")
        return nil
    }

    mutating func warn(_ mark: Mark, _ message: String) {
        self.warnings.append(
            SpecWarning(file: self.file, line: mark.line, column: mark.column, path: self.joinedPath, message: message))
    }

    /// Reads what stands under a key or an index.
    mutating func descend<Result>(_ step: String, _ body: (inout Reading) -> Result) -> Result {
        self.path.append(step)
        defer { self.path.removeLast() }
        return body(&self)
    }

    private var joinedPath: String {
        self.path.reduce(into: "") { path, step in
            path += path.isEmpty || step.hasPrefix("[") ? step : ".\(step)"
        }
    }
}

extension Node {
    /// The value as an error quotes it: as it was written, and not too long.
    var shown: String {
        switch self.value {
        case .null: return self.source.flatMap { $0.isEmpty ? nil : $0 } ?? "nothing"
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .string(let text):
            return text.unicodeScalars.count > 80
                ? quoted(String(String.UnicodeScalarView(text.unicodeScalars.prefix(80)))) + "…" : quoted(text)
        case .bool, .int, .float:
            let text = self.source ?? String(decoding: self.json(), as: UTF8.self)
            return text.utf8.count > 80 ? "\(text.prefix(80))…" : text
        }
    }
}
