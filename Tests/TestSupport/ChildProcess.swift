internal import Glibc
internal import Synchronization

/// A process that this one started, and ends.
public final class ChildProcess: Sendable {
    public let pid: Int32
    private let exitStatus = Mutex<Int32?>(nil)

    /// - Parameter output: The file that what it writes is appended to.
    public init(_ path: String, _ arguments: [String], output: String) throws {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // A server of this process would go on listening in a child that had its sockets.
        for descriptor in Int32(3)..<1024 {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }

        var argv: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe argv.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let error = unsafe posix_spawn(&pid, path, &actions, nil, &argv, environ)
        guard error == 0 else { throw TestSupportError("\(path): \(unsafe String(cString: strerror(error)))") }
        self.pid = pid
    }

    deinit {
        self.killAndWait()
    }

    /// Whether it has ended; and how, as `waitpid` tells.
    public var status: Int32? {
        self.exitStatus.withLock { status in
            if status == nil {
                var raw: Int32 = 0
                if unsafe waitpid(self.pid, &raw, WNOHANG) == self.pid { status = raw }
            }
            return status
        }
    }

    /// Sends a signal, unless it has ended: the pid is this process's until it is waited for.
    public func signal(_ signal: Int32) {
        self.exitStatus.withLock { status in
            if status == nil { kill(self.pid, signal) }
        }
    }

    /// Holds it still: it keeps its sockets and answers nothing.
    public func pause() { self.signal(SIGSTOP) }
    public func resume() { self.signal(SIGCONT) }

    public func killAndWait() {
        self.exitStatus.withLock { status in
            guard status == nil else { return }
            kill(self.pid, SIGKILL)
            var raw: Int32 = 0
            while unsafe waitpid(self.pid, &raw, 0) == -1, errno == EINTR {}
            status = raw
        }
    }
}

/// Short-lived programs.
public enum Command {
    /// What a program came to.
    public struct Output: Sendable {
        /// 0 when it went well; as `waitpid` tells.
        public var status: Int32
        /// Standard output and error together.
        public var text: String
    }

    /// Runs a program to its end without holding up a thread.
    public static func run(_ path: String, _ arguments: [String], timeout: Duration = .seconds(30)) async throws -> Output {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess(path, arguments, output: directory.path + "/output")
        let status = try await poll(within: timeout, "\(path) \(arguments) ends") { child.status }
        return Output(status: status, text: directory.read("output"))
    }

    /// The same, in the place where it is called.
    public static func runAndWait(_ path: String, _ arguments: [String]) throws -> Output {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess(path, arguments, output: directory.path + "/output")
        while child.status == nil { usleep(1000) }
        return Output(status: child.status ?? -1, text: directory.read("output"))
    }
}

/// Asks again and again until there is an answer; throws when there is none in time.
public func poll<Value>(
    within limit: Duration, every interval: Duration = .milliseconds(10), _ what: @autoclosure () -> String,
    until answer: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        if let value = try await answer() { return value }
        guard ContinuousClock.now < deadline else { throw TestSupportError("not within \(limit): \(what())") }
        try await Task.sleep(for: interval)
    }
}
