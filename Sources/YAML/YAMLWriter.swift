extension Node {
    /// This node as YAML in block style, keys in their order. Strings are quoted where a reader of YAML 1.1 or 1.2 could take
    /// them for anything else. Ends with a line break.
    public func yaml() -> String {
        var output = ""
        self.writeBlock(to: &output, indent: 0)
        return output
    }

    private func writeBlock(to output: inout String, indent: Int) {
        let margin = String(repeating: " ", count: indent)
        switch self.value {
        case .mapping(let mapping) where !mapping.isEmpty:
            for (index, entry) in mapping.entries.enumerated() {
                // The first entry follows on the line of the dash that it belongs to.
                if index > 0 || output.isEmpty || output.hasSuffix("\n") { output += margin }
                output += plainOrQuoted(entry.key) + ":"
                entry.value.writeEntry(to: &output, indent: indent)
            }
        case .sequence(let elements) where !elements.isEmpty:
            for (index, element) in elements.enumerated() {
                if index > 0 || output.isEmpty || output.hasSuffix("\n") { output += margin }
                output += "- "
                element.writeBlock(to: &output, indent: indent + 2)
            }
        default: output += self.inline + "\n"
        }
    }

    /// What comes after `key:`.
    private func writeEntry(to output: inout String, indent: Int) {
        switch self.value {
        case .mapping(let mapping) where !mapping.isEmpty:
            output += "\n"
            self.writeBlock(to: &output, indent: indent + 2)
        case .sequence(let elements) where !elements.isEmpty:
            output += "\n"
            self.writeBlock(to: &output, indent: indent)
        default: output += " " + self.inline + "\n"
        }
    }

    private var inline: String {
        switch self.value {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): value.description
        case .float(let value): value.isNaN ? ".nan" : value.isInfinite ? (value < 0 ? "-.inf" : ".inf") : value.description
        case .string(let value): plainOrQuoted(value)
        case .sequence: "[]"
        case .mapping: "{}"
        }
    }
}

private func plainOrQuoted(_ text: String) -> String {
    isPlain(text) ? text : quoted(text)
}

/// Whether every reader of YAML takes this for a string when it stands without quotes. Narrow on purpose.
private func isPlain(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last, bytes.count < 128 else { return false }
    guard isLetter(first) || Scalar.isDigit(first) || first == 0x2F || first == 0x2E || first == 0x5F else { return false }
    guard last != 0x20, last != 0x3A else { return false }
    for (index, byte) in bytes.enumerated() {
        let isWord = isLetter(byte) || Scalar.isDigit(byte)
        guard isWord || Array("/._-+@%()=;, :".utf8).contains(byte) else { return false }
        if byte == 0x3A, bytes[index + 1] == 0x20 { return false }
    }
    if Scalar.resolve(text) != .string(text) { return false }
    let first11 = ["y", "n", "yes", "no", "on", "off"]
    if first11.contains(text.lowercased()) { return false }
    // YAML 1.1 has numbers with `_` and in base 60, dates, and more; a string that begins like one is quoted.
    if Scalar.isDigit(first) || first == 0x2E && bytes.count > 1 && Scalar.isDigit(bytes[1]) {
        return bytes.contains { isLetter($0) && !(0x61...0x66).contains($0 | 0x20) && $0 | 0x20 != 0x78 && $0 | 0x20 != 0x6F }
            && !looksLikeTime(bytes)
    }
    return true
}

private func isLetter(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte | 0x20)
}

/// `2026-11-22T…`
private func looksLikeTime(_ bytes: [UInt8]) -> Bool {
    bytes.count >= 8 && bytes.prefix(4).allSatisfy(Scalar.isDigit) && bytes[4] == 0x2D
}
