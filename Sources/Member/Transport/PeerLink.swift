internal import EtcdWire
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Platform

/// All that goes between this member and one other: the two streams that the other has dialed, on which this one writes; the
/// two that this one dials, on which it reads; and single requests while a stream is not there. Lives on one event loop.
///
/// Source: etcd's `rafthttp`: appends go on their own stream, all else on the other, and what finds no stream is posted.
final class PeerLink {
    let id: UInt64
    private let urls: [String]
    private var picked = 0
    private let context: PeerContext
    private var append: (any Channel)?
    private var appendEncoder = AppendStreamEncoder()
    private var message: (any Channel)?
    private var readers: [PeerStreamKind: any Channel] = [:]
    private var posts = 0
    private var isEnded = false

    /// Single requests that may be under way at once; what is beyond is dropped, and raft told.
    private static let maximumPosts = 64

    init(_ id: UInt64, urls: [String], _ context: PeerContext) {
        (self.id, self.urls, self.context) = (id, urls, context)
        for kind in PeerStreamKind.allCases { self.dial(kind) }
    }

    private var url: String { self.urls[self.picked % self.urls.count] }

    func reaches(_ urls: [String]) -> Bool { self.urls == urls }

    func end() {
        self.isEnded = true
        for channel in [self.append, self.message].compactMap({ $0 }) + self.readers.values { channel.close(promise: nil) }
        (self.append, self.message, self.readers) = (nil, nil, [:])
    }

    // MARK: Writing

    /// The peer has dialed a stream. One that it had before is over.
    func attach(_ kind: PeerStreamKind, _ channel: any Channel) {
        guard !self.isEnded else { return channel.close(promise: nil) }
        let before = kind == .append ? self.append : self.message
        before?.close(promise: nil)
        if kind == .append {
            (self.append, self.appendEncoder) = (channel, AppendStreamEncoder())
        } else {
            self.message = channel
        }
        let link = NIOLoopBound(self, eventLoop: self.context.loop)
        channel.closeFuture.hop(to: self.context.loop).whenComplete { _ in link.value.detach(kind, channel) }
    }

    private func detach(_ kind: PeerStreamKind, _ channel: any Channel) {
        if kind == .append, self.append === channel { self.append = nil }
        if kind == .message, self.message === channel { self.message = nil }
        if !self.isEnded { self.context.mailbox.send(.unreachable(self.id)) }
    }

    func send(_ messages: [RaftMessage]) {
        var appends: [UInt8] = []
        var others: [UInt8] = []
        var isLost = false
        for message in messages {
            if message.kind == .append, let stream = self.append {
                if stream.isWritable { self.appendEncoder.encode(message, into: &appends) } else { isLost = true }
            } else if let stream = self.message {
                if stream.isWritable { MessageStreamEncoder().encode(message, into: &others) } else { isLost = true }
            } else {
                self.post(message)
            }
        }
        if !appends.isEmpty, let append = self.append { Self.write(appends, append) }
        if !others.isEmpty, let message = self.message { Self.write(others, message) }
        if isLost { self.context.mailbox.send(.unreachable(self.id)) }
    }

    /// Says on each stream that it is alive.
    func heartbeat() {
        if let append = self.append {
            var bytes: [UInt8] = []
            self.appendEncoder.encode(.linkHeartbeat, into: &bytes)
            Self.write(bytes, append)
        }
        if let message = self.message {
            var bytes: [UInt8] = []
            MessageStreamEncoder().encode(.linkHeartbeat, into: &bytes)
            Self.write(bytes, message)
        }
    }

    private static func write(_ bytes: [UInt8], _ channel: any Channel) {
        channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
    }

    // MARK: Single requests

    private func post(_ message: RaftMessage) {
        guard self.posts < Self.maximumPosts, !self.isEnded else {
            self.context.mailbox.send(.unreachable(self.id))
            return
        }
        self.posts += 1
        let headers = self.context.headers(to: nil) + [("Content-Type", "application/protobuf")]
        let link = NIOLoopBound(self, eventLoop: self.context.loop)
        PeerClient(group: self.context.loop)
            .send(.POST, self.url, PeerPath.pipeline, headers: headers, body: message.encoded())
            .hop(to: self.context.loop)
            .whenComplete { link.value.posted($0) }
    }

    private func posted(_ result: Result<PeerClient.Answer, any Error>) {
        self.posts -= 1
        guard case .success(let answer) = result else {
            self.picked += 1
            self.context.mailbox.send(.unreachable(self.id))
            return
        }
        switch PeerOutcome(postStatus: answer.status, body: String(decoding: answer.body, as: UTF8.self)) {
        case .accepted: break
        case .removed: self.context.mailbox.send(.removedByPeers)
        default: self.context.mailbox.send(.unreachable(self.id))
        }
    }

    func send(_ transfer: SnapshotTransfer) {
        let (id, mailbox) = (self.id, self.context.mailbox)
        let post = SnapshotPost(
            url: self.url, headers: self.context.headers(to: nil), loop: self.context.loop, transfer: transfer)
        startThread(named: "send-snapshot") {
            let isSent = post.run()
            if !isSent { mailbox.send(.unreachable(id)) }
            mailbox.send(.snapshotSent(id, succeeded: isSent))
        }
    }

    // MARK: Reading

    private func dial(_ kind: PeerStreamKind) {
        guard !self.isEnded else { return }
        let context = self.context
        let (id, url) = (self.id, self.url)
        let bootstrap = ClientBootstrap(group: context.loop).connectTimeout(.seconds(1))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandlers(
                        IdleStateHandler(readTimeout: PeerContext.readTimeout), PeerStreamReader(kind, from: id, context))
                }
            }
        let link = NIOLoopBound(self, eventLoop: context.loop)
        MemberURL.connect(bootstrap, to: url, on: context.loop).hop(to: context.loop).whenComplete { result in
            link.value.dialed(kind, url, result)
        }
    }

    private func dialed(_ kind: PeerStreamKind, _ url: String, _ result: Result<any Channel, any Error>) {
        guard case .success(let channel) = result else {
            self.picked += 1
            return self.dialAgain(kind)
        }
        guard !self.isEnded else { return channel.close(promise: nil) }
        self.readers[kind] = channel
        let link = NIOLoopBound(self, eventLoop: self.context.loop)
        channel.closeFuture.hop(to: self.context.loop).whenComplete { _ in
            link.value.readers[kind] = nil
            link.value.dialAgain(kind)
        }
        let path = PeerPath.stream(kind, dialer: self.context.endpoint.memberID)
        let head = PeerClient.head(.GET, url, path, self.context.headers(to: self.id), length: nil)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    private func dialAgain(_ kind: PeerStreamKind) {
        guard !self.isEnded else { return }
        let link = NIOLoopBound(self, eventLoop: self.context.loop)
        self.context.loop.scheduleTask(in: PeerContext.redialInterval) { link.value.dial(kind) }
    }
}

/// What all links share.
struct PeerContext: Sendable {
    let endpoint: PeerEndpoint
    let advertised: [String]
    let mailbox: Mailbox<MemberMessage>
    let loop: any EventLoop

    /// A stream that is silent for so long is dead: the other side sends a heartbeat three times in it. etcd's.
    static let readTimeout = TimeAmount.seconds(5)
    static let redialInterval = TimeAmount.milliseconds(100)

    func headers(to id: UInt64?) -> [(String, String)] {
        PeerHeaders(
            clusterID: self.endpoint.clusterID, from: self.endpoint.memberID, to: id,
            serverVersion: self.endpoint.version.description, peerURLs: self.advertised
        ).fields.map { ($0.name, $0.value) }
    }
}
