extension Node {
    /// This node as JSON in UTF-8, keys in their order. Numbers are exact; what is not finite, which JSON cannot say, is null.
    /// - Parameter isPretty: Two spaces of indentation, one entry a line, and a line break at the end.
    public func json(isPretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(isPretty: isPretty)
        writer.write(self, indent: 0)
        if isPretty { writer.output.append(0x0A) }
        return writer.output
    }
}

/// A string as JSON writes it, with its quotes.
public func quoted(_ text: String) -> String {
    var writer = JSONWriter(isPretty: false)
    writer.write(text)
    return String(decoding: writer.output, as: UTF8.self)
}

struct JSONWriter {
    let isPretty: Bool
    var output: [UInt8] = []

    init(isPretty: Bool) {
        self.isPretty = isPretty
    }

    mutating func write(_ node: Node, indent: Int) {
        switch node.value {
        case .null: self.append("null")
        case .bool(let value): self.append(value ? "true" : "false")
        case .int(let value): self.append(value.description)
        case .float(let value): self.append(value.isFinite ? value.description : "null")
        case .string(let value): self.write(value)
        case .sequence(let elements):
            self.list(elements, "[", "]", indent) { writer, element in
                writer.write(element, indent: indent + 1)
            }
        case .mapping(let mapping):
            self.list(mapping.entries, "{", "}", indent) { writer, entry in
                writer.write(entry.key)
                writer.append(writer.isPretty ? ": " : ":")
                writer.write(entry.value, indent: indent + 1)
            }
        }
    }

    private mutating func list<Element>(
        _ elements: [Element], _ open: StaticString, _ close: StaticString, _ indent: Int,
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        self.append(open.description)
        for (index, element) in elements.enumerated() {
            if index > 0 { self.append(",") }
            self.breakLine(indent + 1)
            write(&self, element)
        }
        if !elements.isEmpty { self.breakLine(indent) }
        self.append(close.description)
    }

    private mutating func breakLine(_ indent: Int) {
        guard self.isPretty else { return }
        self.output.append(0x0A)
        self.output.append(contentsOf: repeatElement(0x20, count: indent * 2))
    }

    /// Everything that a reader of YAML could not take as it stands is escaped, so that one text serves both.
    mutating func write(_ text: String) {
        self.output.append(0x22)
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: self.append("\\\"")
            case 0x5C: self.append("\\\\")
            case 0x0A: self.append("\\n")
            case 0x0D: self.append("\\r")
            case 0x09: self.append("\\t")
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                self.append(escape(scalar.value))
            default: self.output.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            }
        }
        self.output.append(0x22)
    }

    private mutating func append(_ text: String) {
        self.output.append(contentsOf: text.utf8)
    }
}

/// `\u0085`
private func escape(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
