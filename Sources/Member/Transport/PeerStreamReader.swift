internal import EtcdWire
internal import NIOCore
internal import NIOHTTP1
internal import Platform

/// Reads one of the streams that this member has dialed, and hands on what comes, a read at a time.
final class PeerStreamReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let context: PeerContext
    private let peer: UInt64
    private var decoder: any PeerStreamDecoder
    private var status = 0
    /// Of an answer that is no stream.
    private var refusal: [UInt8] = []
    private var messages: [RaftMessage] = []

    init(_ kind: PeerStreamKind, from peer: UInt64, _ context: PeerContext) {
        (self.peer, self.context) = (peer, context)
        let local = context.endpoint.memberID
        self.decoder = kind == .append ? AppendStreamDecoder(local: local, remote: peer) : MessageStreamDecoder()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.status = Int(head.status.code)
        case .body(let part):
            guard self.status == 200 else {
                if self.refusal.count < 4096 { self.refusal += part.readableBytesView }
                return
            }
            self.decoder.receive(part.readableBytesView)
            do throws(PeerStreamError) {
                while let message = try self.decoder.next() {
                    if !message.isLinkHeartbeat { self.messages.append(message) }
                }
            } catch {
                context.close(promise: nil)
            }
        case .end:
            let outcome = PeerOutcome(streamStatus: self.status, body: String(decoding: self.refusal, as: UTF8.self))
            if outcome == .removed { self.context.mailbox.send(.removedByPeers) }
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !self.messages.isEmpty else { return }
        self.context.mailbox.send(.peer(self.messages))
        self.messages = []
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
