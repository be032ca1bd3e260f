public import NIOCore

/// Where a server listens, and what it lets a client do. Sizes are bytes.
public struct GRPCServerConfiguration: Sendable {
    /// A place to listen at.
    public enum Address: Hashable, Sendable {
        /// `127.0.0.1`, `::1`, `0.0.0.0`, or a name; port 0 for any that is free.
        case tcp(host: String, port: Int)
        /// A socket file of this path. One that is left over is replaced.
        case unix(path: String)
    }

    public var addresses: [Address]
    public var limits = Limits()
    public var keepalive = Keepalive()

    public init(addresses: [Address]) {
        self.addresses = addresses
    }

    /// What a client may use up.
    public struct Limits: Hashable, Sendable {
        /// The largest request message. etcd's: 1.5 MiB for the request and 512 KiB of grace.
        public var maxMessageSize = (3 << 19) + (512 << 10)
        /// Calls under way on one connection; what is beyond is refused, and safe for the client to send again.
        public var maxConcurrentStreams = 1024
        /// All names and values of a request's header, and 32 for each field (RFC 9113, 6.5.2).
        public var maxHeaderListSize = 32 << 10
        public var maxHeaderFields = 128
        /// What a client may send on a stream before the handler has taken it.
        public var streamWindow = 65_535
        /// What a client may send on a connection before it has been read.
        public var connectionWindow = 1 << 20
        /// Memory for the requests of a connection that are larger than a stream's window; a request waits for its share.
        public var requestBudget = 16 << 20
        /// Answers that wait for a client to read them; beyond it, a connection's new calls are refused.
        public var maxQueuedBytes = 256 << 20
        /// What is handed to the socket ahead of the client's reading.
        public var outputMark = 256 << 10
        /// Answers to a client's own control frames that it does not read.
        public var maxControlBacklog = 1 << 20
        /// Bytes under way on a stream at which ``StreamCall/canWrite`` turns false, and at which it turns true again.
        public var streamHighMark = 1 << 20
        public var streamLowMark = 256 << 10
        /// Bytes under way at which a stream is ended whose writer goes on all the same.
        public var streamLimit = 64 << 20
        /// Frames that cost work and carry nothing: so many at once, and so many a second. Each answer pays for a few.
        public var controlBurst = 5_000
        public var controlPerSecond = 500
        /// Streams that a client resets before they are answered: so many at once, and so many a second.
        public var resetBurst = 2_000
        public var resetsPerSecond = 200
        /// Connections to the server.
        public var maxConnections = 20_000
        /// Within which a new connection says what it speaks, and an HTTP/1 request comes whole.
        public var handshakeTimeout = TimeAmount.seconds(10)
        /// After which an HTTP/1 connection without a request is closed.
        public var idleTimeout = TimeAmount.seconds(120)
        /// The largest body of an HTTP/1 request.
        public var maxHTTP1Body = (3 << 19) + (512 << 10)

        public init() {}
    }

    /// gRPC's keepalive (https://github.com/grpc/grpc/blob/master/doc/keepalive.md).
    public struct Keepalive: Hashable, Sendable {
        /// A connection that has been silent for so long is sent a ping. etcd's default.
        public var interval = TimeAmount.hours(2)
        /// And is closed when nothing comes for so long after it. etcd's default.
        public var timeout = TimeAmount.seconds(20)
        /// A client that pings more often, while nothing is sent to it, is turned away with `too_many_pings`. Nil, the default:
        /// it is not. etcd's `--grpc-keepalive-min-time` is 5 s.
        public var minimumPingInterval: TimeAmount?
        /// Whether a client may ping while it has no call under way.
        public var permitWithoutCalls = false

        public init() {}
    }
}
