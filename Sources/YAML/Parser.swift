extension Node {
    /// Reads every document of a YAML text (JSON is YAML too).
    ///
    /// Strict: UTF-8 alone, YAML 1.2's core scalars, each key once, and no anchor, alias or tag. All that is wrong is told, not
    /// only the first; but nothing can be read after an error of syntax.
    public static func read(yaml bytes: [UInt8], limits: Limits = Limits()) -> [ParsedDocument] {
        func refused(_ error: YAMLError) -> [ParsedDocument] {
            [ParsedDocument(root: nil, errors: [error])]
        }

        guard bytes.count <= limits.size else {
            let mark = Mark(line: 1, column: 1)
            return refused(
                YAMLError(mark: mark, message: "\(bytes.count) bytes; at most \(limits.size) are read"))
        }
        let isMarked = bytes.starts(with: [0xEF, 0xBB, 0xBF])
        let text = isMarked ? Array(bytes.dropFirst(3)) : bytes
        if let error = encodingError(text) { return refused(error) }
        return unsafe text.withUnsafeBufferPointer { buffer in
            var builder = TreeBuilder(limits: limits)
            do throws(YAMLError) {
                var reader = try unsafe EventReader(unsafe: buffer)
                while try builder.take(reader.next()) {}
            } catch {
                builder.stop(error)
            }
            return builder.documents
        }
    }
}

/// Makes trees of events, with a stack of its own: no text can exhaust the machine's.
struct TreeBuilder {
    private struct Key: Equatable {
        var text: String
        var mark: Mark
        /// False for a key that was refused: its value is read and left out.
        var counts: Bool
    }

    /// A sequence or a mapping that has begun.
    private struct Frame {
        var mark: Mark
        var isMapping: Bool
        var elements: [Node] = []
        var mapping = Mapping()
        /// The key whose value comes next.
        var key: Key?
        var seen: Set<String> = []
    }

    private let limits: Limits
    private var stack: [Frame] = []
    private var root: Node?
    private var errors: [YAMLError] = []
    private var nodes = 0
    private(set) var documents: [ParsedDocument] = []

    init(limits: Limits) {
        self.limits = limits
    }

    /// - Returns: Whether there is more to come.
    mutating func take(_ event: ParserEvent) throws(YAMLError) -> Bool {
        if event.hasAnchor { self.refuse(event.mark, "anchors are not allowed: write the value out") }
        if event.hasTag { self.refuse(event.mark, "tags are not allowed") }
        switch event.kind {
        case .streamEnd: return false
        case .streamStart, .documentStart: break
        case .documentEnd:
            self.documents.append(ParsedDocument(root: self.root, errors: self.errors))
            self.root = nil
            self.errors = []
        case .alias:
            self.refuse(event.mark, "aliases are not allowed: write the value out")
            try self.add(Node(.null, mark: event.mark))
        case .scalar(let text, let isPlain):
            try self.scalar(text, isPlain: isPlain, mark: event.mark)
        case .sequenceStart: try self.push(Frame(mark: event.mark, isMapping: false))
        case .mappingStart: try self.push(Frame(mark: event.mark, isMapping: true))
        case .sequenceEnd, .mappingEnd: try self.pop()
        }
        return true
    }

    /// Ends the text at an error after which nothing can be read.
    mutating func stop(_ error: YAMLError) {
        self.documents.append(ParsedDocument(root: nil, errors: self.errors + [error]))
    }

    private mutating func scalar(_ text: String, isPlain: Bool, mark: Mark) throws(YAMLError) {
        guard let top = self.stack.indices.last, self.stack[top].isMapping, self.stack[top].key == nil
        else {
            return try self.add(
                isPlain
                    ? Node(Scalar.resolve(text), mark: mark, source: text) : Node(.string(text), mark: mark))
        }
        try self.count(mark)
        let isNew = self.stack[top].seen.insert(text).inserted
        if !isNew {
            let first = self.stack[top].mapping.keyMark(text) ?? mark
            self.refuse(mark, "\(quoted(text)) is given twice, first in line \(first.line)")
        }
        self.stack[top].key = Key(text: text, mark: mark, counts: isNew)
    }

    private mutating func push(_ frame: Frame) throws(YAMLError) {
        guard self.stack.count < self.limits.depth else {
            throw YAMLError(
                mark: frame.mark, path: self.path, message: "nested more than \(self.limits.depth) deep")
        }
        self.stack.append(frame)
    }

    private mutating func pop() throws(YAMLError) {
        guard let frame = self.stack.popLast() else { return }
        try self.add(
            Node(frame.isMapping ? .mapping(frame.mapping) : .sequence(frame.elements), mark: frame.mark))
    }

    /// Puts a whole node where it belongs.
    private mutating func add(_ node: Node) throws(YAMLError) {
        try self.count(node.mark)
        guard let top = self.stack.indices.last else {
            self.root = node
            return
        }
        guard self.stack[top].isMapping else {
            self.stack[top].elements.append(node)
            return
        }
        if let key = self.stack[top].key {
            if key.counts { self.stack[top].mapping.append(newKey: key.text, mark: key.mark, node) }
            self.stack[top].key = nil
        } else {
            self.refuse(node.mark, "a key must be a string")
            self.stack[top].key = Key(text: "", mark: node.mark, counts: false)
        }
    }

    private mutating func count(_ mark: Mark) throws(YAMLError) {
        self.nodes += 1
        guard self.nodes <= self.limits.nodes else {
            throw YAMLError(mark: mark, message: "more than \(self.limits.nodes) values")
        }
    }

    private mutating func refuse(_ mark: Mark, _ message: String) {
        self.errors.append(YAMLError(mark: mark, path: self.path, message: message))
    }

    /// The keys and indices that lead to where the builder is.
    private var path: String {
        var path = ""
        for frame in self.stack {
            if let key = frame.key {
                path += (path.isEmpty ? "" : ".") + key.text
            } else if !frame.isMapping {
                path += "[\(frame.elements.count)]"
            }
        }
        return path
    }
}
