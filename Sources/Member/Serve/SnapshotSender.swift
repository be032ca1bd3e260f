internal import Bolt
internal import Crypto
internal import EtcdWire
internal import GRPCServer
internal import Platform

/// One client's snapshot stream: the database as it stood when asked for, in parts, and its SHA-256 at the end. It is read
/// and sent by a thread of its own, no faster than the client takes it.
final class SnapshotSender: StreamHandler {
    private enum Signal { case writable, gone }

    /// Bytes of a part, as in etcd.
    private static let partBytes = 32 << 10

    private let call: StreamCall
    private let mailbox: Mailbox<MemberMessage>
    private let signals = Mailbox<Signal>()

    init(_ call: StreamCall, _ mailbox: Mailbox<MemberMessage>) {
        (self.call, self.mailbox) = (call, mailbox)
    }

    func received(_ message: RawSpan) -> StreamDemand {
        self.mailbox.send(.snapshot(self.call, self))
        return .more
    }

    func receivedEnd() {}
    func becameWritable() { self.signals.send(.writable) }
    func closed(_ end: StreamEnd) { self.signals.send(.gone) }

    /// Sends it all.
    func run(_ snapshot: BoltReadTransaction, _ server: GRPCServer) {
        startThread(named: "snapshot") {
            defer { snapshot.close() }
            let total = snapshot.imageBytes
            var hash = SHA256()
            var offset: Int64 = 0
            while offset < total {
                guard self.waitUntilWritable() else { return }
                let bytes = snapshot.image(at: offset, count: Self.partBytes)
                offset += Int64(bytes.count)
                hash.update(data: bytes)
                self.send(SnapshotResponse(remainingBytes: UInt64(total - offset), blob: bytes), server)
            }
            var last = ReplyBatch()
            last.message(self.call, SnapshotResponse(blob: Array(hash.finalize())).encoded())
            last.finish(self.call.id, .ok)
            server.send(last)
        }
    }

    private func send(_ response: SnapshotResponse, _ server: GRPCServer) {
        var batch = ReplyBatch()
        batch.message(self.call, response.encoded())
        server.send(batch)
    }

    /// False when the client is gone.
    private func waitUntilWritable() -> Bool {
        while true {
            let signals = self.signals.take(blocking: !self.call.canWrite) ?? []
            if signals.contains(.gone) { return false }
            if self.call.canWrite { return true }
        }
    }
}
