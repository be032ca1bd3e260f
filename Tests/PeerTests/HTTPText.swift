import TestSupport

/// One request or answer of HTTP/1.1 as it was sent.
struct HTTPText {
    var startLine: String
    /// Names in small letters.
    var headers: [(name: String, value: String)]
    var body: [UInt8] = []
    /// Whether the body was there to its end.
    var isWhole = false

    subscript(name: String) -> String? { self.headers.first { $0.name == name.lowercased() }?.value }

    var method: Substring { self.startLine.split(separator: " ").first ?? "" }
    var path: Substring { self.startLine.split(separator: " ").dropFirst().first ?? "" }
    var status: Int { Int(self.startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    /// Each request of a conversation with its answer, as far as there was one.
    static func exchanges(_ conversation: Recorder.Conversation) throws -> [(request: HTTPText, answer: HTTPText?)] {
        let requests = try Self.all(conversation.requests, isAnswer: false)
        let answers = try Self.all(conversation.answers, isAnswer: true)
        return requests.enumerated().map { ($0.element, $0.offset < answers.count ? answers[$0.offset] : nil) }
    }

    private static func all(_ bytes: [UInt8], isAnswer: Bool) throws -> [HTTPText] {
        var rest = bytes[...]
        var all: [HTTPText] = []
        while let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) {
            let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
            rest = rest[end.upperBound...]
            guard let first = lines.first else { throw TestSupportError("a head without lines") }
            let headers = lines.dropFirst().map { line -> (String, String) in
                let name = line.prefix { $0 != ":" }
                return (name.lowercased(), String(line.dropFirst(name.count + 1).drop { $0 == " " }))
            }
            var text = HTTPText(startLine: String(first), headers: headers)
            if isAnswer && text.status == 100 { continue }
            try text.readBody(&rest)
            all.append(text)
        }
        return all
    }

    private mutating func readBody(_ rest: inout ArraySlice<UInt8>) throws {
        if self["transfer-encoding"] == "chunked" {
            while let end = rest.firstRange(of: [13, 10]) {
                guard let size = Int(String(decoding: rest[..<end.lowerBound], as: UTF8.self), radix: 16) else {
                    throw TestSupportError("\(self.startLine): a chunk without a size")
                }
                let chunk = rest[end.upperBound...].prefix(size)
                rest = rest[end.upperBound...].dropFirst(size + 2)
                self.body += chunk
                self.isWhole = size == 0
                if self.isWhole || chunk.count < size { return }
            }
        } else {
            let size = Int(self["content-length"] ?? "0") ?? 0
            self.body = Array(rest.prefix(size))
            self.isWhole = self.body.count == size
            rest = rest.dropFirst(size)
        }
    }
}
