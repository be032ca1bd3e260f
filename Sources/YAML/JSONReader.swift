extension Node {
    /// Reads one JSON text (RFC 8259) and nothing else: what the store keeps and HTTP carries. Each key once.
    public static func read(json bytes: [UInt8], limits: Limits = Limits()) throws(YAMLError) -> Node {
        guard bytes.count <= limits.size else {
            throw YAMLError(
                mark: Mark(line: 1, column: 1),
                message: "\(bytes.count) bytes; at most \(limits.size) are read")
        }
        var reader = JSONReader(bytes: bytes, limits: limits)
        return try reader.document()
    }
}

/// JSON of other programs has escapes that YAML lacks (pairs of surrogates) and strings that YAML changes (lone line breaks of
/// Unicode), which is why it has a reader of its own.
private struct JSONReader {
    private let bytes: [UInt8]
    private let limits: Limits
    private var index = 0
    private var nodes = 0
    /// The place of ``index``, kept along the way; columns count characters.
    private var line = 1
    private var lineStart = 0
    private var continuations = 0

    init(bytes: [UInt8], limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(YAMLError) -> Node {
        self.skipSpace()
        let node = try self.value(depth: 0)
        self.skipSpace()
        guard self.index == self.bytes.count else { throw self.error("nothing may follow") }
        return node
    }

    private mutating func value(depth: Int) throws(YAMLError) -> Node {
        self.nodes += 1
        guard self.nodes <= self.limits.nodes else {
            throw self.error("more than \(self.limits.nodes) values")
        }
        let mark = self.mark
        guard let byte = self.peek else { throw self.error("ends where a value is expected") }
        switch byte {
        case 0x7B, 0x5B:
            guard depth < self.limits.depth else {
                throw self.error("nested more than \(self.limits.depth) deep")
            }
            self.index += 1
            return byte == 0x7B ? try self.object(mark, depth) : try self.array(mark, depth)
        case 0x22: return Node(.string(try self.text()), mark: mark)
        default: return try self.word(mark)
        }
    }

    private mutating func object(_ mark: Mark, _ depth: Int) throws(YAMLError) -> Node {
        var mapping = Mapping()
        var seen: Set<String> = []
        self.skipSpace()
        if self.skip(0x7D) { return Node(.mapping(mapping), mark: mark) }
        repeat {
            self.skipSpace()
            let keyMark = self.mark
            guard self.peek == 0x22 else { throw self.error("expected a key in double quotes") }
            let key = try self.text()
            guard seen.insert(key).inserted else {
                throw YAMLError(mark: keyMark, message: "\(quoted(key)) is given twice")
            }
            self.skipSpace()
            guard self.skip(0x3A) else { throw self.error("expected :") }
            self.skipSpace()
            mapping.append(newKey: key, mark: keyMark, try self.value(depth: depth + 1))
            self.skipSpace()
        } while self.skip(0x2C)
        guard self.skip(0x7D) else { throw self.error("expected , or }") }
        return Node(.mapping(mapping), mark: mark)
    }

    private mutating func array(_ mark: Mark, _ depth: Int) throws(YAMLError) -> Node {
        var elements: [Node] = []
        self.skipSpace()
        if self.skip(0x5D) { return Node(.sequence(elements), mark: mark) }
        repeat {
            self.skipSpace()
            elements.append(try self.value(depth: depth + 1))
            self.skipSpace()
        } while self.skip(0x2C)
        guard self.skip(0x5D) else { throw self.error("expected , or ]") }
        return Node(.sequence(elements), mark: mark)
    }

    /// `true`, `false`, `null` or a number.
    private mutating func word(_ mark: Mark) throws(YAMLError) -> Node {
        let rest = self.bytes[self.index...].prefix { byte in
            Scalar.isDigit(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x2B || byte == 0x2D
                || byte == 0x2E
        }
        let text = String(decoding: rest, as: UTF8.self)
        self.index += rest.count
        switch text {
        case "true": return Node(.bool(true), mark: mark, source: text)
        case "false": return Node(.bool(false), mark: mark, source: text)
        case "null": return Node(.null, mark: mark, source: text)
        default: break
        }
        let digits = rest.first == 0x2D ? rest.dropFirst() : rest
        let isNumber = digits.first.map(Scalar.isDigit) ?? false
        let hasLeadingZero =
            digits.count > 1 && digits.first == 0x30 && Scalar.isDigit(digits[digits.startIndex + 1])
        let hasForeignLetter = digits.contains { $0 | 0x20 >= 0x61 && $0 | 0x20 != 0x65 }
        guard isNumber, !hasLeadingZero, !hasForeignLetter, text.utf8.last.map(Scalar.isDigit) == true
        else {
            throw YAMLError(mark: mark, message: "expected a value")
        }
        switch Scalar.resolve(text) {
        case .int(let value): return Node(.int(value), mark: mark, source: text)
        case .float(let value): return Node(.float(value), mark: mark, source: text)
        default: throw YAMLError(mark: mark, message: "expected a value")
        }
    }

    private mutating func text() throws(YAMLError) -> String {
        let start = self.mark
        self.index += 1
        var output: [UInt8] = []
        while let byte = self.peek {
            switch byte {
            case 0x22:
                self.index += 1
                guard let text = String(validating: output, as: UTF8.self) else {
                    throw YAMLError(mark: start, message: "not UTF-8")
                }
                return text
            case 0x5C: try self.escape(&output)
            case 0..<0x20: throw self.error("a control character must be escaped")
            default:
                if byte & 0xC0 == 0x80 { self.continuations += 1 }
                output.append(byte)
                self.index += 1
            }
        }
        throw YAMLError(mark: start, message: "the string does not end")
    }

    private mutating func escape(_ output: inout [UInt8]) throws(YAMLError) {
        self.index += 1
        guard let byte = self.peek else { throw self.error("the string does not end") }
        self.index += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: output.append(byte)
        case 0x62: output.append(0x08)
        case 0x66: output.append(0x0C)
        case 0x6E: output.append(0x0A)
        case 0x72: output.append(0x0D)
        case 0x74: output.append(0x09)
        case 0x75:
            var value = try self.hexadecimal()
            if (0xD800..<0xDC00).contains(value), self.skip(0x5C), self.skip(0x75) {
                let low = try self.hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw self.error("half a pair of surrogates") }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else {
                throw self.error("half a pair of surrogates")
            }
            output.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw self.error("unknown escape")
        }
    }

    private mutating func hexadecimal() throws(YAMLError) -> UInt32 {
        let digits = self.bytes[self.index...].prefix(4)
        guard digits.count == 4,
            digits.allSatisfy({ Scalar.isDigit($0) || (0x61...0x66).contains($0 | 0x20) }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw self.error("expected four hexadecimal digits") }
        self.index += 4
        return value
    }

    private var peek: UInt8? {
        self.index < self.bytes.count ? self.bytes[self.index] : nil
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard self.peek == byte else { return false }
        self.index += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = self.peek {
            switch byte {
            case 0x0A:
                self.index += 1
                self.line += 1
                self.lineStart = self.index
                self.continuations = 0
            case 0x20, 0x09, 0x0D: self.index += 1
            default: return
            }
        }
    }

    private var mark: Mark {
        Mark(line: self.line, column: self.index - self.lineStart - self.continuations + 1)
    }

    private func error(_ message: String) -> YAMLError {
        YAMLError(mark: self.mark, message: message)
    }
}
