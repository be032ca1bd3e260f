public import NIOCore
public import NIOHTTP1
public import NIOPosix
internal import Synchronization

/// Serves gRPC, and HTTP/1 beside it, on the same addresses: a connection's first bytes tell which it speaks.
///
/// Handlers run on the event loops. Answers that come later are handed over by ``send(_:)``, from any thread.
public final class GRPCServer: Sendable {
    private struct State {
        var listeners: [any Channel] = []
        var ticks: [RepeatedTask] = []
        var connections = 0
        var isOpen = false
        var isDown = false
        /// Told when there is no connection left.
        var whenEmpty: EventLoopPromise<Void>?
    }

    private let configuration: GRPCServerConfiguration
    private let methods: MethodTable
    private let http1: HTTP1Handler
    private let group: MultiThreadedEventLoopGroup
    /// One for each event loop.
    private let mailboxes: [LoopMailbox]
    private let state = Mutex(State())
    /// Every connection is closed, and the event loops may end.
    private let isOver = Atomic(false)

    /// - Parameters:
    ///   - http1: Answers HTTP/1 requests; by default each is told 404.
    ///   - group: The event loops; the caller ends them, after ``shutdown(grace:)``.
    public init(
        configuration: GRPCServerConfiguration, methods: MethodTable, group: MultiThreadedEventLoopGroup,
        http1: @escaping HTTP1Handler = { _, respond in respond(HTTP1Response(.notFound)) }
    ) {
        self.configuration = configuration
        self.methods = methods
        self.http1 = http1
        self.group = group
        self.mailboxes = group.makeIterator().enumerated().map { number, loop in
            LoopMailbox(loop: loop, number: UInt32(number), methods: methods.handlers.count)
        }
    }

    /// Connections that are open.
    public var connectionCount: Int { self.state.withLock(\.connections) }

    /// Tells, on some event loop, what has been counted since the server started.
    public func countCalls(_ body: @escaping @Sendable (CallCounts) -> Void) {
        let empty = self.methods.counts
        let parts = self.mailboxes.map { mailbox in
            mailbox.loop.submit { mailbox.connections.value.counter.counts(empty) }
        }
        let all = EventLoopFuture.reduce(into: empty, parts, on: self.group.next()) { $0.add($1) }
        all.whenSuccess { body($0) }
    }

    /// Listens on every address of the configuration, or on none and throws.
    /// - Parameter opens: Whether connections are taken from now on. Otherwise they wait for ``open()``.
    /// - Returns: The addresses, ports chosen.
    public func start(opens: Bool = true) async throws -> [SocketAddress] {
        if opens { self.state.withLock { $0.isOpen = true } }
        var listeners: [any Channel] = []
        do {
            for address in self.configuration.addresses { listeners.append(try await self.listen(address)) }
        } catch {
            for listener in listeners { try? await listener.close() }
            throw error
        }
        let ticks = self.mailboxes.map { mailbox in
            mailbox.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
                mailbox.connections.value.tick()
            }
        }
        let isOpen = self.state.withLock { state in
            precondition(state.listeners.isEmpty && !state.isDown, "a server starts once")
            (state.listeners, state.ticks) = (listeners, ticks)
            return state.isOpen
        }
        if isOpen { Self.open(listeners) }
        return listeners.compactMap(\.localAddress)
    }

    /// Takes the connections that wait, and those to come.
    public func open() {
        let listeners = self.state.withLock { state in
            state.isOpen = true
            return state.listeners
        }
        Self.open(listeners)
    }

    private static func open(_ listeners: [any Channel]) {
        for listener in listeners { listener.setOption(.autoRead, value: true).whenFailure { _ in } }
    }

    /// Hands answers to the connections, waking each event loop at most once. Those that come after ``shutdown(grace:)`` are
    /// dropped.
    public func send(_ batch: ReplyBatch) {
        guard !self.isOver.load(ordering: .acquiring) else { return }
        for (number, part) in batch.parts.enumerated() where !part.entries.isEmpty { self.mailboxes[number].send(part) }
    }

    /// Stops listening, tells every client to go elsewhere (GOAWAY), waits for the calls under way, and closes what is left
    /// after `grace`.
    public func shutdown(grace: TimeAmount) async {
        let listeners = self.state.withLock { state in
            state.isDown = true
            defer { state.listeners = [] }
            return state.listeners
        }
        for listener in listeners { try? await listener.close() }
        let empty = self.group.next().makePromise(of: Void.self)
        let isEmpty = self.state.withLock { state in
            if state.connections > 0 { state.whenEmpty = empty }
            return state.connections == 0
        }
        if isEmpty { empty.succeed() }
        for mailbox in self.mailboxes { mailbox.loop.execute { mailbox.connections.value.drain() } }
        let timer = self.group.next().scheduleTask(in: grace) {
            for mailbox in self.mailboxes { mailbox.loop.execute { mailbox.connections.value.closeAll() } }
        }
        try? await empty.futureResult.get()
        self.isOver.store(true, ordering: .releasing)
        timer.cancel()
        for tick in self.state.withLock(\.ticks) { tick.cancel() }
    }

    // MARK: Listening

    private func listen(_ address: GRPCServerConfiguration.Address) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.autoRead, value: false)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 512 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
            }
        switch address {
        case .tcp(let host, let port):
            return try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1).bind(host: host, port: port).get()
        case .unix(let path):
            return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        }
    }

    /// A new connection. TLS, where there is any, goes in front of what is added here.
    private func accept(_ channel: any Channel) throws {
        guard let mailbox = self.mailboxes.first(where: { $0.loop === channel.eventLoop }) else {
            preconditionFailure("a connection is on a loop of the server's group")
        }
        let isWelcome = self.state.withLock { state in
            guard !state.isDown, state.connections < self.configuration.limits.maxConnections else { return false }
            state.connections += 1
            return true
        }
        guard isWelcome else { throw ChannelError.ioOnClosedChannel }
        channel.closeFuture.whenComplete { _ in self.connectionClosed() }
        let sniffer = ProtocolSniffer(
            connections: mailbox.connections.value, timeout: self.configuration.limits.handshakeTimeout
        ) { channel, place, isHTTP2 in
            try self.configure(channel, place, isHTTP2, mailbox.connections.value)
        }
        try channel.pipeline.syncOperations.addHandler(sniffer)
    }

    private func configure(
        _ channel: any Channel, _ place: RPCConnection.Place, _ isHTTP2: Bool, _ connections: LoopConnections
    ) throws {
        let peer = Self.text(channel.remoteAddress)
        guard isHTTP2 else {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
            let handler = HTTP1Channel(
                self.http1, limits: self.configuration.limits, connections: connections, place: place, peer: peer)
            return try channel.pipeline.syncOperations.addHandler(handler)
        }
        let rpc = RPCConnection(
            configuration: self.configuration, methods: self.methods, place: place, peer: peer, counter: connections.counter,
            now: .now())
        try channel.pipeline.syncOperations.addHandler(RPCHandler(rpc, connections: connections))
    }

    private func connectionClosed() {
        let whenEmpty = self.state.withLock { state in
            state.connections -= 1
            guard state.connections == 0 else { return nil as EventLoopPromise<Void>? }
            defer { state.whenEmpty = nil }
            return state.whenEmpty
        }
        whenEmpty?.succeed()
    }

    /// As Go prints a remote address.
    private static func text(_ address: SocketAddress?) -> String {
        guard let address, let ip = address.ipAddress, let port = address.port else { return "@" }
        return ip.utf8.contains(UInt8(ascii: ":")) ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }
}
