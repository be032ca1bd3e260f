internal import GRPCServer
internal import NIOCore
internal import NIOPosix
public import Platform
internal import Synchronization

/// A member of a cluster, serving etcd's API. One per data directory.
public final class MemberServer: Sendable {
    private let mailbox: Mailbox<MemberMessage>
    private let server: GRPCServer
    private let group: MultiThreadedEventLoopGroup
    private let ticks: RepeatedTask
    /// Where clients are served, ports chosen.
    public let clientAddresses: [String]

    private init(
        _ mailbox: Mailbox<MemberMessage>, _ server: GRPCServer, _ group: MultiThreadedEventLoopGroup, _ ticks: RepeatedTask,
        _ addresses: [String]
    ) {
        (self.mailbox, self.server, self.group, self.ticks, self.clientAddresses) = (mailbox, server, group, ticks, addresses)
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
        let listening = try GRPCServerConfiguration(member: configuration)
        let server = GRPCServer(
            configuration: listening, methods: MemberServices(mailbox: mailbox).methods, group: group,
            http1: MemberHTTP(mailbox: mailbox).handler)
        do {
            try await self.openEngine(configuration, disk, clock, mailbox, server, onEnd)
            let addresses = try await server.start().map { address in
                "\(address.ipAddress ?? ""):\(address.port ?? 0)"
            }
            let interval = TimeAmount.nanoseconds(configuration.heartbeatInterval.nanoseconds)
            let ticks = group.next().scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                mailbox.send(.tick)
            }
            return MemberServer(mailbox, server, group, ticks, addresses)
        } catch {
            mailbox.close()
            try? await group.shutdownGracefully()
            guard error is MemberError else { throw MemberError(.network, "\(configuration.listenClientURLs): \(error)") }
            throw error
        }
    }

    private static func openEngine(
        _ configuration: MemberConfiguration, _ disk: any Disk, _ clock: any WallClock, _ mailbox: Mailbox<MemberMessage>,
        _ server: GRPCServer, _ onEnd: @escaping @Sendable (MemberError) -> Void
    ) async throws {
        try await withCheckedContinuation { (opened: CheckedContinuation<Result<Void, MemberError>, Never>) in
            startThread(named: "member") {
                do throws(MemberError) {
                    let now = clock.now()
                    // Milliseconds leave room for 256,000 requests a second before a later run's ids could meet them.
                    let milliseconds = UInt64(clamping: now.nanoseconds / 1_000_000)
                    let circumstances = MemberParts.Circumstances(
                        seed: .random(in: 0 ... .max), firstRequestID: milliseconds << 8, uptime: clock.uptime())
                    let parts = try MemberParts.open(configuration, disk: disk, circumstances)
                    let core = MemberCore<Client>(parts, configuration, uptime: clock.uptime())
                    let engine = MemberEngine(core, mailbox, server, clock)
                    opened.resume(returning: .success(()))
                    if let failure = engine.run() { onEnd(failure) }
                } catch {
                    opened.resume(returning: .failure(error))
                }
            }
        }.get()
    }

    /// Ends the member in order: calls under way are answered, files are closed.
    public func stop() async throws {
        self.ticks.cancel()
        await self.server.shutdown(grace: .seconds(1))
        let mailbox = self.mailbox
        let failure = await withCheckedContinuation { (ended: CheckedContinuation<MemberError?, Never>) in
            if !mailbox.send(.stop { ended.resume(returning: $0) }) { ended.resume(returning: nil) }
        }
        try await self.group.shutdownGracefully()
        if let failure { throw failure }
    }
}

extension GRPCServerConfiguration {
    fileprivate init(member: MemberConfiguration) throws(MemberError) {
        var addresses: [Address] = []
        for url in member.listenClientURLs {
            if url.hasPrefix("unix://") {
                addresses.append(.unix(path: String(url.dropFirst(7))))
                continue
            }
            // The settings were checked: http://HOST:PORT.
            let rest = url.dropFirst(7)
            guard let colon = rest.lastIndex(of: ":"), let port = Int(rest[rest.index(after: colon)...]) else {
                throw MemberError(.configuration, "--listen-client-urls: \(url) has no port")
            }
            var host = String(rest[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            addresses.append(.tcp(host: host, port: port))
        }
        self.init(addresses: addresses)
        self.limits.maxMessageSize = member.maximumRequestBytes + 512 << 10
        self.limits.maxConcurrentStreams = 100_000
        self.keepalive.interval = .nanoseconds(member.keepalive.interval.nanoseconds)
        self.keepalive.timeout = .nanoseconds(member.keepalive.timeout.nanoseconds)
    }
}
