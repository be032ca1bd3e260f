import TestSupport

/// Makes each sync of a member's files take longer, and nothing else. Needs `strace`, and no privilege.
enum SlowSync {
    private static let strace = "/usr/bin/strace"

    /// Whether a test that needs it is to run: it works, or it must (`CI` is set), and then its lack fails.
    static let isEnabled: Bool = {
        let output = try? Command.runAndWait(Self.strace, ["-D", "-f", "-qq", "-o", "/dev/null", "/bin/true"])
        return output?.status == 0 || Environment.isCI
    }()

    /// What a member is run by, so that no sync begins before so much time has passed. `-D` leaves the member this process's
    /// own child.
    static func wrapper(_ milliseconds: Int) -> [String] {
        let calls = "fsync,fdatasync,msync,sync_file_range"
        return [
            Self.strace, "-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=\(calls)",
            "-e", "inject=\(calls):delay_enter=\(milliseconds)ms",
        ]
    }
}
