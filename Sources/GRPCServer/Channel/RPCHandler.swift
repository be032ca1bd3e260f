internal import NIOCore

/// Carries bytes between a socket and its ``RPCConnection``. Everything that was read in one go is answered in one write; as
/// long as the client does not read, nothing more is read from it.
final class RPCHandler: ChannelDuplexHandler, LoopConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// An output buffer that grew beyond this is not kept.
    private static let keptCapacity = 64 << 10

    private var rpc: RPCConnection
    private let connections: LoopConnections
    private let place: RPCConnection.Place
    private var context: ChannelHandlerContext?
    private var isFlushing = false
    private var hasAnswers = false
    private var isReadHeld = false
    /// When to close, once our side has ended: the client gets our last words, and ends its side.
    private var closesAt: NIODeadline?

    init(_ rpc: RPCConnection, connections: LoopConnections) {
        self.rpc = rpc
        self.connections = connections
        self.place = rpc.place
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.connections.replace(self.place, self)
        self.flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.rpc.counter.reads(bytes: bytes.readableBytes)
        self.rpc.received(bytes, at: .now())
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.rpc.roundEnded()
        self.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.flush()
        if context.channel.isWritable, self.isReadHeld {
            self.isReadHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        guard context.channel.isWritable else {
            self.isReadHeld = true
            return
        }
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.rpc.endAll()
        self.rpc.roundEnded()
        self.connections.remove(self.place)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: What the loop asks for

    /// - Returns: Whether it is the first since the last flush.
    func answer(_ entry: ReplyBatch.Entry, _ arena: ByteBuffer) -> Bool {
        self.rpc.answer(entry, arena)
        defer { self.hasAnswers = true }
        return !self.hasAnswers
    }

    func flushAnswers() {
        self.hasAnswers = false
        self.rpc.roundEnded()
        self.flush()
    }

    func drain() {
        self.rpc.http2.drain(at: .now())
        self.flush()
    }

    func close() {
        self.context?.close(promise: nil)
    }

    func tick(_ now: NIODeadline) {
        if let closesAt = self.closesAt {
            if now >= closesAt { self.close() }
            return
        }
        self.rpc.http2.tick(now)
        if self.rpc.http2.failure != nil { self.rpc.work() }
        self.flush()
    }

    // MARK: Writing

    private func flush() {
        guard let context = self.context, !self.isFlushing, self.closesAt == nil else { return }
        self.isFlushing = true
        while self.rpc.http2.output.readableBytes > 0, context.channel.isWritable {
            self.rpc.counter.writes(bytes: self.rpc.http2.output.readableBytes)
            context.writeAndFlush(self.wrapOutboundOut(self.rpc.http2.output), promise: nil)
            if self.rpc.http2.output.capacity > Self.keptCapacity {
                self.rpc.http2.output = ByteBuffer()
                self.rpc.http2.output.reserveCapacity(4096)
            } else {
                self.rpc.http2.output.clear()
            }
            self.rpc.pump()
        }
        self.isFlushing = false
        if self.rpc.http2.isFinished { self.finish(context) }
    }

    /// Ends our side when all is written. A close at once would take it away from the client: what the socket has not taken,
    /// and, where the client is still sending, also what is on its way.
    private func finish(_ context: ChannelHandlerContext) {
        let hasFailed = self.rpc.http2.failure != nil
        guard hasFailed || self.rpc.http2.output.readableBytes == 0 else { return }
        self.closesAt = .now() + (hasFailed ? .seconds(1) : .seconds(20))
        let ended = context.eventLoop.makePromise(of: Void.self)
        ended.futureResult.assumeIsolated().whenComplete { _ in
            self.closesAt = self.closesAt.map { min($0, .now() + .seconds(1)) }
        }
        context.close(mode: .output, promise: ended)
    }
}
