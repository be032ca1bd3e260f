/// What `Package.swift` says of each room: the targets and products that it names, read from its text.
struct Manifest {
    /// Of each target, what it depends on.
    var dependencies: [String: Set<String>] = [:]
    /// Where each target stands, counted from 1.
    var lines: [String: Int] = [:]

    /// Reads the calls `room("Name", […])`, `tests("Name", […])` and `.executableTarget(name: "Name", …)`. Names like
    /// `log` that stand for a product are looked up in the `let` that gives them.
    init(_ text: String) {
        let characters = Array(text)
        let shorthands = Self.shorthands(in: text)
        for call in ["room(", ".executableTarget(", ".target(", ".systemLibrary("] {
            for start in Self.places(of: Array(call), in: characters) {
                let end = Self.closing(of: start + call.count - 1, in: characters)
                let arguments = Self.withoutComments(String(characters[(start + call.count)..<end]))
                let strings = Self.strings(in: arguments)
                // The functions' own declarations, and what tests share, are no rooms.
                guard let name = strings.first, !arguments.hasPrefix("_ "), !arguments.contains("path: \"Tests/") else {
                    continue
                }
                var names = Set(strings.dropFirst())
                for word in arguments.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
                    if let product = shorthands[String(word)] { names.insert(product) }
                }
                self.dependencies[name, default: []].formUnion(names)
                self.lines[name] = characters[..<start].count { $0 == "\n" } + 1
            }
        }
    }

    /// Whether a target names a module, or the product that it comes with.
    func offers(_ module: String, to room: String) -> Bool {
        let names = self.dependencies[room] ?? []
        return names.contains(module) || names.contains { House.companions[$0]?.contains(module) == true }
    }

    /// Rooms whose target names one that is not below, or never allowed.
    var complaints: [Complaint] {
        self.dependencies.sorted { $0.key < $1.key }.flatMap { room, names -> [Complaint] in
            let line = self.lines[room] ?? 1
            guard let floor = House.floors[room] else {
                return [Complaint(path: "Package.swift", line: line, message: "\(room) is no room of the house")]
            }
            return names.sorted().compactMap { name in
                if House.never[room]?.contains(name) == true {
                    return Complaint(path: "Package.swift", line: line, message: "\(room) never depends on \(name)")
                }
                guard let other = House.floors[name], other >= floor else { return nil }
                return Complaint(
                    path: "Package.swift", line: line, message: "\(room) (floor \(floor)) depends on \(name) (floor \(other))")
            }
        }
    }

    private static func shorthands(in text: String) -> [String: String] {
        var shorthands: [String: String] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("let ") && line.contains(".product(name:") {
            let name = line.dropFirst(4).prefix { $0.isLetter || $0.isNumber }
            shorthands[String(name)] = Self.strings(in: String(line)).first
        }
        return shorthands
    }

    private static func strings(in text: String) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated().compactMap { index, part in
            index % 2 == 1 ? String(part) : nil
        }
    }

    private static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.drop { $0 == " " }.hasPrefix("//") }
            .joined(separator: "\n")
    }

    /// Where `word` stands with no letter before it.
    private static func places(of word: [Character], in text: [Character]) -> [Int] {
        guard text.count >= word.count else { return [] }
        return (0...(text.count - word.count)).filter { start in
            text[start] == word[0] && text[start..<(start + word.count)].elementsEqual(word)
                && (start == 0 || !(text[start - 1].isLetter || text[start - 1] == "."))
        }
    }

    private static func closing(of open: Int, in text: [Character]) -> Int {
        var depth = 0
        for at in open..<text.count {
            if text[at] == "(" { depth += 1 }
            if text[at] == ")" { depth -= 1 }
            if depth == 0 { return at }
        }
        return text.count
    }
}
