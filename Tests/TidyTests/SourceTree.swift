internal import Glibc

/// A text file of the repository.
struct SourceFile: Sendable {
    /// Relative to the top of the repository, with `/` between components.
    var path: String
    var text: [UInt8]
    /// Its code with comments and literals blanked; empty for what is not Swift.
    let code: SwiftText

    init(path: String, text: String) {
        self.init(path: path, text: Array(text.utf8))
    }

    init(path: String, text: [UInt8]) {
        self.path = path
        self.text = text
        self.code = SwiftText(path.hasSuffix(".swift") ? text : [])
    }

    var isSwift: Bool { self.path.hasSuffix(".swift") }

    var isGenerated: Bool {
        self.path.hasSuffix(".generated.swift") || self.components.dropLast().contains("Generated")
    }

    var components: [Substring] { self.path.split(separator: "/") }

    /// `Store` for `Sources/Store/Txn.swift`; nil outside `Sources`.
    var room: String? {
        let parts = self.components
        return parts.count >= 3 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    var lines: [ArraySlice<UInt8>] {
        self.text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    }
}

/// The files of the repository that people write, found from where this file stands.
enum SourceTree {
    /// The top of the repository.
    static func root(file: String = #filePath) -> String {
        var path = file
        if let resolved = unsafe realpath(file, nil) {
            path = unsafe String(cString: resolved)
            unsafe free(resolved)
        }
        // Tests/TidyTests/SourceTree.swift
        return path.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/\($1)" }
    }

    /// Every text file below the top, sorted by path; what is built, downloaded, recorded or hidden is left out.
    static func files(below root: String = SourceTree.root()) throws -> [SourceFile] {
        var files: [SourceFile] = []
        for name in Self.written where Self.exists("\(root)/\(name)") {
            try Self.collect("\(root)/\(name)", as: name, into: &files)
        }
        return files.sorted { $0.path < $1.path }
    }

    /// What stands at the top and is written by hand.
    private static let written = [
        ".ci", "Benchmarks", "CONTRIBUTING.md", "Fuzz", "Package.swift", "README.md", "Sources", "Tests", "examples",
        "manifests",
        "scripts",
    ]

    private static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    private static func collect(_ path: String, as name: String, into files: inout [SourceFile]) throws {
        guard let directory = unsafe opendir(path) else {
            let text = try Self.read(path)
            // A zero byte marks a file that is not text.
            if !text.contains(0) { files.append(SourceFile(path: name, text: text)) }
            return
        }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            let child = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if child.hasPrefix(".") || ["Package.resolved", "Histories"].contains(child) { continue }
            try Self.collect("\(path)/\(child)", as: "\(name)/\(child)", into: &files)
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        guard let file = unsafe fopen(path, "rb") else { throw Unreadable(path: path, number: errno) }
        defer { unsafe fclose(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            text += buffer[..<count]
        }
        guard unsafe ferror(file) == 0 else { throw Unreadable(path: path, number: errno) }
        return text
    }
}

struct Unreadable: Error {
    var path: String
    var number: Int32
}
