internal import EtcdWire
internal import NIOCore
internal import NIOHTTP1
internal import Platform

/// Answers what comes on a peer URL, a request at a time.
final class PeerChannel: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Of a request whose answer needs its body.
    private struct Request {
        var decision: PeerDecision
        var body: [UInt8] = []
    }

    private let transport: PeerTransport
    private var request: Request?
    private var snapshot: PeerSnapshotUpload?
    private var context: ChannelHandlerContext?
    private var isStream = false

    /// The largest body but for snapshots: a message may hold entries of 1 MiB, and a little more.
    private static let limit = 64 << 20

    init(_ transport: PeerTransport) { self.transport = transport }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.begin(context, head)
        case .body(let part): self.receive(context, part)
        case .end: self.end(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.snapshot?.breakOff()
        self.snapshot = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        let path = String(head.uri.prefix { $0 != "?" })
        let request = PeerRequest(
            method: head.method.rawValue, path: path, headers: head.headers.map { ($0.name, $0.value) })
        let decision = self.transport.decide(request)
        switch decision.answer {
        case .openStream(let kind, let peer):
            self.isStream = true
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: Self.headers(decision))
            context.writeAndFlush(self.wrapOutboundOut(.head(head)), promise: nil)
            self.transport.attach(kind, peer, context.channel)
        case .receiveSnapshot:
            self.snapshot = PeerSnapshotUpload(self.transport, context.channel)
            self.request = Request(decision: decision)
        default: self.request = Request(decision: decision)
        }
    }

    private func receive(_ context: ChannelHandlerContext, _ part: ByteBuffer) {
        if let snapshot = self.snapshot { return snapshot.receive(part.readableBytesView) }
        guard let count = self.request?.body.count else { return }
        guard count + part.readableBytes <= Self.limit else { return context.close(promise: nil) }
        self.request?.body += part.readableBytesView
    }

    private func end(_ context: ChannelHandlerContext) {
        guard let request = self.request else { return }
        self.request = nil
        let respond = self.responder(context, request.decision)
        if let snapshot = self.snapshot {
            self.snapshot = nil
            return snapshot.finish(respond)
        }
        self.transport.answer(request.decision.answer, request.body, respond)
    }

    /// May be called from any thread, once.
    private func responder(
        _ context: ChannelHandlerContext, _ decision: PeerDecision
    ) -> @Sendable (PeerReply) -> Void {
        let loop = context.eventLoop
        let channel = NIOLoopBound(self, eventLoop: loop)
        return { reply in
            if loop.inEventLoop {
                channel.value.write(reply, decision)
            } else {
                loop.execute { channel.value.write(reply, decision) }
            }
        }
    }

    private func write(_ reply: PeerReply, _ decision: PeerDecision) {
        guard let context = self.context else { return }
        var headers = Self.headers(decision)
        for field in reply.fields { headers.replaceOrAdd(name: field.name, value: field.value) }
        // An answer of 204 has no body, and says no length.
        if reply.status != 204 { headers.replaceOrAdd(name: "Content-Length", value: "\(reply.body.count)") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if !reply.body.isEmpty {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: reply.body)))), promise: nil)
        }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    private static func headers(_ decision: PeerDecision) -> HTTPHeaders {
        var headers = HTTPHeaders()
        if let id = decision.clusterID { headers.add(name: PeerHeaders.clusterIDName, value: PeerHeaders.text(id)) }
        if let version = decision.serverVersion { headers.add(name: PeerHeaders.serverVersionName, value: version) }
        return headers
    }
}

/// What is answered to a request on a peer URL, besides the headers that each answer carries.
struct PeerReply: Sendable {
    var status: Int
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []

    static let noContent = PeerReply(status: 204)

    static func json(_ body: [UInt8]) -> PeerReply {
        PeerReply(status: 200, fields: [("Content-Type", "application/json")], body: body)
    }

    static func text(_ status: Int, _ text: String) -> PeerReply { .refusal(PeerRefusal(status, text)) }

    static func refusal(_ refusal: PeerRefusal) -> PeerReply {
        PeerReply(status: refusal.status, fields: refusal.fields, body: Array(refusal.body.utf8))
    }
}
