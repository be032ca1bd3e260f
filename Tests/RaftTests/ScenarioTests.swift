import Glibc
import Testing

/// The scenarios beside this file, each played and compared with the trace recorded in it.
///
/// With `QUORATE_RECORD` set, the traces are written anew instead; look at what has changed before taking it.
@Suite struct ScenarioTests {
    static let directory = #filePath.split(separator: "/").dropLast().reduce(into: "") { $0 += "/\($1)" } + "/Scenarios"

    static func names() throws -> [String] {
        guard let directory = unsafe opendir(Self.directory) else { throw FileError("cannot list \(Self.directory)") }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasSuffix(".txt") { names.append(String(name.dropLast(4))) }
        }
        return names.sorted()
    }

    static func read(_ path: String) throws -> String {
        guard let file = unsafe fopen(path, "rb") else { throw FileError("cannot read \(path)") }
        defer { unsafe fclose(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = unsafe fread(&buffer, 1, buffer.count, file), count > 0 {
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    @Test(arguments: try names()) func play(_ name: String) throws {
        let path = "\(Self.directory)/\(name).txt"
        let recorded = try Self.read(path)
        let played = try Self.play(recorded)
        if unsafe getenv("QUORATE_RECORD") != nil {
            guard let file = unsafe fopen(path, "wb") else { throw FileError("cannot write \(path)") }
            let text = Array(played.utf8)
            try #require(unsafe fwrite(text, 1, text.count, file) == text.count)
            try #require(unsafe fclose(file) == 0)
            return
        }
        let (wanted, got) = (recorded.split(separator: "\n"), played.split(separator: "\n"))
        let at = zip(wanted, got).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(wanted.count, got.count)
        let context = { (lines: [Substring]) in lines[max(0, at - 3)..<min(lines.count, at + 3)].joined(separator: "\n") }
        #expect(recorded == played, "\(name), about line \(at):\nrecorded\n\(context(wanted))\nplayed\n\(context(got))")
    }

    /// The scenarios that etcd's raft is held to are all here, and the list in the README is complete.
    @Test func listed() throws {
        let names = try Self.names()
        let readme = try Self.read("\(Self.directory)/README.md")
        let listed = readme.split(separator: "\n").filter { $0.hasPrefix("- `") }.map { line in
            String(line.dropFirst(3).prefix { $0 != "`" })
        }
        #expect(listed.sorted() == names)
    }

    /// The script with what happened after each command: a line of `#` is a remark, one of `>` a command, all others the
    /// trace.
    static func play(_ script: String) throws -> String {
        let world = ScenarioWorld()
        var lines: [String] = []
        for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("> ") {
                lines.append(String(line))
                lines += try world.run(String(line.dropFirst(2)))
            } else if line.isEmpty || line.hasPrefix("#") {
                lines.append(String(line))
            }
        }
        return lines.joined(separator: "\n")
    }
}

struct FileError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
