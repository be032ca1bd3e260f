internal import NIOCore

/// A client's connection without its socket: bytes in, bytes out, and time that stands still unless it is moved. For those who
/// feed it with bytes of their own making.
package struct DetachedConnection {
    private var rpc: RPCConnection
    private var now = NIODeadline.uptimeNanoseconds(1)

    package init(_ methods: MethodTable, _ limits: GRPCServerConfiguration.Limits) {
        var configuration = GRPCServerConfiguration(addresses: [])
        configuration.limits = limits
        self.rpc = RPCConnection(
            configuration: configuration, methods: methods, place: .init(loop: 0, connection: 0, generation: 0), peer: "",
            now: self.now)
    }

    /// Why the connection is to be closed; nil while it goes on.
    package var failure: String? { self.rpc.http2.failure.map { "\($0.code): \($0.reason)" } }

    /// Bytes that are kept for the client: of its requests, and of answers that it has not taken.
    package var heldBytes: Int {
        let requests = self.rpc.calls.reduce(0) { $0 + $1.partial.readableBytes }
        let unread = self.rpc.http2.input.readableBytes + (self.rpc.http2.block?.bytes.readableBytes ?? 0)
        return requests + unread + self.rpc.http2.queued + self.rpc.http2.output.readableBytes
    }

    /// Of those, bytes that could be written.
    package var outputBytes: Int { self.rpc.http2.output.readableBytes }

    /// Calls under way.
    package var callCount: Int { self.rpc.calls.count { $0.phase != .none } }

    package mutating func receive(_ bytes: ArraySlice<UInt8>) {
        self.rpc.received(ByteBuffer(bytes: bytes), at: self.now)
        self.rpc.roundEnded()
    }

    /// Answers calls of this connection.
    package mutating func send(_ batch: ReplyBatch) {
        for part in batch.parts {
            for entry in part.entries { self.rpc.answer(entry, part.arena) }
        }
    }

    /// Takes all that is to be written.
    package mutating func takeOutput() -> [UInt8] {
        var bytes: [UInt8] = []
        while self.rpc.http2.output.readableBytes > 0 {
            bytes += self.rpc.http2.output.readableBytesView
            self.rpc.http2.output.clear()
            self.rpc.pump()
        }
        return bytes
    }

    /// Lets seconds pass.
    package mutating func wait(seconds: Int64) {
        self.now = self.now + .seconds(seconds)
        self.rpc.http2.tick(self.now)
        if self.rpc.http2.failure != nil { self.rpc.work() }
    }

    /// The client is gone.
    package mutating func end() { self.rpc.endAll() }
}
