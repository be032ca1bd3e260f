internal import EtcdWire
internal import Synchronization

/// The transport that all unary calls to one endpoint share, and how the endpoint has fared.
final class MemberChannel: Sendable {
    let endpoint: Endpoint
    private let state: Mutex<State>

    private struct State {
        var transport: MemberTransport?
        var lastUse = ContinuousClock.now
        var lastFailure: ContinuousClock.Instant?
        var isShutDown = false
    }

    /// An endpoint that failed this short a while ago is asked after the others.
    private static let suspicion = Duration.seconds(5)

    init(to endpoint: Endpoint) {
        self.endpoint = endpoint
        self.state = Mutex(State())
    }

    var lastUse: ContinuousClock.Instant {
        self.state.withLock { $0.lastUse }
    }

    var isSuspect: Bool {
        guard let lastFailure = self.state.withLock({ $0.lastFailure }) else { return false }
        return ContinuousClock.now - lastFailure < Self.suspicion
    }

    func succeeded() {
        self.state.withLock { $0.lastFailure = nil }
    }

    func failed() {
        self.state.withLock { $0.lastFailure = ContinuousClock.now }
    }

    /// Calls once; and once more over a new connection when the kept one turns out to be dead, where that is safe.
    func call<Request: WireMessage, Response: WireMessage>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration, sendWithin: Duration?
    ) async throws(CallFailure) -> Response {
        let deadline = ContinuousClock.now + timeout
        while true {
            let progress = CallProgress()
            var used: (transport: MemberTransport, isNew: Bool)?
            do {
                let (transport, isNew) = try self.transport()
                used = (transport, isNew)
                let left = deadline - .now
                guard let sendWithin, sendWithin < left else {
                    return try await transport.callOnce(method, request, timeout: left, progress: progress)
                }
                return try await progress.demand(.sent, within: sendWithin) {
                    try await transport.callOnce(method, request, timeout: left, progress: progress)
                }
            } catch {
                var failure = CallFailure(error, of: self.endpoint, progress, timeout: timeout)
                failure.isRepeatable = failure.error.isUnsent || method.kind.isRepeatable
                guard let used, failure.isConnectionLost else { throw failure }
                self.discard(used.transport)
                guard failure.error.code == .unavailable, failure.isRepeatable, !used.isNew else { throw failure }
            }
        }
    }

    /// The transport in use, or a new one.
    private func transport() throws(EtcdError) -> (transport: MemberTransport, isNew: Bool) {
        try self.state.withLock { state throws(EtcdError) in
            guard !state.isShutDown else {
                throw EtcdError(.unavailable, "\(self.endpoint): the connection was closed", isUnsent: true)
            }
            state.lastUse = ContinuousClock.now
            if let transport = state.transport { return (transport, false) }
            let transport = try MemberTransport(to: self.endpoint)
            state.transport = transport
            return (transport, true)
        }
    }

    /// Stops using a transport that does not work, so that the next call connects anew and at once, and nothing tries in
    /// the background to reach a member that may never come back.
    private func discard(_ transport: MemberTransport) {
        let isCurrent = self.state.withLock { state in
            guard state.transport === transport else { return false }
            state.transport = nil
            return true
        }
        if isCurrent { transport.shutDown() }
    }

    /// Lets calls in flight end, and takes no more.
    func shutDown() {
        self.takeTransport()?.shutDown()
    }

    func close() async {
        await self.takeTransport()?.close()
    }

    private func takeTransport() -> MemberTransport? {
        self.state.withLock { state in
            state.isShutDown = true
            return state.transport.take()
        }
    }
}
