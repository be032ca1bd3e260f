/// How YAML 1.2's core schema (section 10.3.2) reads an unquoted scalar. `yes`, `no`, `on` and `off` are strings, and `010` is
/// ten.
enum Scalar {
    static func resolve(_ text: String) -> Node.Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .float(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .float(-.infinity)
        case ".nan", ".NaN", ".NAN": return .float(.nan)
        default: break
        }
        return self.number(text) ?? .string(text)
    }

    private static func number(_ text: String) -> Node.Value? {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, self.isDigit(first) || [0x2B, 0x2D, 0x2E].contains(first) else {
            return nil
        }
        if bytes.starts(with: [0x30, 0x78]) {
            return self.integer(Substring(text.utf8.dropFirst(2)), radix: 16)
        }
        if bytes.starts(with: [0x30, 0x6F]) {
            return self.integer(Substring(text.utf8.dropFirst(2)), radix: 8)
        }
        let unsigned = first == 0x2B || first == 0x2D ? bytes.dropFirst() : bytes[...]
        guard self.isDecimal(unsigned) else { return nil }
        if unsigned.allSatisfy(self.isDigit), let value = Int128(text) { return .int(value) }
        return Double(text).map { .float($0) }
    }

    private static func integer(_ digits: Substring, radix: Int) -> Node.Value? {
        // `Int128(_:radix:)` would take a sign here, which the schema does not.
        guard let first = digits.utf8.first, first != 0x2B, first != 0x2D else { return nil }
        return Int128(digits, radix: radix).map { .int($0) }
    }

    /// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
    private static func isDecimal(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        let whole = self.skipDigits(&rest)
        var fraction = 0
        if rest.first == 0x2E {
            rest.removeFirst()
            fraction = self.skipDigits(&rest)
        }
        guard whole + fraction > 0 else { return false }
        if let letter = rest.first, letter == 0x65 || letter == 0x45 {
            rest.removeFirst()
            if let sign = rest.first, sign == 0x2B || sign == 0x2D { rest.removeFirst() }
            guard self.skipDigits(&rest) > 0 else { return false }
        }
        return rest.isEmpty
    }

    private static func skipDigits(_ rest: inout ArraySlice<UInt8>) -> Int {
        let digits = rest.prefix(while: self.isDigit).count
        rest.removeFirst(digits)
        return digits
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte)
    }
}
