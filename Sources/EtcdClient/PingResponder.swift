internal import NIOCore

/// Answers a server's pings below HTTP/2; see ``PingStateMachine``. It is to stand where bytes are frames: of a connection
/// with TLS, after that.
final class PingResponder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var machine = PingStateMachine()
    /// Answers of this read, sent together when it is over.
    private var answers = ByteBuffer()
    private var isClosed = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for action in self.machine.received(Self.unwrapInboundIn(data), at: context.eventLoop.now) {
            guard !self.isClosed else { return }
            switch action {
            case .pass(let bytes):
                context.fireChannelRead(Self.wrapInboundOut(bytes))
            case .answer(let payload):
                PingStateMachine.writeAnswer(payload, to: &self.answers)
            case .close(let error):
                self.isClosed = true
                context.fireErrorCaught(error)
                context.close(promise: nil)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if self.answers.readableBytes > 0, !self.isClosed {
            let answers = self.answers
            self.answers = ByteBuffer()
            context.writeAndFlush(Self.wrapOutboundOut(answers), promise: nil)
        }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.isClosed = true
        if case .pass(let bytes) = self.machine.ended() { context.fireChannelRead(Self.wrapInboundOut(bytes)) }
        context.fireChannelInactive()
    }
}
