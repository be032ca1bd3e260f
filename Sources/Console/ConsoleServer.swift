public import EtcdClient
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
public import Platform
public import Reconcile
public import ServiceLifecycle

/// Serves the controller's HTTP API, shaped as Kubernetes shapes its own, with metrics and health beside it.
///
/// There is no authentication yet: whoever reaches the address may do everything. It therefore listens on this machine
/// alone (see ``ListenAddress``), and answers no web page that is not its own.
public struct ConsoleServer: Service {
    private let api: API
    private let listen: ListenAddress
    private let logger: Logger
    private let onRunning: @Sendable (ListenAddress) -> Void
    /// Connections at once; more wait.
    private static let connectionLimit = 1024

    /// - Parameters:
    ///   - readiness: What is not ready yet, in words; empty when all is.
    ///   - version: The program's.
    ///   - onRunning: Told the address once connections are taken; with the port that was chosen, if that was left open (0).
    public init(
        store: any StoreClient, clock: any WallClock = SystemClock(), metrics: MetricsRegistry, planner: any PlanProvider,
        readiness: @escaping @Sendable () async -> [String], listen: ListenAddress, version: String = "0", logger: Logger,
        onRunning: @escaping @Sendable (ListenAddress) -> Void = { _ in }
    ) {
        self.api = API(
            store: store, clock: clock, metrics: metrics, planner: planner, readiness: readiness, version: version,
            logger: logger)
        self.listen = listen
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Serves until the task is cancelled or the service group shuts down; open watches are ended then.
    public func run() async throws {
        let address: BindAddress
        switch self.listen {
        case .tcp(let host, let port): address = .hostname(host, port: port)
        case .unix(let path):
            try removeStaleSocket(path)
            address = .unixDomainSocket(path: path)
        }
        // What the server library tells of each connection is of use only to those who look for it.
        var logger = self.logger
        logger.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: Responder(api: self.api, listen: self.listen),
            server: .http1(configuration: .init(idleTimeout: .seconds(300))),
            configuration: .init(
                address: address, backlog: 256,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
            onServerRunning: { channel in self.started(channel) },
            logger: logger)
        try await application.run()
        if case .unix(let path) = self.listen { try? removeStaleSocket(path) }
    }

    private func started(_ channel: any Channel) {
        var address = self.listen
        switch self.listen {
        case .tcp(let host, _): address = .tcp(host: host, port: channel.localAddress?.port ?? 0)
        case .unix(let path): restrictSocket(path)
        }
        self.logger.info("listening", metadata: ["address": "\(address)"])
        self.onRunning(address)
    }
}
