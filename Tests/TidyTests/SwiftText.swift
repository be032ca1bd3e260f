/// Swift source with the insides of comments and string literals blanked out, line for line and column for column, so
/// that what is searched for is found in code only. Code inside an interpolation is blanked too.
struct SwiftText: Sendable {
    let code: [UInt8]
    /// Every identifier and number in order.
    let words: [Word]

    init(_ source: [UInt8]) {
        var scanner = Blanker(source)
        scanner.run()
        self.code = scanner.output
        self.words = Self.words(in: scanner.output)
    }

    /// The lines of the code.
    var lines: [ArraySlice<UInt8>] {
        self.code.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    }

    private static func words(in code: [UInt8]) -> [Word] {
        var words: [Word] = []
        var (line, start) = (1, -1)
        for (offset, byte) in code.enumerated() {
            if isWordByte(byte) {
                if start < 0 { start = offset }
                continue
            }
            if start >= 0 { words.append(Word(bytes: code[start..<offset], line: line)) }
            start = -1
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
        if start >= 0 { words.append(Word(bytes: code[start...], line: line)) }
        return words
    }
}

/// An identifier or number, and the line that it stands on, counted from 1.
struct Word: Sendable {
    var bytes: ArraySlice<UInt8>
    var line: Int

    var text: String { String(decoding: self.bytes, as: UTF8.self) }
    /// The first byte after it.
    var end: Int { self.bytes.endIndex }
}

func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), 0x80...:
        true
    default: false
    }
}

/// Walks over Swift source and copies it, with blanks where comments and literals are.
private struct Blanker {
    private let source: [UInt8]
    private var at = 0
    private(set) var output: [UInt8]

    init(_ source: [UInt8]) {
        self.source = source
        self.output = []
        self.output.reserveCapacity(source.count)
    }

    mutating func run() {
        while self.at < self.source.count {
            if self.sees("//") {
                self.blankLine()
            } else if self.sees("/*") {
                self.blankComment()
            } else if let fence = self.fence() {
                self.blankLiteral(fence)
            } else {
                self.output.append(self.source[self.at])
                self.at += 1
            }
        }
    }

    private func sees(_ text: StaticString, from offset: Int? = nil) -> Bool {
        let start = offset ?? self.at
        guard start + text.utf8CodeUnitCount <= self.source.count else { return false }
        return text.withUTF8Buffer { unsafe self.source[start..<(start + $0.count)].elementsEqual($0) }
    }

    private mutating func blank(_ count: Int) {
        for byte in self.source[self.at..<min(self.at + count, self.source.count)] {
            self.output.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
        self.at = min(self.at + count, self.source.count)
    }

    private mutating func blankLine() {
        while self.at < self.source.count, self.source[self.at] != UInt8(ascii: "\n") { self.blank(1) }
    }

    private mutating func blankComment() {
        var depth = 0
        repeat {
            if self.sees("/*") {
                depth += 1
                self.blank(2)
            } else if self.sees("*/") {
                depth -= 1
                self.blank(2)
            } else {
                self.blank(1)
            }
        } while depth > 0 && self.at < self.source.count
    }

    /// How a string literal that begins here is closed.
    private struct Fence {
        var hashes: Int
        var quotes: Int
    }

    private func fence() -> Fence? {
        var offset = self.at
        while offset < self.source.count, self.source[offset] == UInt8(ascii: "#") { offset += 1 }
        guard offset < self.source.count, self.source[offset] == UInt8(ascii: "\"") else { return nil }
        return Fence(hashes: offset - self.at, quotes: self.sees("\"\"\"", from: offset) ? 3 : 1)
    }

    private mutating func blankLiteral(_ fence: Fence) {
        self.blank(fence.hashes + fence.quotes)
        let hashes = [UInt8](repeating: UInt8(ascii: "#"), count: fence.hashes)
        let close = [UInt8](repeating: UInt8(ascii: "\""), count: fence.quotes) + hashes
        let escape = [UInt8(ascii: "\\")] + hashes
        while self.at < self.source.count {
            if self.source[self.at...].starts(with: close) { return self.blank(fence.quotes + fence.hashes) }
            if fence.quotes == 1, self.source[self.at] == UInt8(ascii: "\n") { return }
            if self.source[self.at...].starts(with: escape) {
                self.blank(1 + fence.hashes)
                if self.sees("(") { self.blankInterpolation() } else { self.blank(1) }
            } else {
                self.blank(1)
            }
        }
    }

    private mutating func blankInterpolation() {
        var depth = 0
        repeat {
            if let fence = self.fence() {
                self.blankLiteral(fence)
                continue
            }
            if self.sees("(") { depth += 1 }
            if self.sees(")") { depth -= 1 }
            self.blank(1)
        } while depth > 0 && self.at < self.source.count
    }
}
