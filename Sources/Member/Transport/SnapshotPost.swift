internal import Bolt
internal import EtcdWire
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Sends a database to a peer: `POST /raft/snapshot`, no faster than the peer takes it. Blocks the thread it runs on.
struct SnapshotPost: Sendable {
    let url: String
    let headers: [(String, String)]
    let loop: any EventLoop
    let transfer: SnapshotTransfer

    private static let partBytes = 1 << 20
    /// How long the peer may take to write down what it was sent.
    private static let answerTimeout = TimeAmount.seconds(60)

    /// - Returns: Whether the peer has it.
    func run() -> Bool {
        defer { self.transfer.database.close() }
        do {
            return try self.send()
        } catch {
            return false
        }
    }

    private func send() throws -> Bool {
        let promise = self.loop.makePromise(of: PeerClient.Answer.self)
        let bootstrap = ClientBootstrap(group: self.loop).connectTimeout(.seconds(5)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(AnswerCollector(promise, limit: 4096))
            }
        }
        let channel: any Channel
        do { channel = try MemberURL.connect(bootstrap, to: self.url, on: self.loop).wait() } catch {
            promise.fail(error)
            throw error
        }
        defer { channel.close(promise: nil) }
        let head = SnapshotBody.head(self.transfer.message)
        let total = self.transfer.database.imageBytes
        let fields = self.headers + [("Content-Type", "application/octet-stream")]
        let request = PeerClient.head(.POST, self.url, PeerPath.snapshot, fields, length: Int64(head.count) + total)
        channel.write(HTTPClientRequestPart.head(request), promise: nil)
        try Self.write(head, channel)
        var offset: Int64 = 0
        while offset < total {
            let part = self.transfer.database.image(at: offset, count: Self.partBytes)
            offset += Int64(part.count)
            try Self.write(part, channel)
        }
        try channel.writeAndFlush(HTTPClientRequestPart.end(nil)).wait()
        let timer = channel.eventLoop.scheduleTask(in: Self.answerTimeout) { promise.fail(ChannelError.eof) }
        defer { timer.cancel() }
        let answer = try promise.futureResult.wait()
        return PeerOutcome(postStatus: answer.status, body: String(decoding: answer.body, as: UTF8.self)) == .accepted
    }

    private static func write(_ bytes: [UInt8], _ channel: any Channel) throws {
        try channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: bytes)))).wait()
    }
}
