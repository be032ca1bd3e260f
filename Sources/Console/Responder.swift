internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization
internal import YAML

/// Turns HTTP requests into ``APIRequest``s and answers into responses.
final class Responder: HTTPResponder {
    typealias Context = BasicRequestContext

    /// Bytes of a request's body: several times the largest spec.
    static let bodyLimit = 1 << 20
    static let targetLimit = 8192
    static let watchLimit = 256

    private let api: API
    private let listen: ListenAddress
    private let watches = Mutex(0)

    init(api: API, listen: ListenAddress) {
        (self.api, self.listen) = (api, listen)
    }

    func respond(to request: Request, context: Context) async throws -> Response {
        let answer: Answer
        do {
            try self.checkOrigin(request)
            answer = await self.api.answer(try await self.read(request))
        } catch {
            answer = .json(error.code, error.document)
        }
        return self.response(to: request, answer)
    }

    private func read(_ request: Request) async throws(StatusError) -> APIRequest {
        let target = request.uri.string
        guard target.utf8.count <= Self.targetLimit else {
            throw StatusError(414, "RequestURITooLong", "the URL has more than \(Self.targetLimit) bytes")
        }
        var body: [UInt8] = []
        if request.method != .get, request.method != .head {
            var request = request
            do {
                body = Array(try await request.collectBody(upTo: Self.bodyLimit).readableBytesView)
            } catch is NIOTooManyBytesError {
                throw StatusError(
                    413, "RequestEntityTooLarge", "the body has more than \(Self.bodyLimit) bytes")
            } catch {
                throw .badRequest("the body cannot be read: \(error)")
            }
        }
        return try APIRequest(
            method: request.method == .head ? "GET" : request.method.rawValue, target: target,
            accept: request.headers[.accept] ?? "", contentType: request.headers[.contentType] ?? "", body: body)
    }

    /// Keeps web pages from using a visitor's browser to reach this API: their requests name their own origin, or, by a
    /// DNS name that was turned to this machine, their own host.
    private func checkOrigin(_ request: Request) throws(StatusError) {
        guard case .tcp(let own, _) = self.listen, ListenAddress.isLoopback(own) else { return }
        let hosts = [request.head.authority, request.headers[.origin].map { Self.authority(ofOrigin: $0) }]
        for case let authority? in hosts where !ListenAddress.isLoopback(Self.host(ofAuthority: authority)) {
            throw StatusError(403, "Forbidden", "this API answers to its own machine, not to \(quoted(authority))")
        }
    }

    private static func authority(ofOrigin origin: String) -> String {
        guard let scheme = origin.firstRange(of: "://") else { return origin }
        return String(origin[scheme.upperBound...])
    }

    private static func host(ofAuthority authority: String) -> String {
        if authority.hasPrefix("[") { return String(authority.dropFirst().prefix { $0 != "]" }) }
        return String(authority.prefix { $0 != ":" })
    }

    private func response(to request: Request, _ answer: Answer) -> Response {
        switch answer {
        case .json(let code, let document):
            return Self.whole(code, "application/json", document.json() + [UInt8(ascii: "\n")])
        case .text(let code, let text, let type): return Self.whole(code, type, Array(text.utf8))
        case .watch(let stream): return self.watch(request, stream)
        }
    }

    private static func whole(_ code: Int, _ type: String, _ bytes: [UInt8]) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.contentLength] = String(bytes.count)
        headers[.cacheControl] = "no-cache, private"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(
            status: .init(code: code), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    private func watch(_ request: Request, _ stream: WatchStream) -> Response {
        let isTaken = self.watches.withLock { count in
            guard count < Self.watchLimit else { return false }
            count += 1
            return true
        }
        guard isTaken else {
            let error = StatusError(429, "TooManyRequests", "\(Self.watchLimit) watches are open; try again later")
            return Self.whole(error.code, "application/json", error.document.json())
        }
        let release = Release { self.watches.withLock { $0 -= 1 } }
        let body = ResponseBody { writer in
            defer { release.run() }
            let (closed, source) = AsyncStream.makeStream(of: Void.self)
            let stop: @Sendable () async -> Void = {
                await withTaskGroup { group in
                    group.addTask { try? await gracefulShutdown() }
                    group.addTask { for await _ in closed {} }
                    await group.next()
                    group.cancelAll()
                }
            }
            try await request.body.consumeWithInboundCloseHandler { _ in
                try await stream.run(stop: stop) { try await writer.write(ByteBuffer(bytes: $0)) }
            } onInboundClosed: {
                source.finish()
            }
            try await writer.finish(nil)
        }
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-cache, private"
        return Response(status: .ok, headers: headers, body: body)
    }
}

/// Runs something once: when told to, or when no one is left who could.
private final class Release: Sendable {
    private let action: Mutex<(@Sendable () -> Void)?>

    init(_ action: @escaping @Sendable () -> Void) {
        self.action = Mutex(action)
    }

    func run() {
        let action = self.action.withLock { action in
            defer { action = nil }
            return action
        }
        action?()
    }

    deinit {
        self.run()
    }
}
