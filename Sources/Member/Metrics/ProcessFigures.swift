internal import Glibc
internal import Platform

/// What the system knows of this process. What it does not tell is nil.
struct ProcessFigures: Sendable, Hashable {
    var cpuSeconds: Double?
    /// Since 1970.
    var startSeconds: Double?
    var virtualBytes: Double?
    var residentBytes: Double?
    var openFiles: Double?
    var maximumFiles: Double?

    /// Of now.
    init(_ disk: any Disk = RealDisk()) {
        if let names = try? disk.list("/proc/self/fd") { self.openFiles = Double(names.count) }
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            self.maximumFiles = Double(limit.rlim_cur)
        }
        // The name in parentheses, which may hold anything, comes before the fields that matter. See proc_pid_stat(5).
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        guard let text = Self.read("/proc/self/stat", disk), let end = text.lastIndex(of: ")") else { return }
        let fields = text[end...].split(separator: " ").dropFirst().map { Double($0) ?? 0 }
        guard fields.count > 21, ticks > 0 else { return }
        self.cpuSeconds = (fields[11] + fields[12]) / ticks
        self.virtualBytes = fields[20]
        self.residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
        let boot = Self.read("/proc/stat", disk)?.split(separator: "\n").first { $0.hasPrefix("btime ") }
        if let boot, let seconds = Double(boot.dropFirst(6)) { self.startSeconds = seconds + fields[19] / ticks }
    }

    private static func read(_ path: String, _ disk: any Disk) -> String? {
        guard let file = try? disk.open(path, .read) else { return nil }
        defer { try? file.close() }
        return (try? file.read(at: 0, count: 1 << 16)).map { String(decoding: $0, as: UTF8.self) }
    }
}
