internal import Backups
internal import ClusterAPI
internal import Console
internal import EmbeddedStore
internal import EtcdClient
internal import Glibc
internal import Logging
internal import Operator
internal import Platform
internal import Reconcile
internal import Recovery
internal import Runtimes
internal import ServiceLifecycle
internal import UnixSignals

/// Puts the controller together and runs it until it is told to stop.
enum Controller {
    static func run(_ options: RunOptions) async throws {
        let clock = SystemClock()
        let disk = RealDisk()
        let isLive = options.logFormat == nil && Terminal.standardOutput().isTerminal
        let log = self.logger(options, isLive: isLive, clock: clock)
        let connector = GRPCConnector()
        let memory = try await self.openMemory(options, connector, log)
        let registry = MetricsRegistry()
        let archives = LogArchives(disk: disk, clock: clock)
        let controller = ClusterController(
            client: memory.client, hands: self.hands(connector, disk, clock, archives), clock: clock,
            baseDirectory: currentDirectory(),
            zones: { Zones(disk: disk).rules($0) }, metrics: ControllerMetrics(registry), log: log)
        let election = LeaderElection(
            client: memory.client, key: ObjectKey.election, identity: "\(hostName())-\(getpid())", ttl: .seconds(6),
            isAlone: memory.isAlone, clock: clock, seed: UInt64(clock.now().nanoseconds), logger: log)
        let files = SpecFiles(options.specs, disk: disk, clock: clock, log: log)
        let console = ConsoleServer(
            store: memory.client, clock: clock, metrics: registry, planner: Plans(controller: controller),
            readiness: { [] }, listen: options.listen, version: Version.number, logger: log)
        var services: [any Service] = [
            console,
            UntilShutdown {
                await election.run { term in
                    archives.begin()
                    await controller.lead(term) { await files.follow($0) }
                    await archives.end()
                }
            },
        ]
        if isLive { services.append(UntilShutdown { await LiveScreen(client: memory.client, clock: clock).run() }) }
        let group = ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
        do {
            try await group.run()
        } catch {
            await memory.close()
            throw CommandError(.failed, "\(error)")
        }
        await memory.close()
        await connector.close()
    }

    private static func hands(
        _ connector: GRPCConnector, _ disk: RealDisk, _ clock: SystemClock, _ archives: LogArchives
    ) -> LiveHands {
        LiveHands(
            runtime: ProcessRuntime(disk: disk, clock: clock), connector: connector,
            store: { path in DirectorySnapshotStore(path: path, disk: disk, inspect: SnapshotInspector.inspect) },
            examine: { path in
                let verified = try SnapshotInspector.verify(path, disk)
                let modified = try disk.stat(path)?.modified ?? clock.now()
                let name = path.split(separator: "/").last.map(String.init) ?? path
                return SnapshotManifest(
                    name: name, uri: SnapshotLocation(path: path).uri,
                    labels: SnapshotLabels(cluster: "", clusterID: "", member: "", takenAt: modified),
                    sizeBytes: verified.sizeBytes, sha256: verified.sha256, contents: verified.contents, previous: "")
            }, archives: archives, clock: clock, disk: disk)
    }

    // MARK: The controller's own memory

    private struct Memory: Sendable {
        var client: any StoreClient
        /// Nobody else can have it open.
        var isAlone: Bool
        var close: @Sendable () async -> Void
    }

    private static func openMemory(
        _ options: RunOptions, _ connector: GRPCConnector, _ log: Logger
    ) async throws -> Memory {
        if !options.store.isEmpty {
            log.info("the memory is an etcd cluster", metadata: ["endpoints": "\(options.store.joined(separator: ","))"])
            return Memory(client: connector.connect(to: options.store, timeout: .seconds(5)), isAlone: false) {}
        }
        var configuration = EmbeddedStoreConfiguration()
        configuration.onFatal = { reason in
            // What was acknowledged is on the disk; nothing more can be. Only a new start can tell what is there.
            Terminal.write("fatal: the controller's store: \(reason)\n", to: STDERR_FILENO)
            _exit(1)
        }
        let directory = "\(options.dataDirectory)/store"
        do {
            let store = try await EmbeddedStore.open(directory: directory, configuration: configuration)
            return Memory(client: store, isAlone: true) { try? await store.close() }
        } catch {
            throw CommandError(.failed, "the controller's store \(directory): \(error)")
        }
    }

    // MARK: Logs

    private static func logger(_ options: RunOptions, isLive: Bool, clock: SystemClock) -> Logger {
        let level = Logger.Level(rawValue: options.logLevel) ?? .info
        let format = options.logFormat ?? .json
        // Under the live table, lines would tear the picture: they go to a file.
        let descriptor = isLive ? LogFile.open(options.dataDirectory) : STDERR_FILENO
        let sink: @Sendable (String) -> Void = { Terminal.write($0, to: descriptor) }
        return Logger(label: "quorate") { label in
            LineLogHandler(label: label, level: level, format: format, clock: clock, write: sink)
        }
    }
}

/// Plans for the console, by the function that decides.
private struct Plans: PlanProvider {
    let controller: ClusterController

    func plan(for cluster: EtcdCluster, proposed: EtcdClusterSpec?) async throws -> Plan {
        var cluster = cluster
        if let proposed { cluster.spec = proposed }
        return try await self.controller.plan(for: cluster)
    }
}

/// Work that is cancelled when the program is told to stop, and waited for.
private struct UntilShutdown: Service {
    let body: @Sendable () async -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.body() }
    }
}

/// The live table on standard output, drawn twice a second.
private struct LiveScreen: Sendable {
    let client: any StoreClient
    let clock: SystemClock

    func run() async {
        var screen = Screen()
        let objects = ObjectStore(self.client)
        while !Task.isCancelled {
            let terminal = Terminal.standardOutput()
            let clusters = (try? await objects.list(EtcdCluster.self).items) ?? []
            let lines = LiveTable.lines(
                clusters, now: self.clock.now(), style: terminal.style, width: terminal.width, height: terminal.height)
            Terminal.write(screen.redraw(lines), to: STDOUT_FILENO)
            try? await self.clock.sleep(for: .milliseconds(500))
        }
    }
}

/// The log of a controller that draws a table.
private enum LogFile {
    /// - Returns: The open file's descriptor; -1, to which writes are dropped, when it cannot be opened.
    static func open(_ directory: String) -> Int32 {
        try? RealDisk().makeDirectory(directory)
        return unsafe Glibc.open("\(directory)/controller.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    }
}

private func currentDirectory() -> String {
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
}

private func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
