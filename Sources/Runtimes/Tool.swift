internal import CPlatform
internal import Glibc
internal import Platform

/// What a short-lived program did.
struct ToolResult: Sendable {
    var ending: Ending
    /// Its standard output and error, up to a megabyte.
    var output: String

    /// The last lines of the output.
    var lastWords: String {
        self.output.split(separator: "\n").suffix(3).joined(separator: "; ")
    }
}

extension ProcessRuntime {
    /// Runs a program to its end. It is killed when the time is over or the task is cancelled.
    func run(
        _ program: String, _ arguments: [String], extra: [String: String] = [:], timeLimit: Duration
    ) async throws(RuntimeError) -> ToolResult {
        // Memory, and not a pipe: nobody has to read while it runs.
        let output = quorate_memory_file()
        guard output >= 0 else { throw RuntimeError(.other, "memfd_create: \(systemError(errno))") }
        defer { close(output) }
        let environment = self.environment.filter { !$0.key.hasPrefix("ETCD") }.merging(extra) { $1 }
        let command = Command(
            program: program, arguments: arguments, environment: environment, directory: "/", output: .descriptor(output))
        let pid = try command.spawn()
        // A child that was not reaped keeps its number, so there is no process that this could miss or mistake.
        guard let process = try ProcessHandle(pid) else { throw RuntimeError(.other, "\(program) was reaped by another") }
        let deadline = self.clock.uptime() + timeLimit
        var failure: RuntimeError?
        while !process.hasEnded {
            do {
                try await self.clock.sleep(for: .milliseconds(10))
                if self.clock.uptime() < deadline { continue }
                failure = RuntimeError(.other, "\(program) did not end within \(timeLimit)")
            } catch {
                failure = RuntimeError(.other, "\(program) was cancelled")
            }
            try process.signal(SIGKILL)
            break
        }
        let ending = Ending.await(pid)
        if let failure { throw failure }
        return ToolResult(ending: ending, output: text(of: output))
    }
}

/// All that was written to a descriptor, from its beginning.
private func text(of descriptor: Int32) -> String {
    let limit = 1 << 20
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
        filled = unsafe max(0, pread(descriptor, buffer.baseAddress, limit, 0))
    }
    return String(decoding: bytes, as: UTF8.self)
}
