internal import NIOCore
internal import NIOHTTP1

/// HTTP/1 on a connection: puts each request together, asks for its answer, and sends it. NIO's handlers before it keep the
/// answers to pipelined requests in order.
final class HTTP1Channel: ChannelInboundHandler, LoopConnection {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let handler: HTTP1Handler
    private let limits: GRPCServerConfiguration.Limits
    private let connections: LoopConnections
    private let place: RPCConnection.Place
    private let peer: String
    private var context: ChannelHandlerContext?
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isRefused = false
    /// A request is with the handler.
    private var isBusy = false
    private var isDraining = false
    private var hasAnswered = false
    private var waitingSince = NIODeadline.now()

    init(
        _ handler: @escaping HTTP1Handler, limits: GRPCServerConfiguration.Limits, connections: LoopConnections,
        place: RPCConnection.Place, peer: String
    ) {
        self.handler = handler
        self.limits = limits
        self.connections = connections
        self.place = place
        self.peer = peer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.connections.replace(self.place, self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            self.body = []
            self.waitingSince = .now()
        case .body(let part):
            guard self.body.count + part.readableBytes <= self.limits.maxHTTP1Body else {
                return self.refuse(context, .payloadTooLarge)
            }
            self.body += part.readableBytesView
        case .end: self.request(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.connections.remove(self.place)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func request(_ context: ChannelHandlerContext) {
        guard let head = self.head, !self.isRefused else { return }
        self.head = nil
        self.isBusy = true
        let body = self.body
        self.body = []
        let request = HTTP1Request(
            method: head.method, target: head.uri, headers: head.headers, body: body, peer: self.peer)
        let loop = context.eventLoop
        let sender = NIOLoopBound(self, eventLoop: loop)
        let answer = Answer(head)
        self.handler(request) { response in
            if loop.inEventLoop {
                sender.value.respond(response, answer)
            } else {
                loop.execute { sender.value.respond(response, answer) }
            }
        }
    }

    /// What of a request its answer depends on.
    private struct Answer: Sendable {
        var version: HTTPVersion
        var isHead: Bool
        var keepsAlive: Bool

        init(_ head: HTTPRequestHead) {
            (self.version, self.isHead, self.keepsAlive) = (head.version, head.method == .HEAD, head.isKeepAlive)
        }
    }

    private func respond(_ response: HTTP1Response, _ answer: Answer) {
        guard let context = self.context, self.isBusy else { return }
        self.isBusy = false
        self.hasAnswered = true
        self.waitingSince = .now()
        let keepsAlive = answer.keepsAlive && !self.isDraining
        var headers = response.headers
        headers.replaceOrAdd(name: "content-length", value: "\(response.body.count)")
        if !keepsAlive { headers.replaceOrAdd(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: answer.version, status: response.status, headers: headers)
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if !answer.isHead, !response.body.isEmpty {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
        }
        let end = context.eventLoop.makePromise(of: Void.self)
        if !keepsAlive { end.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: end)
    }

    private func refuse(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus) {
        guard !self.isRefused, let head = self.head else { return }
        self.isRefused = true
        self.isBusy = true
        self.isDraining = true
        self.respond(HTTP1Response(status), Answer(head))
    }

    func drain() {
        self.isDraining = true
        if !self.isBusy, self.head == nil { self.close() }
    }

    func close() {
        self.context?.close(promise: nil)
    }

    func tick(_ now: NIODeadline) {
        guard !self.isBusy else { return }
        // Between requests a client may be slower than in the midst of one, and than with its first.
        let isIdle = self.hasAnswered && self.head == nil
        let limit = isIdle ? self.limits.idleTimeout : self.limits.handshakeTimeout
        if now - self.waitingSince >= limit { self.close() }
    }
}
