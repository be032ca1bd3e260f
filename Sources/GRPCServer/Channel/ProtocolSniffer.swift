internal import NIOCore

/// Looks at a connection's first bytes, and sets up what the client speaks: HTTP/2 when they are its preface, else HTTP/1.
final class ProtocolSniffer: ChannelInboundHandler, RemovableChannelHandler, LoopConnection {
    typealias InboundIn = ByteBuffer

    private let connections: LoopConnections
    private let timeout: TimeAmount
    private let choose: (_ channel: any Channel, _ place: RPCConnection.Place, _ isHTTP2: Bool) throws -> Void
    private var place: RPCConnection.Place?
    private var openedAt = NIODeadline.now()
    private var came = ByteBuffer()
    private var context: ChannelHandlerContext?

    /// - Parameter choose: Adds the handlers that go on, behind this one.
    init(
        connections: LoopConnections, timeout: TimeAmount,
        choose: @escaping (_ channel: any Channel, _ place: RPCConnection.Place, _ isHTTP2: Bool) throws -> Void
    ) {
        self.connections = connections
        self.timeout = timeout
        self.choose = choose
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.place = self.connections.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        if self.came.readableBytes == 0 { self.came = bytes } else { self.came.writeBuffer(&bytes) }
        let start = self.came.readableBytesView.prefix(Frame.preface.count)
        let isHTTP2 = start.elementsEqual(Frame.preface.prefix(start.count))
        guard !isHTTP2 || start.count == Frame.preface.count, let place = self.place else { return }
        self.place = nil
        do {
            try self.choose(context.channel, place, isHTTP2)
            context.fireChannelRead(NIOAny(self.came))
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        } catch {
            self.connections.remove(place)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let place = self.place { self.connections.remove(place) }
        self.place = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func drain() {
        self.close()
    }

    func close() {
        self.context?.close(promise: nil)
    }

    func tick(_ now: NIODeadline) {
        if now - self.openedAt >= self.timeout { self.close() }
    }
}
