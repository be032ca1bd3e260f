internal import AsyncHTTPClient
internal import ClusterAPI
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Speaks with a controller over HTTP. Paths and answers are shaped as Kubernetes shapes its own.
struct ControllerClient: Sendable {
    let address: ServerAddress
    private let http: HTTPClient

    /// No answer of a controller is larger than this.
    static let maximumAnswer = 64 << 20

    /// Runs `body` with a client of a controller, and closes its connections.
    static func with<Result: Sendable>(
        _ address: ServerAddress, _ body: (ControllerClient) async throws -> Result
    ) async throws -> Result {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        // A refused connection is told at once, not tried until a time-out.
        configuration.connectionPool.retryConnectionEstablishment = false
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let result = try await body(ControllerClient(address: address, http: http))
            try await http.shutdown()
            return result
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    /// `/apis/quorate.dev/v1alpha1/namespaces/default/etcdclusters`, followed by a name and a subresource.
    static func path(_ plural: String, _ name: String? = nil, _ subresource: String? = nil) -> String {
        let path = ["/apis", apiVersion, "namespaces/default", plural].joined(separator: "/")
        let rest = [name.map(ServerAddress.percentEncoded), subresource].compactMap { $0 }
        return ([path] + rest).joined(separator: "/")
    }

    /// One request and its whole answer.
    /// - Throws: `RefusedRequest` when the controller answers with an error, `CommandError` when it does not answer.
    func send(
        _ method: HTTPMethod, _ path: String, body: [UInt8]? = nil, type: String = "application/json"
    ) async throws -> [UInt8] {
        try await self.exchange(method, path, body: body, type: type, timeout: .seconds(60)) { response in
            let answer = try await response.body.collect(upTo: Self.maximumAnswer)
            return Array(answer.readableBytesView)
        }
    }

    /// A stream of JSON lines, until the controller ends it or `receive` returns false.
    func watch(_ path: String, receive: ([UInt8]) async throws -> Bool) async throws {
        // A watch lives as long as someone looks.
        try await self.exchange(.GET, path, body: nil, type: "application/json", timeout: .hours(24 * 365)) { response in
            var lines = LineSplitter(limit: Self.maximumAnswer)
            for try await part in response.body {
                for line in try lines.push(part.readableBytesView) {
                    guard try await receive(line) else { return }
                }
            }
        }
    }

    private func exchange<Result>(
        _ method: HTTPMethod, _ path: String, body: [UInt8]?, type: String, timeout: TimeAmount,
        _ read: (HTTPClientResponse) async throws -> Result
    ) async throws -> Result {
        var request = HTTPClientRequest(url: self.address.url(path))
        request.method = method
        request.headers.add(name: "Accept", value: "application/json")
        if let body {
            request.headers.add(name: "Content-Type", value: type)
            request.body = .bytes(body)
        }
        let response: HTTPClientResponse
        do {
            response = try await self.http.execute(request, timeout: timeout)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw self.unreachable(error)
        }
        guard (200..<300).contains(response.status.code) else {
            let answer = try? await response.body.collect(upTo: Self.maximumAnswer)
            throw RefusedRequest(code: Int(response.status.code), answer: answer.map { Array($0.readableBytesView) } ?? [])
        }
        do {
            return try await read(response)
        } catch let error as HTTPClientError {
            throw self.unreachable(error)
        } catch let error as IOError {
            throw self.unreachable(error)
        }
    }

    private func unreachable(_ error: any Error) -> CommandError {
        CommandError(
            .failed,
            """
            cannot reach the controller at \(self.address): \(Self.reason(error))
              Is one running? Start it:        quorate run SPEC… --data-dir DIR
              Does it listen somewhere else?   --server URL, or QUORATE_SERVER=URL in the environment
            """)
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { Self.reason($0.error) } ?? "no address of \(error.host) answers"
        case let error as IOError: unsafe String(cString: strerror(error.errnoCode))
        case let error as HTTPClientError where error == .connectTimeout: "nothing answered within 5 seconds"
        case let error as HTTPClientError where error == .remoteConnectionClosed: "the connection was closed"
        default: "\(error)"
        }
    }
}

/// Cuts a stream of bytes into lines.
struct LineSplitter {
    private var rest: [UInt8] = []
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// The lines that end in these bytes, empty ones left out.
    mutating func push(_ bytes: some Sequence<UInt8>) throws(CommandError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !self.rest.isEmpty { lines.append(self.rest) }
                self.rest = []
            } else {
                guard self.rest.count < self.limit else { throw CommandError(.failed, "the controller sent an endless line") }
                self.rest.append(byte)
            }
        }
        return lines
    }
}
