internal import EtcdWire
internal import GRPCCore
internal import GRPCNIOTransportCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore

/// One HTTP/2 connection to one member, opened by its first call, and reopened by gRPC when it was lost while idle.
final class MemberTransport: Sendable {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let connections: Task<Void, Never>

    /// Responses up to this size are read: room for large ranges.
    private static let maximumMessageSize = 64 << 20

    /// - Parameter keepalive: When pings find out that the member is gone. A transport that pings must carry one stream only:
    ///   gRPC stops pinging when its last stream ends, and does not begin again with the next.
    init(to endpoint: Endpoint, keepalive: GRPCConnector.Keepalive? = nil) throws(EtcdError) {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.connection.maxIdleTime = .seconds(300)
        config.connection.flushCoalescing = nil
        config.connection.keepalive = keepalive.map { keepalive in
            HTTP2ClientTransport.Config.Keepalive(
                time: keepalive.time, timeout: keepalive.timeout, allowWithoutCalls: false)
        }
        config.backoff = HTTP2ClientTransport.Config.Backoff(
            initial: .milliseconds(200), max: .seconds(5), multiplier: 1.6, jitter: 0.2)
        config.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(PingResponder(), position: .first)
            }
        }
        let security = try Self.security(for: endpoint)
        do {
            let transport = try HTTP2ClientTransport.Posix(
                target: endpoint.target, transportSecurity: security, config: config)
            let client = GRPCClient(transport: transport)
            self.client = client
            self.connections = Task { try? await client.runConnections() }
        } catch {
            throw EtcdError(.unavailable, "\(endpoint): \(error)", isUnsent: true)
        }
    }

    /// The one place that knows about TLS: `https` gets its certificates here.
    private static func security(for endpoint: Endpoint) throws(EtcdError) -> HTTP2ClientTransport.Posix.TransportSecurity {
        switch endpoint.scheme {
        case .http: return .plaintext
        case .https: throw EtcdError(.unimplemented, "\(endpoint): TLS is not supported", isUnsent: true)
        }
    }

    /// Lets calls in flight end, then closes.
    func shutDown() {
        self.client.beginGracefulShutdown()
    }

    /// Ends calls in flight and returns when all is closed.
    func close() async {
        self.connections.cancel()
        await self.connections.value
    }

    /// Sends one request and hands the responses on as they come.
    ///
    /// - Parameters:
    ///   - timeout: Of the whole call.
    ///   - staysOpen: Whether the server takes the end of requests as the end of the call.
    func call<Request: WireMessage, Response: WireMessage, Result: Sendable>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration?, progress: CallProgress,
        metadata: Metadata = [:], staysOpen: Bool = false,
        onResponses: @escaping @Sendable (RPCAsyncSequence<Response, any Error>) async throws -> Result
    ) async throws -> Result {
        let (open, end) = AsyncStream.makeStream(of: Never.self)
        defer { end.finish() }
        let outgoing = StreamingClientRequest<Request>(metadata: metadata) { writer in
            guard progress.reach(.sent) else { throw CancellationError() }
            try await writer.write(request)
            if staysOpen { for await _ in open {} }
        }
        var options = CallOptions.defaults
        options.timeout = timeout.map { max($0, .milliseconds(1)) }
        // This bounds responses too.
        options.maxRequestMessageBytes = Self.maximumMessageSize
        return try await self.client.bidirectionalStreaming(
            request: outgoing, descriptor: method.descriptor, serializer: WireSerializer<Request>(),
            deserializer: WireDeserializer<Response>(), options: options
        ) { response in
            try await onResponses(response.messages)
        }
    }
}

extension MemberTransport {
    /// Sends one request and waits for the one response.
    func callOnce<Request: WireMessage, Response: WireMessage>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration, progress: CallProgress
    ) async throws -> Response {
        try await self.call(method, request, timeout: timeout, progress: progress) { responses in
            var only: Response?
            for try await response in responses {
                guard only == nil else { throw RPCError(code: .internalError, message: "more than one response") }
                only = response
            }
            guard let only else { throw RPCError(code: .internalError, message: "no response") }
            return only
        }
    }
}

extension Endpoint {
    fileprivate var target: any ResolvableTarget {
        if self.host.contains(":") { return .ipv6(address: self.host, port: self.port) }
        let parts = self.host.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return isIPv4 ? .ipv4(address: self.host, port: self.port) : .dns(host: self.host, port: self.port)
    }
}
