internal import GRPCServer
internal import NIOCore
internal import NIOPosix
public import Platform
internal import Synchronization

/// A member of a cluster, serving etcd's API. One per data directory.
public final class MemberServer: Sendable {
    private let mailbox: Mailbox<MemberMessage>
    private let server: GRPCServer
    /// On the metrics URLs, where there are any.
    private let metricsServer: GRPCServer?
    private let group: MultiThreadedEventLoopGroup
    private let ticks: RepeatedTask
    private let transport: PeerTransport
    /// Where clients are served, ports chosen.
    public let clientAddresses: [String]

    private init(
        _ mailbox: Mailbox<MemberMessage>, _ server: GRPCServer, _ metricsServer: GRPCServer?,
        _ group: MultiThreadedEventLoopGroup, _ transport: PeerTransport, _ ticks: RepeatedTask, _ addresses: [String]
    ) {
        (self.mailbox, self.server, self.metricsServer) = (mailbox, server, metricsServer)
        (self.group, self.transport, self.ticks, self.clientAddresses) = (group, transport, ticks, addresses)
    }

    /// Opens the member's data directory and serves.
    ///
    /// - Parameter onEnd: Told once, when the member ends by itself: the reason. The process should end with it.
    /// - Throws: ``MemberError``.
    public static func start(
        _ configuration: MemberConfiguration, disk: any Disk = RealDisk(), clock: any WallClock = SystemClock(),
        onEnd: @escaping @Sendable (MemberError) -> Void
    ) async throws -> MemberServer {
        let mailbox = Mailbox<MemberMessage>()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(4, System.coreCount / 2)))
        let meter = DiskMeter(clock)
        let place = MemberPlace(configuration, disk)
        let metered = MeteredDisk(disk: disk, meter: meter, log: place.log, database: place.database)
        let http = MemberHTTP(mailbox: mailbox, meter: meter)
        let server = GRPCServer(
            configuration: try GRPCServerConfiguration(
                member: configuration, urls: configuration.listenClientURLs),
            methods: MemberServices(mailbox: mailbox).methods, group: group, http1: http.answer)
        let metricsServer = try self.metricsServer(configuration, http, group)
        do {
            try await self.checkAddresses(configuration, group)
            let joined = try await ClusterToJoin.find(configuration, disk, group)
            let transport = try await self.openEngine(configuration, joined, metered, clock, mailbox, server, group, onEnd)
            do { try await transport.start(configuration.listenPeerURLs) } catch {
                throw MemberError(.network, "\(configuration.listenPeerURLs.joined(separator: ", ")): \(error)")
            }
            let addresses = try await server.start(opens: false).map { address in
                "\(address.ipAddress ?? ""):\(address.port ?? 0)"
            }
            _ = try await metricsServer?.start()
            let interval = TimeAmount.nanoseconds(configuration.heartbeatInterval.nanoseconds)
            let ticks = group.next().scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                mailbox.send(.tick)
            }
            return MemberServer(mailbox, server, metricsServer, group, transport, ticks, addresses)
        } catch {
            mailbox.close()
            try? await group.shutdownGracefully()
            guard error is MemberError else { throw MemberError(.network, "\(configuration.listenClientURLs): \(error)") }
            throw error
        }
    }

    /// Whether all addresses are free. Asked before anything is written: a member that cannot be reached makes no data.
    private static func checkAddresses(
        _ configuration: MemberConfiguration, _ group: MultiThreadedEventLoopGroup
    ) async throws {
        for url in configuration.listenClientURLs + configuration.listenPeerURLs + configuration.listenMetricsURLs {
            let listening = try GRPCServerConfiguration(member: configuration, urls: [url])
            let server = GRPCServer(configuration: listening, methods: MethodTable(), group: group)
            do { _ = try await server.start() } catch { throw MemberError(.network, "\(url): \(error)") }
            await server.shutdown(grace: .zero)
        }
    }

    /// `/metrics` and `/health` by themselves.
    private static func metricsServer(
        _ configuration: MemberConfiguration, _ http: MemberHTTP, _ group: MultiThreadedEventLoopGroup
    ) throws(MemberError) -> GRPCServer? {
        guard !configuration.listenMetricsURLs.isEmpty else { return nil }
        var http = http
        http.isForMetrics = true
        let listening = try GRPCServerConfiguration(
            member: configuration, urls: configuration.listenMetricsURLs)
        return GRPCServer(configuration: listening, methods: MethodTable(), group: group, http1: http.answer)
    }

    private static func openEngine(
        _ configuration: MemberConfiguration, _ joined: ClusterToJoin?, _ disk: any Disk, _ clock: any WallClock,
        _ mailbox: Mailbox<MemberMessage>, _ server: GRPCServer, _ group: any EventLoopGroup,
        _ onEnd: @escaping @Sendable (MemberError) -> Void
    ) async throws -> PeerTransport {
        try await withCheckedContinuation { (opened: CheckedContinuation<Result<PeerTransport, MemberError>, Never>) in
            startThread(named: "member") {
                do throws(MemberError) {
                    let now = clock.now()
                    // Milliseconds leave room for 256,000 requests a second before a later run's ids could meet them.
                    let milliseconds = UInt64(clamping: now.nanoseconds / 1_000_000)
                    let circumstances = MemberParts.Circumstances(
                        seed: .random(in: 0 ... .max), firstRequestID: milliseconds << 8, uptime: clock.uptime())
                    let parts = try MemberParts.open(configuration, joining: joined, disk: disk, circumstances)
                    let core = MemberCore<Client>(parts, configuration, uptime: clock.uptime())
                    let transport = PeerTransport(
                        configuration, core.identity, remotes: joined?.members ?? [], disk: disk, group: group,
                        mailbox: mailbox)
                    let engine = MemberEngine(core, mailbox, server, transport, clock)
                    opened.resume(returning: .success(transport))
                    if let failure = engine.run() { onEnd(failure) }
                } catch {
                    opened.resume(returning: .failure(error))
                }
            }
        }.get()
    }

    /// Ends the member in order: calls under way are answered, files are closed.
    public func stop() async throws {
        await self.metricsServer?.shutdown(grace: .zero)
        await self.server.shutdown(grace: .seconds(1))
        self.ticks.cancel()
        let mailbox = self.mailbox
        let failure = await withCheckedContinuation { (ended: CheckedContinuation<MemberError?, Never>) in
            if !mailbox.send(.stop { ended.resume(returning: $0) }) { ended.resume(returning: nil) }
        }
        await self.transport.shutdown()
        try await self.group.shutdownGracefully()
        if let failure { throw failure }
    }
}

extension GRPCServerConfiguration {
    fileprivate init(member: MemberConfiguration, urls: [String]) throws(MemberError) {
        var addresses: [Address] = []
        for url in urls { addresses.append(try MemberURL.address(url)) }
        self.init(addresses: addresses)
        self.limits.maxMessageSize = member.maximumRequestBytes + 512 << 10
        self.limits.maxConcurrentStreams = member.maximumConcurrentStreams
        self.keepalive.interval = .nanoseconds(member.keepalive.interval.nanoseconds)
        self.keepalive.timeout = .nanoseconds(member.keepalive.timeout.nanoseconds)
    }
}
