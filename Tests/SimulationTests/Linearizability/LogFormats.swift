import Glibc
import Simulation

/// Recorded histories and their verdicts, which stand beside this file.
enum Histories {
    static let directory = #filePath.split(separator: "/").dropLast().reduce(into: "") { $0 += "/\($1)" } + "/Histories"

    /// The name of each history, and whether it is linearizable.
    static func verdicts() throws -> [(name: String, isLinearizable: Bool)] {
        try Self.lines("verdicts.tsv").dropFirst().map { line in
            let fields = line.split(separator: "\t")
            guard fields.count == 2, let verdict = Bool(String(fields[1])) else { throw FormatError(String(line)) }
            return (String(fields[0]), verdict)
        }
    }

    static func lines(_ name: String) throws -> [Substring] {
        let path = "\(Self.directory)/\(name)"
        guard let file = unsafe fopen(path, "rb") else { throw FormatError("cannot read \(path)") }
        defer { unsafe fclose(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            if count == 0 { return String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline) }
            text += buffer[..<count]
        }
    }
}

/// A line is not as its format says.
struct FormatError: Error, CustomStringConvertible {
    var description: String

    init(_ line: String) {
        self.description = line
    }
}

/// Jepsen's log of one register: `INFO  jepsen.util - PROCESS :TYPE :FUNCTION VALUE`. A process whose outcome is unknown
/// (`:info`) is not heard of again; a compare-and-set that fails (`:fail`) met another value.
enum JepsenLog {
    typealias History = OperationHistory<RegisterModel.Input, RegisterModel.Output>

    static func parse(_ lines: [Substring]) throws -> [ClientOperation<RegisterModel.Input, RegisterModel.Output>] {
        var history = History()
        var open: [Int: (number: Int, input: RegisterModel.Input)] = [:]
        for line in lines {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count >= 7, fields[0] == "INFO", fields[1] == "jepsen.util", let process = Int(fields[3]) else {
                throw FormatError(String(line))
            }
            let numbers = fields[6...].map { Int($0.filter { $0 != "[" && $0 != "]" }) }
            guard fields[4] != ":invoke" else {
                let input = try Self.input(fields[5], numbers, line)
                open[process] = (history.invoke(client: process, input), input)
                continue
            }
            guard let (number, input) = open.removeValue(forKey: process) else { throw FormatError(String(line)) }
            switch (fields[4], input) {
            case (":ok", .read): history.complete(number, .value(numbers[0]))
            case (":ok", .write): history.complete(number, .written)
            case (":ok", .compareAndSet): history.complete(number, .compared(succeeded: true))
            case (":fail", .compareAndSet): history.complete(number, .compared(succeeded: false))
            case (":fail", .read), (":info", .read): history.discard(number)
            case (":info", _): break
            default: throw FormatError(String(line))
            }
        }
        return history.operations
    }

    private static func input(
        _ function: Substring, _ numbers: [Int?], _ line: Substring
    ) throws -> RegisterModel.Input {
        switch (function, numbers.count, numbers[0], numbers.last ?? nil) {
        case (":read", 1, nil, nil): .read
        case (":write", 1, let value?, _): .write(value)
        case (":cas", 2, let old?, let new?): .compareAndSet(old, to: new)
        default: throw FormatError(String(line))
        }
    }
}

/// A log of a key-value store: `{:process N, :type :TYPE, :f :FUNCTION, :key "KEY", :value "VALUE"}`.
enum KeyValueLog {
    static func parse(_ lines: [Substring]) throws -> [ClientOperation<KeyValueModel.Input, String>] {
        var history = OperationHistory<KeyValueModel.Input, String>()
        var open: [Int: Int] = [:]
        for line in lines {
            let quoted = line.split(separator: "\"", omittingEmptySubsequences: false)
            let words = quoted[0].split { " ,{}".contains($0) }
            guard words.count == 7, let process = Int(words[1]), quoted.count == 5 || line.hasSuffix(":value nil}") else {
                throw FormatError(String(line))
            }
            let key = String(quoted[1])
            let value = quoted.count == 5 ? String(quoted[3]) : ""
            switch (words[3], words[5]) {
            case (":invoke", ":get"): open[process] = history.invoke(client: process, .get(key))
            case (":invoke", ":put"): open[process] = history.invoke(client: process, .put(key, value))
            case (":invoke", ":append"): open[process] = history.invoke(client: process, .append(key, value))
            case (":ok", _):
                guard let number = open.removeValue(forKey: process) else { throw FormatError(String(line)) }
                history.complete(number, value)
            default: throw FormatError(String(line))
            }
        }
        return history.operations
    }
}
