extension RaftMessage {
    /// Says on a stream that nothing is to be said: it keeps the connection, and the receiver drops it.
    public static let linkHeartbeat = RaftMessage(.heartbeat)

    public var isLinkHeartbeat: Bool { self.kind == .heartbeat && self.from == 0 && self.to == 0 }
}

/// Writes etcd's `message` stream: each message after its length, a big-endian number of 8 bytes.
public struct MessageStreamEncoder: Sendable {
    public init() {}

    /// Appends a message's frame.
    public func encode(_ message: RaftMessage, into bytes: inout [UInt8]) {
        bytes.appendSized(message)
    }
}

/// Reads the messages of a stream as its bytes come.
public protocol PeerStreamDecoder: Sendable {
    /// Takes the next bytes, however they were cut.
    mutating func receive(_ chunk: some Sequence<UInt8>)

    /// The next whole message, or nil until more has come. After an error there is no going on.
    mutating func next() throws(PeerStreamError) -> RaftMessage?

    /// The stream has ended.
    func finish() throws(PeerStreamError)
}

/// Reads etcd's `message` stream from chunks of any size.
public struct MessageStreamDecoder: PeerStreamDecoder {
    /// The largest message that etcd accepts on a stream: 512 MiB.
    public static let maximumMessageSize = 512 << 20

    private let limit: Int
    private var queue = ByteQueue()
    /// Of the message that is coming: where its frame begins, and its size.
    private var coming: (offset: Int, size: Int)?

    /// - Parameter limit: The largest message accepted, in bytes.
    public init(limit: Int = Self.maximumMessageSize) {
        self.limit = limit
    }

    public mutating func receive(_ chunk: some Sequence<UInt8>) {
        self.queue.append(chunk)
    }

    public mutating func next() throws(PeerStreamError) -> RaftMessage? {
        if self.coming == nil {
            let offset = self.queue.offset
            guard let size = self.queue.takeNumber() else { return nil }
            guard size <= UInt64(self.limit) else {
                throw PeerStreamError(.tooLarge(size: size, limit: self.limit), offset: offset)
            }
            self.coming = (offset, Int(size))
        }
        guard let coming = self.coming, let bytes = self.queue.take(coming.size) else { return nil }
        self.coming = nil
        return try RaftMessage(framed: bytes, at: coming.offset)
    }

    /// What came after the latest message.
    mutating func rest() -> [UInt8] { Array(self.queue.takeAll()) }

    public func finish() throws(PeerStreamError) {
        if let coming = self.coming { throw PeerStreamError(.truncated, offset: coming.offset) }
        if self.queue.count > 0 { throw PeerStreamError(.truncated, offset: self.queue.offset) }
    }
}

extension WireMessage {
    /// - Parameter offset: Where the message's frame begins in the stream.
    init(framed bytes: ArraySlice<UInt8>, at offset: Int) throws(PeerStreamError) {
        do throws(WireError) {
            self = try Self(decoding: bytes)
        } catch {
            throw PeerStreamError(.message(error), offset: offset)
        }
    }
}
