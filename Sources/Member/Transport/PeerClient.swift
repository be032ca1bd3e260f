internal import EtcdWire
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// One request to a peer's URL and its whole answer, on a connection of its own.
struct PeerClient: Sendable {
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]
    }

    let group: any EventLoopGroup

    /// The largest answer that is read.
    private static let limit = 16 << 20

    /// - Parameter url: A peer URL, without a path.
    func send(
        _ method: HTTPMethod, _ url: String, _ path: String, headers: [(name: String, value: String)] = [],
        body: [UInt8] = [], timeout: TimeAmount = .seconds(5)
    ) -> EventLoopFuture<Answer> {
        let loop = self.group.next()
        let promise = loop.makePromise(of: Answer.self)
        let fields = headers.map { ($0.name, $0.value) }
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(timeout).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(AnswerCollector(promise, limit: Self.limit))
            }
        }
        let timer = loop.scheduleTask(in: timeout) { promise.fail(ChannelError.connectTimeout(timeout)) }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        MemberURL.connect(bootstrap, to: url, on: loop).whenComplete { result in
            switch result {
            case .failure(let error): promise.fail(error)
            case .success(let channel):
                promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
                let head = Self.head(method, url, path, fields, length: body.count)
                channel.write(HTTPClientRequestPart.head(head), promise: nil)
                if !body.isEmpty {
                    channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
                }
                channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
            }
        }
        return promise.futureResult
    }

    static func head(
        _ method: HTTPMethod, _ url: String, _ path: String, _ fields: [(String, String)], length: Int64?
    ) -> HTTPRequestHead {
        var headers = HTTPHeaders([("Host", MemberURL.host(url))] + fields)
        if let length, length > 0 || method == .POST { headers.add(name: "Content-Length", value: "\(length)") }
        return HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
    }

    private static func head(
        _ method: HTTPMethod, _ url: String, _ path: String, _ fields: [(String, String)], length: Int
    ) -> HTTPRequestHead {
        self.head(method, url, path, fields, length: Int64(length))
    }
}

/// Puts an answer together.
final class AnswerCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let promise: EventLoopPromise<PeerClient.Answer>
    private let limit: Int
    private var answer: PeerClient.Answer?

    init(_ promise: EventLoopPromise<PeerClient.Answer>, limit: Int) {
        (self.promise, self.limit) = (promise, limit)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.answer = PeerClient.Answer(status: Int(head.status.code), headers: head.headers, body: [])
        case .body(let part):
            guard let count = self.answer?.body.count, count + part.readableBytes <= self.limit else {
                return self.errorCaught(context: context, error: ChannelError.inputClosed)
            }
            self.answer?.body += part.readableBytesView
        case .end:
            if let answer = self.answer { self.promise.succeed(answer) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) { self.promise.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise.fail(error)
        context.close(promise: nil)
    }
}
