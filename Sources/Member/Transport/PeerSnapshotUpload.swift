internal import EtcdWire
internal import NIOCore
internal import Platform
internal import Synchronization

/// A database that a peer is sending to this member: the message first, then the file, which is written down as it comes.
/// The peer is read from no faster than the disk takes it. Lives on its connection's event loop.
final class PeerSnapshotUpload {
    private let transport: PeerTransport
    private let channel: any Channel
    private var decoder = SnapshotBodyDecoder()
    private var message: RaftMessage?
    private var receiver: SnapshotReceiver?
    private var refusal: PeerRefusal?
    private let outcome = UploadOutcome()
    private let backlog: UploadBacklog

    init(_ transport: PeerTransport, _ channel: any Channel) {
        (self.transport, self.channel) = (transport, channel)
        self.backlog = UploadBacklog(channel)
    }

    func receive(_ bytes: ByteBufferView) {
        guard self.refusal == nil else { return }
        do throws(PeerStreamError) {
            for part in try self.decoder.receive(bytes) {
                switch part {
                case .message(let message): self.begin(message)
                case .database(let bytes):
                    self.backlog.add(bytes.count)
                    self.receiver?.receive(bytes)
                }
            }
        } catch {
            self.refusal = .undecodedSnapshot(error)
        }
    }

    private func begin(_ message: RaftMessage) {
        guard message.kind == .snapshot, let snapshot = message.snapshot else { return self.refusal = .wrongKind }
        self.message = message
        let (backlog, outcome) = (self.backlog, self.outcome)
        self.receiver = self.transport.receiveDatabase(snapshot.metadata.index) {
            backlog.remove($0)
        } done: { error in
            outcome.settle(error)
        }
    }

    /// The body has come whole. The message goes to the member once the database is durable.
    func finish(_ respond: @escaping @Sendable (PeerReply) -> Void) {
        do throws(PeerStreamError) { try self.decoder.finish() } catch {
            self.refusal = self.refusal ?? .undecodedSnapshot(error)
        }
        guard self.refusal == nil, let receiver = self.receiver, let message = self.message else {
            self.breakOff()
            return respond(.refusal(self.refusal ?? .wrongKind))
        }
        let mailbox = self.transport.mailbox
        self.outcome.whenSettled { error in
            if let error { return respond(.refusal(.unsavedSnapshot(error))) }
            mailbox.send(.peer([message]))
            respond(.noContent)
        }
        receiver.finish()
    }

    func breakOff() { self.receiver?.breakOff() }
}

/// What became of a file, told once to the one who asks.
private final class UploadOutcome: Sendable {
    private struct State {
        var result: DiskError??
        var waiter: (@Sendable (DiskError?) -> Void)?
    }

    private let state = Mutex(State())

    func settle(_ error: DiskError?) {
        let waiter = self.state.withLock { state in
            state.result = .some(error)
            return state.waiter
        }
        waiter?(error)
    }

    func whenSettled(_ body: @escaping @Sendable (DiskError?) -> Void) {
        let result = self.state.withLock { state in
            state.waiter = body
            return state.result
        }
        if let result { body(result) }
    }
}

/// Stops the reading of a connection while too much waits for the disk.
private final class UploadBacklog: Sendable {
    private let bytes = Atomic<Int>(0)
    private let channel: any Channel

    private static let (high, low) = (8 << 20, 2 << 20)

    init(_ channel: any Channel) { self.channel = channel }

    func add(_ count: Int) {
        let (before, after) = { ($0.oldValue, $0.newValue) }(self.bytes.add(count, ordering: .relaxed))
        if before < Self.high, after >= Self.high { self.read(false) }
    }

    func remove(_ count: Int) {
        let (before, after) = { ($0.oldValue, $0.newValue) }(self.bytes.subtract(count, ordering: .relaxed))
        if before >= Self.low, after < Self.low { self.read(true) }
    }

    private func read(_ reads: Bool) {
        self.channel.setOption(.autoRead, value: reads).whenFailure { _ in }
    }
}
