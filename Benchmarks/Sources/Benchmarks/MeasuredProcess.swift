internal import Foundation

/// What one run of a program cost.
struct Cost {
    /// From its start to its end, in seconds.
    var seconds: Double
    /// User and system time, in seconds.
    var cpu: Double
    /// The most memory that it held, in megabytes.
    var megabytes: Double
}

/// Runs `program` to its end, its output thrown away.
///
/// - Throws: ``Failure`` when it cannot be started or ends with anything but 0.
func measured(_ program: String, _ arguments: [String]) throws -> Cost {
    var actions = posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
        unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { word in unsafe strdup(word) } + [nil]
    defer { unsafe words.forEach { unsafe free($0) } }
    let start = ContinuousClock.now
    var pid: pid_t = 0
    let failure = unsafe posix_spawn(&pid, program, &actions, nil, &words, environ)
    guard failure == 0 else { throw Failure("\(program): cannot be started, errno \(failure)") }
    var (status, usage): (Int32, rusage) = (0, rusage())
    while unsafe wait4(pid, &status, 0, &usage) < 0 {
        guard errno == EINTR else { throw Failure("\(program): wait: errno \(errno)") }
    }
    let elapsed = (ContinuousClock.now - start).seconds
    guard status == 0 else { throw Failure("\(program) \(arguments.joined(separator: " ")): ended with status \(status)") }
    let cpu = [usage.ru_utime, usage.ru_stime].map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }.reduce(0, +)
    return Cost(seconds: elapsed, cpu: cpu, megabytes: Double(usage.ru_maxrss) / 1024)
}

extension [Cost] {
    /// The cells of a row: median seconds, median CPU seconds, most memory.
    var cells: [String] {
        let peak = self.map(\.megabytes).max() ?? 0
        return [self.map(\.seconds).median.formatted(2), self.map(\.cpu).median.formatted(2), peak.formatted(0)]
    }
}

/// The resident memory now of the process `pid`, or of this one where that is `self`; 0 of none.
func residentMegabytes(of pid: String) -> Double {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return (line.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
}
