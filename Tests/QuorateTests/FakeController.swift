internal import ArgumentParser
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Platform
internal import Synchronization

@testable internal import quorate

/// A request as a controller gets it.
struct FakeRequest: Sendable {
    var method: HTTPMethod
    /// With its query.
    var path: String
    var body: [UInt8]

    var text: String { String(decoding: self.body, as: UTF8.self) }
}

struct FakeAnswer: Sendable {
    var code = 200
    var body: [UInt8] = []

    static func ok(_ body: [UInt8]) -> FakeAnswer { FakeAnswer(body: body) }

    static func ok(_ text: String) -> FakeAnswer { .ok(Array(text.utf8)) }

    static func status(_ code: Int, _ reason: String, _ message: String) -> FakeAnswer {
        FakeAnswer(
            code: code,
            body: Array(
                #"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"\#(reason)","message":"\#(message)"}"#.utf8))
    }
}

/// An HTTP server on a free port of 127.0.0.1 that answers as a test says, and remembers what it was asked.
final class FakeController: Sendable {
    typealias Answer = @Sendable (FakeRequest) -> FakeAnswer

    private let answer: Answer
    private let seen = Mutex<[FakeRequest]>([])

    private init(_ answer: @escaping Answer) {
        self.answer = answer
    }

    var requests: [FakeRequest] { self.seen.withLock { $0 } }

    fileprivate func reply(to request: FakeRequest) -> FakeAnswer {
        self.seen.withLock { $0.append(request) }
        return self.answer(request)
    }

    /// Serves while `body` runs.
    static func run(
        _ answer: @escaping Answer, _ body: (FakeController, ServerAddress) async throws -> Void
    ) async throws {
        let controller = FakeController(answer)
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(controller))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        do {
            try await body(controller, ServerAddress("http://127.0.0.1:\(port)"))
            try await server.close().get()
        } catch {
            try? await server.close().get()
            throw error
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let controller: FakeController
        private var request = FakeRequest(method: .GET, path: "", body: [])

        init(_ controller: FakeController) {
            self.controller = controller
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head): self.request = FakeRequest(method: head.method, path: head.uri, body: [])
            case .body(let part): self.request.body += part.readableBytesView
            case .end:
                let answer = self.controller.reply(to: self.request)
                let head = HTTPResponseHead(
                    version: .http1_1, status: .init(statusCode: answer.code),
                    headers: ["Content-Length": "\(answer.body.count)", "Content-Type": "application/json"])
                context.write(self.wrapOutboundOut(.head(head)), promise: nil)
                context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}

/// What a command wrote, and the clock that it waited by: every wait is over at once, and after `waits` of them the task
/// is cancelled as Ctrl-C would.
final class Recorder: Sendable, WallClock {
    private let texts = Mutex<(out: String, notes: String, waits: Int)>(("", "", 0))
    private let waits: Int

    init(waits: Int = 100) {
        self.waits = waits
    }

    var out: String { self.texts.withLock { $0.out } }
    var notes: String { self.texts.withLock { $0.notes } }

    func now() -> Timestamp { Samples.now }

    func uptime() -> Duration { .milliseconds(300) * self.texts.withLock { $0.waits } }

    func sleep(for duration: Duration) async throws {
        let isOver = self.texts.withLock { texts in
            texts.waits += 1
            return texts.waits > self.waits
        }
        if isOver { throw CancellationError() }
    }

    /// Runs a command line against a controller.
    func run(_ arguments: [String], at address: ServerAddress, answer: String? = nil) async -> CommandStatus {
        do {
            guard let command = try Quorate.parseAsRoot(arguments) as? any ControllerCommand else { return .failed }
            var ask: (@Sendable (String) -> String?)?
            if let answer { ask = { _ in answer } }
            try await ControllerClient.with(address) { client in
                try await command.run(
                    in: Context(
                        client: client, clock: self, terminal: .none, ask: ask,
                        write: { text in self.texts.withLock { $0.out += text } },
                        note: { text in self.texts.withLock { $0.notes += text } }))
            }
            return .done
        } catch {
            let ending = Entry.ending(of: error)
            self.texts.withLock { $0.notes += ending.text }
            return ending.status
        }
    }
}
