internal import FoundationEssentials
internal import Glibc
public import Platform

/// Members as processes of this machine: etcd's, or `quorate member`.
///
/// Each member has a directory below the cluster's: `place.json` says what it was given, `data` is etcd's, `etcd.log` its
/// log. What was moved aside is in `removed`. Processes are started in a session of their own and outlive the controller.
/// They are found again by their data directory in `/proc`, never by a number that was written down, so there is no crash
/// of the controller after which one would be overlooked or started twice.
///
/// All file and process calls are made on a thread apart from the cooperative pool.
public actor ProcessRuntime: Runtime {
    /// What may be set; the defaults are right for a machine's controller.
    public struct Settings: Sendable {
        /// Where port reservations are kept, shared by all controllers of this machine. Nil for a directory below
        /// `$XDG_RUNTIME_DIR`, or `/tmp` where there is none.
        public var portDirectory: String?
        /// Below the kernel's range for outgoing connections (32768 to 60999).
        public var ports: ClosedRange<Int> = 20_000...32_000
        /// Bytes above which a member's log is rotated.
        public var logLimit: Int64 = 16 << 20
        /// How many rotated logs are kept of each member.
        public var logsKept = 5
        /// How long a start watches the new process, to notice one that ends at once. It returns sooner when it made data.
        public var startWatch: Duration = .milliseconds(100)
        /// What members inherit, and where `PATH` is looked up.
        public var environment: [String: String] = ProcessInfo.processInfo.environment
        /// The `quorate` that native members run; nil for the one that this process runs.
        public var nativeProgram: String?

        public init() {}
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe self.thread.asUnownedSerialExecutor() }

    /// Where all process runtimes of a program do their work.
    private static let sharedThread = WorkerThread(named: "members")
    nonisolated let thread: WorkerThread
    let disk: any Disk
    let clock: any WallClock
    let environment: [String: String]
    /// Absolute.
    let nativeProgram: String?
    let registry: PortRegistry
    let table = ProcessTable()
    private let settings: Settings

    /// The versions of the programs seen.
    var versions: [ProgramFile: String] = [:]
    /// The processes started from here that were not reaped yet, with their data directories.
    private var children: [Int32: String] = [:]
    /// How the last process on a data directory ended, of those started from here.
    private var endings: [String: Ending] = [:]
    /// Where the process on a data directory was last seen. Checked before it is believed.
    private var lastSeen: [String: Int32] = [:]
    /// The places whose port reservations are known to stand.
    private var registered: Set<MemberDirectory> = []

    public init(disk: any Disk = RealDisk(), clock: any WallClock = SystemClock(), settings: Settings = Settings()) {
        self.init(disk: disk, clock: clock, settings: settings, thread: Self.sharedThread)
    }

    init(disk: any Disk, clock: any WallClock, settings: Settings, thread: WorkerThread) {
        self.disk = disk
        self.clock = clock
        self.settings = settings
        self.thread = thread
        self.environment = settings.environment
        self.nativeProgram = settings.nativeProgram ?? executable()
        self.registry = PortRegistry(
            directory: settings.portDirectory ?? PortRegistry.defaultDirectory(settings.environment), range: settings.ports,
            disk: disk)
    }

    // MARK: - Looking

    public func members(of cluster: ClusterPlace) async throws(RuntimeError) -> [MemberProcess] {
        self.reap()
        let places = try self.places(of: cluster)
        let processes = try self.processes(on: places.map { $0.directory.data })
        var members: [MemberProcess] = []
        for (directory, record) in places {
            members.append(try self.look(at: directory, record, processes[directory.data]))
            // A log that cannot be rotated, as on a full disk, is no reason to lose sight of the member.
            try? self.log(of: directory).rotate()
            try self.renewPorts(of: directory, record)
        }
        return members
    }

    private func places(of cluster: ClusterPlace) throws(RuntimeError) -> [(directory: MemberDirectory, record: MemberRecord)] {
        let path = try cluster.directory()
        let names = try onDisk { () throws(DiskError) in try self.disk.stat(path) == nil ? [] : self.disk.list(path) }
        var places: [(MemberDirectory, MemberRecord)] = []
        for name in names {
            guard let directory = try? cluster.memberDirectory(name), let record = try directory.record(on: self.disk)
            else { continue }
            places.append((directory, record))
        }
        return places
    }

    /// What is at a place now. Notes on disk that there was data, the first time it is seen.
    private func look(
        at directory: MemberDirectory, _ record: MemberRecord, _ process: ProcessIdentity?
    ) throws(RuntimeError) -> MemberProcess {
        let data = try directory.dataState(ran: record.ran, on: self.disk)
        if data == .present, !record.ran { try self.note(directory) { $0.ran = true } }
        return MemberProcess(
            place: record.place(in: directory), pid: process?.pid, startedAt: process.map { self.table.startTime(of: $0) },
            data: data, lastWords: process == nil && !record.stopped ? self.lastWords(of: directory) : nil,
            tuning: process.flatMap { self.table.tuning(of: $0) }, engine: process?.engine,
            // Of data that is gone nothing is said any more.
            origin: data == .present ? record.originReport : nil)
    }

    /// How it ended, when that is known, and what its log says of it. Nil when it never started.
    private func lastWords(of directory: MemberDirectory) -> String? {
        let words = (try? self.log(of: directory).lastWords()) ?? []
        let all = [self.endings[directory.data]?.description].compactMap { $0 } + words
        return all.isEmpty ? nil : all.joined(separator: "; ")
    }

    private func log(of directory: MemberDirectory) -> MemberLog {
        MemberLog(path: directory.log, limit: self.settings.logLimit, kept: self.settings.logsKept, disk: self.disk)
    }

    // MARK: - Processes

    /// The process on each data directory. Most are where they were last; `/proc` is searched only for the others.
    func processes(on directories: [String]) throws(RuntimeError) -> [String: ProcessIdentity] {
        var found: [String: ProcessIdentity] = [:]
        for directory in directories {
            guard let pid = self.lastSeen[directory] else { continue }
            found[directory] = try self.table.running(pid, on: directory)
        }
        let missing = Set(directories).subtracting(found.keys)
        for (directory, processes) in try self.table.scan(for: missing) { found[directory] = processes.first }
        for directory in directories { self.lastSeen[directory] = found[directory]?.pid }
        return found
    }

    /// Takes the endings of children that are no more, so that none stays a zombie.
    func reap() {
        for (pid, directory) in self.children {
            guard let ending = Ending.reap(pid) else { continue }
            self.children[pid] = nil
            self.endings[directory] = ending
        }
    }

    public func start(
        _ member: String, of cluster: ClusterPlace, with options: StartOptions
    ) async throws(RuntimeError) -> MemberProcess {
        let directory = try cluster.memberDirectory(member)
        let engine = try await self.engine(for: cluster.engine)
        guard try directory.record(on: self.disk) != nil else {
            throw RuntimeError(.refused, "\(member) has no place in \(cluster.name)")
        }
        let lock = try await self.lock(directory)
        try await self.settle(directory)
        // No waiting from here to the start, so that nothing can come between the look and the act: no other call, nor,
        // by the lock, another controller.
        guard var record = try directory.record(on: self.disk) else {
            throw RuntimeError(.refused, "\(member) has no place in \(cluster.name)")
        }
        if let process = try self.processes(on: [directory.data])[directory.data] {
            return try self.look(at: directory, record, process)
        }
        let data = try directory.dataState(ran: record.ran, on: self.disk)
        guard data != .lost else {
            throw RuntimeError(.refused, "\(member) lost its data: it may only come back as a new member")
        }
        guard try !directory.isLocked(on: self.disk) else {
            throw RuntimeError(.refused, "\(directory.data) is in use by a process that is not visible from here")
        }
        record.ran = data == .present
        record.stopped = false
        record.engineVersion = engine.version
        if try directory.record(on: self.disk) != record { try directory.write(record, on: self.disk) }

        let place = record.place(in: directory)
        let command = Command(
            program: engine.path, arguments: engine.subcommand + etcdArguments(place, options, engine.type),
            environment: memberEnvironment(self.environment, engine: engine), directory: directory.path,
            output: .file(directory.log))
        let words = ([engine.path] + command.arguments).joined(separator: " ")
        try onDisk { () throws(DiskError) in
            try self.log(of: directory).rotate()
            try self.log(of: directory).announce(words, at: self.clock.now())
        }
        let pid = try command.spawn()
        self.children[pid] = directory.data
        self.endings[directory.data] = nil
        // The lock is held until the process can be found, so that whoever looks next finds it.
        try await self.settle(directory)
        if self.children[pid] != nil, try self.processes(on: [directory.data]).isEmpty {
            try ProcessHandle(pid)?.signal(SIGKILL)
            throw RuntimeError(
                .startFailed, "\(engine.path) runs, but not under the name \(engine.type.program): it could not be found again")
        }
        try onDisk { () throws(DiskError) in try lock.close() }
        return try await self.watchStart(in: directory, hadData: data == .present)
    }

    /// Waits until a child of this process is either found or reaped. It is neither in the first moment of its life, when
    /// its command line is not there yet, nor in the last, when some of its threads still end and hold its files.
    private func settle(_ directory: MemberDirectory) async throws(RuntimeError) {
        let deadline = self.clock.uptime() + .seconds(5)
        self.reap()
        while self.children.values.contains(directory.data), try self.processes(on: [directory.data]).isEmpty,
            self.clock.uptime() < deadline
        {
            try await self.pause(.milliseconds(1))
            self.reap()
        }
    }

    /// Watches a new process for a moment, to notice one that ends at once.
    private func watchStart(in directory: MemberDirectory, hadData: Bool) async throws(RuntimeError) -> MemberProcess {
        let deadline = self.clock.uptime() + self.settings.startWatch
        while true {
            try await self.settle(directory)
            guard let record = try directory.record(on: self.disk) else {
                throw RuntimeError(.startFailed, "\(directory.path) was moved away")
            }
            let process = try self.processes(on: [directory.data])[directory.data]
            let member = try self.look(at: directory, record, process)
            guard process != nil else {
                throw RuntimeError(.startFailed, "\(record.name) ended at once: \(member.lastWords ?? "it was stopped")")
            }
            if !hadData && member.data == .present || self.clock.uptime() >= deadline { return member }
            try await self.pause(.milliseconds(10))
        }
    }

    public func stop(_ member: String, of cluster: ClusterPlace, grace: Duration) async throws(RuntimeError) {
        let directory = try cluster.memberDirectory(member)
        let processes = try self.table.scan(for: [directory.data])[directory.data] ?? []
        if !processes.isEmpty, let record = try directory.record(on: self.disk), !record.stopped {
            // Only for its last words: a full disk must not keep a member from being stopped.
            try? self.note(directory) { $0.stopped = true }
        }
        for process in processes { try await self.end(process, on: directory, grace: grace) }
        self.reap()
    }

    private func end(_ process: ProcessIdentity, on directory: MemberDirectory, grace: Duration) async throws(RuntimeError) {
        // Held first and looked at again after, so that what is signalled is what was looked at.
        guard let handle = try ProcessHandle(process.pid),
            try self.table.running(process.pid, on: directory.data) == process
        else { return }
        for (signal, patience) in [(SIGTERM, grace), (SIGKILL, .seconds(10))] {
            try handle.signal(signal)
            let deadline = self.clock.uptime() + patience
            while !handle.hasEnded && self.clock.uptime() < deadline { try await self.pause(.milliseconds(10)) }
            if handle.hasEnded { return }
        }
        throw RuntimeError(.other, "process \(process.pid) on \(directory.data) does not end, even when killed")
    }

    func pause(_ duration: Duration) async throws(RuntimeError) {
        do {
            try await self.clock.sleep(for: duration)
        } catch {
            throw RuntimeError(.other, "cancelled")
        }
    }

    // MARK: - Ports

    /// Reserves again the ports of a place that was made before the machine was restarted. Left for the next look when
    /// another controller holds the registry.
    private func renewPorts(of directory: MemberDirectory, _ record: MemberRecord) throws(RuntimeError) {
        guard !self.registered.contains(directory) else { return }
        if try !self.registry.holds(record, of: directory) {
            guard let lock = try self.registry.tryLock() else { return }
            try self.registry.renew(record, of: directory)
            try onDisk { () throws(DiskError) in try lock.close() }
        }
        self.registered.insert(directory)
    }

    func forget(_ directory: MemberDirectory) {
        self.registered.remove(directory)
        self.endings[directory.data] = nil
        self.lastSeen[directory.data] = nil
    }
}
