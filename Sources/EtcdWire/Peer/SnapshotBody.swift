/// The body of `POST /raft/snapshot`: a message of kind ``RaftMessage/Kind/snapshot`` after its length, a big-endian number
/// of 8 bytes; then, to the end of the body, the database file.
public enum SnapshotBody {
    /// What comes before the database.
    public static func head(_ message: RaftMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendSized(message)
        return bytes
    }
}

/// Reads the body of a snapshot from chunks of any size. The database is passed on as it comes.
public struct SnapshotBodyDecoder: Sendable {
    /// The largest message accepted where nothing else is said: 64 MiB. It carries members and no keys.
    public static let maximumMessageSize = 64 << 20

    private var head: MessageStreamDecoder
    private var isHead = true

    /// - Parameter limit: The largest message accepted, in bytes. The database has no limit here.
    public init(limit: Int = Self.maximumMessageSize) {
        self.head = MessageStreamDecoder(limit: limit)
    }

    /// A part of the body.
    public enum Part: Sendable, Hashable {
        /// Comes first, and once. Whether it is of the right kind is for the reader to see.
        case message(RaftMessage)
        /// The next bytes of the database.
        case database([UInt8])
    }

    /// What a chunk completes.
    public mutating func receive(_ chunk: some Sequence<UInt8>) throws(PeerStreamError) -> [Part] {
        guard self.isHead else {
            let bytes = Array(chunk)
            return bytes.isEmpty ? [] : [.database(bytes)]
        }
        self.head.receive(chunk)
        guard let message = try self.head.next() else { return [] }
        self.isHead = false
        let rest = self.head.rest()
        return rest.isEmpty ? [.message(message)] : [.message(message), .database(rest)]
    }

    /// The body has ended.
    public func finish() throws(PeerStreamError) {
        if self.isHead { throw PeerStreamError(.truncated, offset: 0) }
    }
}
