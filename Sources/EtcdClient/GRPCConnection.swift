internal import EtcdWire
internal import GRPCCore

/// A cluster as seen through some of its members' client URLs.
///
/// A call goes to the first endpoint that did not fail just now. When it fails, the next endpoint is asked, but only where
/// that is safe: for reads, and for requests that surely never left. A change that may have happened is reported, never
/// repeated.
struct GRPCConnection: Sendable {
    private let endpoints: Result<[Endpoint], EtcdError>
    private let timeout: Duration
    private let connector: GRPCConnector

    init(to endpoints: [String], timeout: Duration, connector: GRPCConnector) {
        self.timeout = timeout
        self.connector = connector
        do {
            guard !endpoints.isEmpty else { throw EndpointError("", "no endpoint is given") }
            self.endpoints = .success(try endpoints.map { text throws(EndpointError) in try Endpoint(text) })
        } catch {
            self.endpoints = .failure(EtcdError(.invalidArgument, "\(error)", isUnsent: true))
        }
    }

    /// Sends a request and waits for its one response.
    func call<Request: WireMessage, Response: WireMessage>(
        _ method: Method<Request, Response>, _ request: Request
    ) async throws(EtcdError) -> Response {
        let deadline = ContinuousClock.now + self.timeout
        return try await self.onSomeEndpoint(method.kind) { channel, others throws(CallFailure) in
            // Leaves time for the others: of the whole call where it may be repeated, else of the sending.
            let left = deadline - .now
            let share = others > 0 ? left / 2 : left
            let isRepeatable = method.kind.isRepeatable
            return try await channel.call(
                method, request, timeout: isRepeatable ? share : left, sendWithin: isRepeatable ? nil : share)
        }
    }

    /// Sends one request and hands over the responses until `onResponse` returns false.
    ///
    /// The stream has a connection of its own, so that pings can watch over it and it holds up no other call.
    /// - Parameter stage: What must be reached within the timeout; nothing limits the time after that.
    func stream<Request: WireMessage, Response: WireMessage>(
        _ method: Method<Request, Response>, _ request: Request, metadata: Metadata = [:], staysOpen: Bool = false,
        until stage: CallProgress.Stage, onResponse: @escaping @Sendable (Response) async throws -> Bool
    ) async throws(EtcdError) {
        try await self.onSomeEndpoint(method.kind) { channel, others throws(CallFailure) in
            let progress = CallProgress()
            let limit = others > 0 ? self.timeout / 2 : self.timeout
            do {
                let transport = try self.connector.openStream(to: channel.endpoint)
                defer { self.connector.endStream(transport) }
                let isEnded = try await progress.demand(stage, within: limit) {
                    try await transport.call(
                        method, request, timeout: nil, progress: progress, metadata: metadata, staysOpen: staysOpen
                    ) { responses in
                        for try await response in responses {
                            guard progress.reach(.answered) else { throw CancellationError() }
                            guard try await onResponse(response) else { return true }
                        }
                        return false
                    }
                }
                guard isEnded || !staysOpen, !Task.isCancelled else {
                    throw EtcdError(.unavailable, "\(channel.endpoint): the server ended the stream")
                }
            } catch {
                var failure = CallFailure(error, of: channel.endpoint, progress, timeout: limit)
                failure.isRepeatable = !progress.hasReached(.answered)
                throw failure
            }
        }
    }

    /// Tries one endpoint after another, as far as that is safe.
    private func onSomeEndpoint<Value: Sendable>(
        _ kind: MethodKind, _ attempt: (_ channel: MemberChannel, _ others: Int) async throws(CallFailure) -> Value
    ) async throws(EtcdError) -> Value {
        let channels = try self.channels(for: kind)
        var others = channels.count
        for channel in channels {
            others -= 1
            do {
                let value = try await attempt(channel, others)
                channel.succeeded()
                return value
            } catch {
                if error.isInconclusive { channel.failed() }
                guard others > 0, error.isInconclusive, error.isRepeatable else { throw error.error }
            }
        }
        preconditionFailure("a connection has at least one endpoint")
    }

    /// The channels to ask, in order: as given, but those that failed just now last.
    private func channels(for kind: MethodKind) throws(EtcdError) -> [MemberChannel] {
        let endpoints = try self.endpoints.get()
        guard !kind.speaksOfOneMember, endpoints.count > 1 else {
            return [try self.connector.channel(to: endpoints[0])]
        }
        var trusted: [MemberChannel] = []
        var suspect: [MemberChannel] = []
        for endpoint in endpoints {
            let channel = try self.connector.channel(to: endpoint)
            if channel.isSuspect { suspect.append(channel) } else { trusted.append(channel) }
        }
        return trusted + suspect
    }
}
