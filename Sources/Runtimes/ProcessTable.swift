internal import CPlatform
internal import Glibc
internal import Platform

/// One process, told apart from any later one that gets its number by when it started.
struct ProcessIdentity: Hashable, Sendable {
    var pid: Int32
    /// Clock ticks after the machine's start: field 22 of `/proc/PID/stat` (proc(5)).
    var startTicks: UInt64
    var engine: EngineType
}

/// What runs on this machine, read from `/proc` each time.
///
/// A member's process is known by its program's name, `etcd`, or `quorate` with `member` after it, and by the data directory
/// on its command line, so that it is found whoever started it, whether or not anything about it was ever written down, and
/// whatever became of the program's file since.
struct ProcessTable: Sendable {
    /// When the machine started. Read once, as the kernel computes it from a clock that is being adjusted.
    private let bootTime: Int64
    private let ticksPerSecond: Int64

    init() {
        let lines = ((try? readFile("/proc/stat")) ?? []).split(separator: UInt8(ascii: "\n"))
        let line = lines.first { $0.starts(with: Array("btime ".utf8)) }
        self.bootTime = line.flatMap { Int64(String(decoding: $0.dropFirst(6), as: UTF8.self)) } ?? 0
        self.ticksPerSecond = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    /// The members' processes, by data directory; each list sorted by process number.
    func scan(for directories: Set<String>) throws(RuntimeError) -> [String: [ProcessIdentity]] {
        if directories.isEmpty { return [:] }
        let names = try onDisk { () throws(DiskError) in try RealDisk().list("/proc") }
        var found: [String: [ProcessIdentity]] = [:]
        for pid in names.compactMap({ Int32($0) }).sorted() {
            guard let member = try Self.member(pid), directories.contains(member.directory),
                let identity = try self.running(pid, on: member.directory)
            else { continue }
            found[member.directory, default: []].append(identity)
        }
        return found
    }

    /// The process of that number, when it is a member on that data directory, and no zombie.
    func running(_ pid: Int32, on directory: String) throws(RuntimeError) -> ProcessIdentity? {
        guard let before = try Self.startTicks(of: pid), let member = try Self.member(pid), member.directory == directory,
            try Self.startTicks(of: pid) == before
        else { return nil }
        return ProcessIdentity(pid: pid, startTicks: before, engine: member.engine)
    }

    /// What a member's process was started with.
    func tuning(of process: ProcessIdentity) -> MemberTuning? {
        let line = (try? readFile("/proc/\(process.pid)/cmdline")) ?? []
        return MemberTuning(arguments: line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
    }

    func startTime(of process: ProcessIdentity) -> Timestamp {
        let ticks = Int64(clamping: process.startTicks)
        let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: self.ticksPerSecond)
        return Timestamp(seconds: self.bootTime &+ seconds) + .nanoseconds(rest * (1_000_000_000 / self.ticksPerSecond))
    }

    /// Nil when there is no such process, or only what is left of one that ended.
    private static func startTicks(of pid: Int32) throws(RuntimeError) -> UInt64? {
        // The name, in parentheses, may hold any byte; the fields after the last parenthesis are plain.
        let text = try readFile("/proc/\(pid)/stat")
        guard let end = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = text[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields[0].first, state != UInt8(ascii: "Z"), state != UInt8(ascii: "X")
        else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    /// What a command line says: that it is a member's, and the value of its `--data-dir`.
    private static func member(_ pid: Int32) throws(RuntimeError) -> (engine: EngineType, directory: String)? {
        let arguments = try readFile("/proc/\(pid)/cmdline").split(separator: 0, omittingEmptySubsequences: false)
        let program = arguments.first?.split(separator: UInt8(ascii: "/")).last ?? []
        let engine = EngineType.allCases.first { program.elementsEqual($0.program.utf8) }
        guard let engine else { return nil }
        if engine == .native, arguments.count < 2 || !arguments[1].elementsEqual("member".utf8) { return nil }
        let flag = Array("--data-dir".utf8)
        for (index, argument) in arguments.enumerated() where argument.starts(with: flag) {
            let rest = argument.dropFirst(flag.count)
            if rest.isEmpty, index + 1 < arguments.count {
                return (engine, String(decoding: arguments[index + 1], as: UTF8.self))
            }
            if rest.first == UInt8(ascii: "=") { return (engine, String(decoding: rest.dropFirst(), as: UTF8.self)) }
        }
        return nil
    }
}

/// A hold on one process: it can be signalled and watched, and never be mistaken for another that got its number.
final class ProcessHandle: Sendable {
    let pid: Int32
    private let descriptor: Int32

    /// Nil when there is no such process any more.
    init?(_ pid: Int32) throws(RuntimeError) {
        let descriptor = quorate_process_open(pid)
        if descriptor < 0 {
            if errno == ESRCH { return nil }
            throw RuntimeError(.other, "process \(pid) could not be opened: \(systemError(errno))")
        }
        self.pid = pid
        self.descriptor = descriptor
    }

    deinit { Glibc.close(self.descriptor) }

    /// Whether it ended, all of its threads, and so let go of its files. It may be a zombie.
    var hasEnded: Bool {
        var poll = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe Glibc.poll(&poll, 1, 0) == 1
    }

    /// Sends a signal; nothing when it has ended.
    func signal(_ signal: Int32) throws(RuntimeError) {
        let code = quorate_process_signal(self.descriptor, signal)
        guard code == 0 || code == ESRCH else {
            throw RuntimeError(.other, "process \(self.pid) could not be sent signal \(signal): \(systemError(code))")
        }
    }
}

/// The bytes of a file of `/proc`, up to a megabyte; empty when it is of a process that ended, or not ours to see. Any
/// other failure is an error: a process that was not read is not one that does not run.
private func readFile(_ path: String) throws(RuntimeError) -> [UInt8] {
    let unseen = [ENOENT, ESRCH, EACCES, EPERM]
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
        if unseen.contains(errno) { return [] }
        throw RuntimeError(.other, "\(path): open: \(systemError(errno))")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count < 1 << 20 {
        let count = unsafe read(descriptor, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        if count < 0 && !unseen.contains(errno) { throw RuntimeError(.other, "\(path): read: \(systemError(errno))") }
        guard count > 0 else { break }
        bytes += buffer[..<count]
    }
    return bytes
}
