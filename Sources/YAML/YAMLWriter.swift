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
        case .float(let value):
            value.isNaN ? ".nan" : value.isInfinite ? (value < 0 ? "-.inf" : ".inf") : value.description
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
    guard isLetter(first) || Scalar.isDigit(first) || [0x2E, 0x2F, 0x5F].contains(first) else {
        return false
    }
    guard last != 0x20, last != 0x3A, !bytes.starts(with: "...".utf8) else { return false }
    for (index, byte) in bytes.enumerated() {
        guard isLetter(byte) || Scalar.isDigit(byte) || "/._-+@%()=;, :".utf8.contains(byte) else {
            return false
        }
        if byte == 0x3A, bytes[index + 1] == 0x20 { return false }
    }
    guard Scalar.resolve(text) == .string(text) else { return false }
    // Truth values of YAML 1.1.
    guard !["y", "n", "yes", "no", "on", "off"].contains(text.lowercased()) else { return false }
    return !isLikeANumber(bytes)
}

/// YAML 1.1 has numbers with `_`, numbers in base 60, and times; what begins like one, and has no letter or sign that none of
/// them has, could be one.
private func isLikeANumber(_ bytes: [UInt8]) -> Bool {
    let digits = bytes.first == 0x2E ? bytes.dropFirst() : bytes[...]
    guard let first = digits.first, Scalar.isDigit(first) else { return false }
    let isTime = bytes.count >= 8 && bytes.prefix(4).allSatisfy(Scalar.isDigit) && bytes[4] == 0x2D
    return isTime
        || !bytes.contains { $0 == 0x25 || isLetter($0) && !"abcdefox".utf8.contains($0 | 0x20) }
}

private func isLetter(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte | 0x20)
}
