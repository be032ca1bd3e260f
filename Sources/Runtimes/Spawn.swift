internal import CPlatform
internal import Glibc

/// A program to start, apart from this one: in a session of its own, with no input, all signals at their defaults, and no
/// descriptor but its output.
struct Command: Sendable {
    /// Where its standard output and error go.
    enum Output: Sendable {
        /// Added to a file, made when absent.
        case file(String)
        case descriptor(Int32)
    }

    var program: String
    /// Without the program's name.
    var arguments: [String]
    var environment: [String: String]
    var directory: String
    var output: Output

    /// Starts it and returns its process number. It is this process's child until it ends, and must then be reaped.
    func spawn() throws(RuntimeError) -> Int32 {
        let output: Int32
        switch self.output {
        case .descriptor(let descriptor): output = descriptor
        case .file(let path):
            output = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard output >= 0 else { throw RuntimeError(.disk, "\(path): open: \(systemError(errno))") }
        }
        defer {
            if case .file = self.output { close(output) }
        }
        let environment = self.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        var pid: Int32 = 0
        let code = unsafe withCStrings([self.program] + self.arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe quorate_spawn(self.program, arguments, environment, self.directory, output, &pid)
            }
        }
        guard code == 0 else {
            throw RuntimeError(.startFailed, "\(self.program) could not be started: \(systemError(code))")
        }
        return pid
    }
}

/// How a child ended.
enum Ending: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case killed(Int32)
    /// Somebody else took it.
    case unknown

    /// Takes a child's ending from the kernel, so that it is no zombie. Nil while it runs.
    static func reap(_ pid: Int32) -> Ending? {
        Self.wait(pid, WNOHANG)
    }

    /// Waits for the end of a child.
    static func await(_ pid: Int32) -> Ending {
        Self.wait(pid, 0) ?? .unknown
    }

    private static func wait(_ pid: Int32, _ flags: Int32) -> Ending? {
        var status: Int32 = 0
        while true {
            let result = unsafe waitpid(pid, &status, flags)
            if result == pid { return Ending(status) }
            if result == 0 { return nil }
            if errno != EINTR { return .unknown }
        }
    }

    private init(_ status: Int32) {
        // wait(2): the low seven bits are the signal, the next byte the exit code.
        let signal = status & 0x7f
        self = signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal)
    }

    var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .killed(let signal): "killed by signal \(signal)"
        case .unknown: "ended"
        }
    }
}

/// Calls `body` with a null-ended array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
}
