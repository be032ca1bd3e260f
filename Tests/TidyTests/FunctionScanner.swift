/// Finds functions and how long they are by matching braces; good enough to count lines.
enum FunctionScanner {
    struct Function: Hashable {
        /// Where it begins, from 1.
        var line: Int
        /// From its first line to its closing brace.
        var length: Int
    }

    static func functions(in text: SwiftText) -> [Function] {
        let code = text.code
        var functions: [Function] = []
        for word in text.words where Self.begins(word, in: code) {
            guard let open = Self.body(after: word.end, in: code), let close = Self.closing(of: open, in: code) else {
                continue
            }
            let newlines = code[word.end...close].count { $0 == UInt8(ascii: "\n") }
            functions.append(Function(line: word.line, length: newlines + 1))
        }
        return functions
    }

    private static func begins(_ word: Word, in code: [UInt8]) -> Bool {
        switch word.text {
        case "func", "deinit", "subscript": true
        // `.init` and `self.init` are calls.
        case "init": word.bytes.startIndex == 0 || code[word.bytes.startIndex - 1] != UInt8(ascii: ".")
        default: false
        }
    }

    /// Where the body opens; nil for a requirement of a protocol, which has none.
    private static func body(after start: Int, in code: [UInt8]) -> Int? {
        let next: Set<String> = [
            "func", "init", "deinit", "subscript", "var", "let", "static", "public", "private", "internal", "package",
            "fileprivate", "mutating", "nonmutating", "associatedtype", "typealias", "case", "struct", "enum", "extension",
            "protocol",
        ]
        var depth = 0
        var at = start
        while at < code.count {
            switch code[at] {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "{") where depth == 0: return at
            case UInt8(ascii: "}") where depth <= 0: return nil
            case UInt8(ascii: "\n") where depth == 0:
                let rest = code[(at + 1)...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
                if rest.first == UInt8(ascii: "@") || rest.first == UInt8(ascii: "#") { return nil }
                if next.contains(String(decoding: rest.prefix { isWordByte($0) }, as: UTF8.self)) { return nil }
            default: break
            }
            at += 1
        }
        return nil
    }

    private static func closing(of open: Int, in code: [UInt8]) -> Int? {
        var depth = 0
        for at in open..<code.count {
            if code[at] == UInt8(ascii: "{") { depth += 1 }
            if code[at] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return at }
        }
        return nil
    }
}
