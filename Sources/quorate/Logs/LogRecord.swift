internal import Logging
internal import Platform
internal import YAML

/// How a log record is written: one line each.
enum LogFormat: String, Sendable, CaseIterable {
    /// For people: time, level, message, and what belongs to it.
    case text
    /// For machines: one object per line, with the names that etcd's own log uses (`level`, `ts`, `logger`, `msg`).
    case json

    func line(
        time: Timestamp, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata
    ) -> String {
        let fields = metadata.sorted { $0.key < $1.key }
        switch self {
        case .text:
            let level = level.rawValue.uppercased()
            let pad = String(repeating: " ", count: max(0, 7 - level.count))
            let rest = fields.map { " \($0.key)=\(Self.word("\($0.value)"))" }.joined()
            return "\(time.withMilliseconds) \(level)\(pad) \(Self.flat(message))\(rest)\n"
        case .json:
            var object: [(String, String)] = [
                ("level", quoted(level.rawValue)), ("ts", quoted(time.withMilliseconds)),
                ("logger", quoted(label)), ("msg", quoted(message)),
            ]
            let reserved = Set(object.map(\.0))
            object += fields.map { (reserved.contains($0.key) ? "\($0.key)_" : $0.key, Self.json($0.value)) }
            return "{\(object.map { "\(quoted($0.0)):\($0.1)" }.joined(separator: ","))}\n"
        }
    }

    private static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): return quoted(text)
        case .stringConvertible(let value): return quoted("\(value)")
        case .array(let values): return "[\(values.map { self.json($0) }.joined(separator: ","))]"
        case .dictionary(let fields):
            let fields = fields.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(self.json($0.value))" }
            return "{\(fields.joined(separator: ","))}"
        }
    }

    private static func flat(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private static func word(_ text: String) -> String {
        text.isEmpty || text.contains { $0.isWhitespace || $0 == "\"" || $0 == "=" } ? quoted(text) : text
    }
}

extension Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    var withMilliseconds: String {
        let milliseconds = (self.nanoseconds - self.seconds * 1_000_000_000) / 1_000_000
        let digits = String(milliseconds)
        return "\(self.description.dropLast()).\(String(repeating: "0", count: 3 - digits.count))\(digits)Z"
    }
}
