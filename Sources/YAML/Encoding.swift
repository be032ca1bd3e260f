extension Mark {
    /// The place of a byte in a text; only the bytes before it are looked at.
    init(offset: Int, in bytes: [UInt8]) {
        var (line, column) = (1, 1)
        for byte in bytes.prefix(offset) {
            if byte == 0x0A {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.init(line: line, column: column)
    }
}

/// The first place where a text is not UTF-8, or has a character that YAML (section 5.1) does not allow unescaped.
func encodingError(_ bytes: [UInt8]) -> YAMLError? {
    var index = 0
    while index < bytes.count {
        let first = bytes[index]
        if first < 0x80 {
            guard first >= 0x20 && first != 0x7F || first == 0x09 || first == 0x0A || first == 0x0D else {
                return YAMLError(
                    mark: Mark(offset: index, in: bytes),
                    message: "control character \(hexadecimal(UInt32(first))) is not allowed")
            }
            index += 1
            continue
        }
        guard let (scalar, width) = decodeUTF8(bytes, at: index) else {
            return YAMLError(mark: Mark(offset: index, in: bytes), message: "not UTF-8")
        }
        guard scalar >= 0xA0 && scalar < 0xFFFE || scalar == 0x85 || scalar > 0xFFFF else {
            return YAMLError(
                mark: Mark(offset: index, in: bytes),
                message: "control character \(hexadecimal(scalar)) is not allowed")
        }
        index += width
    }
    return nil
}

/// One character of two bytes or more; nil where the bytes are none (Unicode 15, table 3-7).
private func decodeUTF8(_ bytes: [UInt8], at index: Int) -> (scalar: UInt32, width: Int)? {
    let first = bytes[index]
    let (width, lowest): (Int, UInt32)
    switch first {
    case 0xC2...0xDF: (width, lowest) = (2, 0x80)
    case 0xE0...0xEF: (width, lowest) = (3, 0x800)
    case 0xF0...0xF4: (width, lowest) = (4, 0x10000)
    default: return nil
    }
    guard index + width <= bytes.count else { return nil }
    var scalar = UInt32(first) & (0xFF >> UInt32(width + 1))
    for byte in bytes[(index + 1)..<(index + width)] {
        guard byte & 0xC0 == 0x80 else { return nil }
        scalar = scalar << 6 | UInt32(byte & 0x3F)
    }
    guard scalar >= lowest, Unicode.Scalar(scalar) != nil else { return nil }
    return (scalar, width)
}

func hexadecimal(_ scalar: UInt32) -> String {
    let digits = String(scalar, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
