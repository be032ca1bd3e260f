internal import Synchronization

/// Opens connections to real clusters, over gRPC. Connections to the same endpoint share one HTTP/2 connection.
public final class GRPCConnector: EtcdConnector {
    private let configuration: Configuration
    private let state = Mutex(State())

    /// How connections are kept.
    public struct Configuration: Sendable {
        /// For watches and snapshots, which have no deadline: pings find out that the member is gone.
        public var keepalive = Keepalive()
        /// An endpoint that nobody has asked anything for this long is forgotten.
        public var idleLimit = Duration.seconds(600)

        public init() {}
    }

    /// HTTP/2 pings on a stream's connection.
    public struct Keepalive: Sendable, Hashable {
        /// Between pings. Servers close connections that ping more often than they allow: etcd allows one in 5 s.
        public var time = Duration.seconds(10)
        /// An answer later than this means that the member is gone.
        public var timeout = Duration.seconds(5)

        public init() {}
    }

    private struct State {
        var channels: [Endpoint: MemberChannel] = [:]
        var streams: [ObjectIdentifier: MemberTransport] = [:]
        var lastSweep = ContinuousClock.now
        var isClosed = false
    }

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    public func connect(to endpoints: [String], timeout: Duration) -> any EtcdConnection {
        self.sweep()
        return GRPCConnection(to: endpoints, timeout: timeout, connector: self)
    }

    /// Closes the connection to an endpoint once its calls in flight have ended. A later call opens it anew.
    public func forget(_ endpoint: String) {
        guard let endpoint = try? Endpoint(endpoint) else { return }
        self.state.withLock { $0.channels.removeValue(forKey: endpoint) }?.shutDown()
    }

    public func close() async {
        let (channels, streams) = self.state.withLock { state in
            defer {
                state.channels = [:]
                state.streams = [:]
                state.isClosed = true
            }
            return (Array(state.channels.values), Array(state.streams.values))
        }
        for channel in channels { await channel.close() }
        for stream in streams { await stream.close() }
    }

    /// The shared channel to an endpoint.
    func channel(to endpoint: Endpoint) throws(EtcdError) -> MemberChannel {
        let channel = self.state.withLock { state -> MemberChannel? in
            guard !state.isClosed else { return nil }
            if let channel = state.channels[endpoint] { return channel }
            let channel = MemberChannel(to: endpoint)
            state.channels[endpoint] = channel
            return channel
        }
        guard let channel else { throw Self.closed }
        return channel
    }

    /// A connection of its own for one stream.
    func openStream(to endpoint: Endpoint) throws(EtcdError) -> MemberTransport {
        let transport = try MemberTransport(to: endpoint, keepalive: self.configuration.keepalive)
        let isClosed = self.state.withLock { state in
            if !state.isClosed { state.streams[ObjectIdentifier(transport)] = transport }
            return state.isClosed
        }
        guard !isClosed else {
            transport.shutDown()
            throw Self.closed
        }
        return transport
    }

    func endStream(_ transport: MemberTransport) {
        _ = self.state.withLock { $0.streams.removeValue(forKey: ObjectIdentifier(transport)) }
        transport.shutDown()
    }

    /// Forgets endpoints that are no longer used, looking at most once in a tenth of the limit.
    private func sweep() {
        let now = ContinuousClock.now
        let limit = self.configuration.idleLimit
        let unused = self.state.withLock { state -> [MemberChannel] in
            guard now - state.lastSweep > limit / 10 else { return [] }
            state.lastSweep = now
            let unused = state.channels.values.filter { now - $0.lastUse > limit }
            for channel in unused { state.channels[channel.endpoint] = nil }
            return unused
        }
        for channel in unused { channel.shutDown() }
    }

    private static let closed = EtcdError(.unavailable, "the connector is closed", isUnsent: true)
}
