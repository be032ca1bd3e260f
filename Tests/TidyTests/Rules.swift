/// A place that breaks a rule, written as compilers write it.
struct Complaint: Hashable, CustomStringConvertible {
    var path: String
    /// From 1.
    var line: Int
    var message: String

    var description: String { "\(self.path):\(self.line): \(self.message)" }
}

/// What every file is held to. Each rule looks at one file and knows nothing of the others.
enum Rules {
    static let longestFile = 600
    static let longestFunction = 70
    static let longestLine = 128

    /// A room imports rooms on lower floors, and of other modules those that its target names.
    static func arrows(_ file: SourceFile, manifest: Manifest) -> [Complaint] {
        guard file.isSwift, let room = file.room else { return [] }
        guard let floor = House.floors[room] else {
            return [Complaint(path: file.path, line: 1, message: "\(room) is no room of the house")]
        }
        return Self.imports(file).compactMap { found in
            let module = found.module
            let message: String?
            if House.never[room]?.contains(module) == true {
                message = "\(room) never imports \(module)"
            } else if let other = House.floors[module] {
                message = other < floor ? nil : "\(room) (floor \(floor)) imports \(module) (floor \(other))"
            } else {
                message = nil
            }
            if let message { return Complaint(path: file.path, line: found.line, message: message) }
            if House.toolchain.contains(module) || manifest.offers(module, to: room) { return nil }
            return Complaint(
                path: file.path, line: found.line, message: "\(room) imports \(module), which its target does not name")
        }
    }

    /// Foundation is left out; its Essentials are for rooms that need them. Benchmarks are a package of their own.
    static func foundation(_ file: SourceFile) -> [Complaint] {
        guard file.isSwift, file.components.first != "Benchmarks" else { return [] }
        return Self.imports(file).compactMap { found in
            if ["Foundation", "FoundationNetworking", "FoundationInternationalization", "FoundationXML"].contains(found.module)
            {
                return Complaint(path: file.path, line: found.line, message: "imports \(found.module)")
            }
            if found.module == "FoundationEssentials", let room = file.room, House.noFoundation.contains(room) {
                return Complaint(path: file.path, line: found.line, message: "\(room) imports FoundationEssentials")
            }
            return nil
        }
    }

    /// Rooms that are pure take no clock, randomness, input or output, and no tasks.
    static func purity(_ file: SourceFile) -> [Complaint] {
        guard file.isSwift, House.isPure(file) else { return [] }
        let banned: Set<String> = [
            "Foundation", "FoundationEssentials", "Glibc", "Task", "TaskGroup", "async", "await", "actor", "Date", "Clock",
            "ContinuousClock", "SuspendingClock", "SystemClock", "WallClock", "random", "shuffled", "randomElement",
            "SystemRandomNumberGenerator", "print", "Disk",
        ]
        return file.code.words.compactMap { word in
            banned.contains(word.text)
                ? Complaint(path: file.path, line: word.line, message: "\(word.text) in a pure room") : nil
        }
    }

    /// What stops a program with no word of why, or disappears from a release build, or writes where no one asked.
    static func bannedCalls(_ file: SourceFile) -> [Complaint] {
        guard file.isSwift else { return [] }
        let text = file.code
        return text.words.compactMap { word in
            let message: String?
            switch word.text {
            case "assert" where text.follows(word, "("), "assertionFailure" where text.follows(word, "("):
                message = "\(word.text) says nothing in a release build; precondition does"
            case "try" where text.follows(word, "!"): message = "try! stops with no word of why"
            case "fatalError" where text.follows(word, "()"): message = "fatalError with no message"
            case "print" where text.follows(word, "(") && file.room != nil && file.room != "quorate":
                message = "print outside the command"
            default: message = nil
            }
            return message.map { Complaint(path: file.path, line: word.line, message: $0) }
        }
    }

    /// What the compiler is asked to take on trust says why it may.
    static func unproven(_ file: SourceFile) -> [Complaint] {
        guard file.isSwift else { return [] }
        let lines = file.lines.map { String(decoding: $0, as: UTF8.self) }
        return file.code.lines.enumerated().compactMap { index, code in
            let code = String(decoding: code, as: UTF8.self)
            guard code.contains("@unchecked Sendable") || code.contains("nonisolated(unsafe)") else { return nil }
            if lines[index].contains("//") || index > 0 && lines[index - 1].contains("//") { return nil }
            return Complaint(path: file.path, line: index + 1, message: "unchecked, and no comment says why it is safe")
        }
    }

    /// Files, functions and lines that fit into a head and onto a page.
    static func sizes(_ file: SourceFile) -> [Complaint] {
        guard file.isSwift, !file.isGenerated else { return [] }
        var complaints: [Complaint] = []
        var lines = file.lines
        if lines.last?.isEmpty == true { lines.removeLast() }
        if lines.count > Self.longestFile {
            complaints.append(Complaint(path: file.path, line: lines.count, message: "\(lines.count) lines in one file"))
        }
        for (index, line) in lines.enumerated() {
            let length = String(decoding: line, as: UTF8.self).count
            if length > Self.longestLine {
                complaints.append(Complaint(path: file.path, line: index + 1, message: "\(length) characters in one line"))
            }
        }
        for function in FunctionScanner.functions(in: file.code) where function.length > Self.longestFunction {
            complaints.append(
                Complaint(path: file.path, line: function.line, message: "\(function.length) lines in one function"))
        }
        return complaints
    }

    /// The repository speaks of itself alone, and holds wherever it is cloned to.
    static func wording(_ file: SourceFile) -> [Complaint] {
        // Put together here so that this file does not hold them.
        let paths = ["wo" + "rk", "ro" + "ot"].map { "/" + $0 }
        let phrases = ["iss" + "ue #", "-Oun" + "checked"]
        return file.lines.enumerated().flatMap { index, bytes -> [Complaint] in
            let line = String(decoding: bytes, as: UTF8.self)
            let found =
                paths.filter { Self.names(path: $0, in: line) } + phrases.filter { line.lowercased().contains($0.lowercased()) }
            return found.map { Complaint(path: file.path, line: index + 1, message: "\($0) has no place here") }
        }
    }

    /// Whether a line names an absolute path that begins with `path`.
    private static func names(path: String, in line: String) -> Bool {
        let (line, path) = (Array(line.utf8), Array(path.utf8))
        guard line.count >= path.count else { return false }
        return (0...(line.count - path.count)).contains { start in
            guard line[start...].starts(with: path) else { return false }
            let end = start + path.count
            let continues = start > 0 && (isWordByte(line[start - 1]) || [0x2E, 0x7D, 0x29].contains(line[start - 1]))
            return !continues && (end == line.count || !isWordByte(line[end]))
        }
    }

    /// The modules that a file imports.
    static func imports(_ file: SourceFile) -> [(module: String, line: Int)] {
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        return file.code.lines.enumerated().compactMap { index, line in
            let words = line.split { !isWordByte($0) }.map { String(decoding: $0, as: UTF8.self) }
            guard let keyword = words.firstIndex(of: "import") else { return nil }
            let rest = words[(keyword + 1)...].drop { kinds.contains($0) }
            return rest.first.map { ($0, index + 1) }
        }
    }
}

extension SwiftText {
    /// Whether these characters come right after a word.
    fileprivate func follows(_ word: Word, _ text: String) -> Bool {
        self.code[word.end...].starts(with: text.utf8)
    }
}
