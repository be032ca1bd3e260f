internal import FoundationEssentials
internal import Glibc
internal import Synchronization
internal import TestSupport

/// The binary under test.
enum QuorateBinary {
    /// What `QUORATE_BINARY` names, else `quorate` beside the running test bundle.
    static let path: String = {
        if let path = unsafe getenv("QUORATE_BINARY") { return unsafe String(cString: path) }
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/quorate"
    }()
}

/// `quorate run` in a directory; may be killed and started again over the same memory.
final class ControllerProcess: Sendable {
    let name: String
    let port: Int
    private let directory: String
    private let arguments: [String]
    private let child = Mutex<ChildProcess?>(nil)

    /// - Parameters:
    ///   - name: Of its data directory and of its log, `NAME.log`.
    ///   - directory: Where it runs; relative paths of specs start there.
    init(_ name: String, in directory: String, specs: [String], extra: [String] = []) throws {
        self.name = name
        self.directory = directory
        self.port = try Loopback.freePorts(1)[0]
        self.arguments = ["run"] + specs + ["--data-dir", name, "--listen", "127.0.0.1:\(self.port)"] + extra
    }

    var url: String { "http://127.0.0.1:\(self.port)" }
    var pid: Int32? { self.child.withLock { $0?.pid } }
    var hasEnded: Bool { self.child.withLock { $0?.status != nil } }
    var log: String { Files.read("\(self.directory)/\(self.name).log") }

    func start() throws {
        try self.child.withLock { child in
            precondition(child == nil || child?.status != nil, "\(self.name) runs already")
            // `env` becomes the program: the pid is the controller's.
            child = try ChildProcess(
                "/usr/bin/env", Quorate.environment(self.directory) + [QuorateBinary.path] + self.arguments,
                output: "\(self.directory)/\(self.name).log")
        }
    }

    /// Starts it and waits until it answers.
    func startAndWait() async throws {
        try self.start()
        try await poll(within: .seconds(30), "the controller answers; its log:\n\(self.log.suffix(4000))") {
            if self.hasEnded { throw TestSupportError("the controller ended; its log:\n\(self.log.suffix(4000))") }
            return Loopback.get("/readyz", port: self.port) == 200 ? () : nil
        }
    }

    /// `kill -9`.
    func kill() {
        self.child.withLock { $0?.killAndWait() }
    }

    /// Asks it to end, and insists after ten seconds.
    func stop() async {
        let child = self.child.withLock { $0 }
        child?.signal(SIGTERM)
        _ = try? await poll(within: .seconds(10), "the controller ends") { child?.status == nil ? nil : () } as Void
        self.kill()
    }
}

/// The commands.
enum Quorate {
    struct Answer: Sendable {
        var exitCode: Int32
        /// Standard output and error together.
        var text: String
    }

    /// Arguments of `env`: where to run, and what only this test's processes see.
    static func environment(_ directory: String) -> [String] {
        ["-C", directory, "NO_COLOR=1", "XDG_RUNTIME_DIR=\(directory)/run"]
    }

    static func run(
        _ arguments: [String], in directory: String, server: String = "", timeout: Duration = .seconds(30)
    ) async throws -> Answer {
        let output = try await Command.run(
            "/usr/bin/env", Self.environment(directory) + ["QUORATE_SERVER=\(server)", QuorateBinary.path] + arguments,
            timeout: timeout)
        // As `waitpid` tells: the code is in the second byte, a signal in the first.
        return Answer(
            exitCode: output.status & 0x7F == 0 ? output.status >> 8 & 0xFF : -(output.status & 0x7F), text: output.text)
    }
}

enum Files {
    static func read(_ path: String) -> String {
        guard let data = FileManager.default.contents(atPath: path) else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    /// Writes beside, then renames, as editors do.
    static func write(_ text: String, to path: String) throws {
        guard FileManager.default.createFile(atPath: path + ".new", contents: Data(text.utf8)) else {
            throw TestSupportError("cannot write \(path)")
        }
        guard unsafe rename(path + ".new", path) == 0 else { throw TestSupportError("cannot rename to \(path)") }
    }

    static func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// `rm -rf`.
    static func remove(_ path: String) throws {
        // A process that still writes there may add a file while the tree goes.
        for attempt in 1... {
            do {
                return try FileManager.default.removeItem(atPath: path)
            } catch {
                guard FileManager.default.fileExists(atPath: path) else { return }
                if attempt == 20 { throw error }
            }
        }
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path)
    }

    static func list(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}

enum Processes {
    /// Whether it runs: one that ended and was not waited for yet does not.
    static func isAlive(_ pid: Int32) -> Bool {
        let stat = Files.read("/proc/\(pid)/stat")
        guard let end = stat.lastIndex(of: ")") else { return false }
        let state = stat[stat.index(after: end)...].split(separator: " ").first
        return state != nil && state != "Z" && state != "X"
    }

    /// The processes whose command line names something below a directory.
    static func below(_ directory: String) -> [Int32] {
        Files.list("/proc").compactMap { Int32($0) }.filter { pid in
            pid != getpid() && Files.read("/proc/\(pid)/cmdline").contains(directory + "/") && Self.isAlive(pid)
        }
    }
}
