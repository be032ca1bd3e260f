/// Where a stream of `msgappv2` stands: entries that go on from here are sent without a message around them.
struct AppendStreamPosition: Sendable, Hashable {
    var term: UInt64 = 0
    /// The latest entry sent.
    var index: UInt64 = 0

    /// Whether the message brings entries of the stream's own term, right after the latest entry.
    func continues(in message: RaftMessage) -> Bool {
        message.kind == .append && message.index == self.index && message.logTerm == self.term
            && message.logTerm == message.term
    }

    mutating func moved(by message: RaftMessage) {
        self.term = message.term
        self.index = message.entries.last?.index ?? message.index
    }

    /// The first byte of a frame.
    enum FrameType: UInt8 {
        case linkHeartbeat = 0
        case entries, message
    }
}

/// Writes etcd's `msgappv2` stream: what goes on from where the stream stands goes as its entries and the commit index,
/// any other message whole.
public struct AppendStreamEncoder: Sendable {
    private var position = AppendStreamPosition()

    public init() {}

    /// Appends a message's frame.
    public mutating func encode(_ message: RaftMessage, into bytes: inout [UInt8]) {
        if message.isLinkHeartbeat {
            bytes.append(AppendStreamPosition.FrameType.linkHeartbeat.rawValue)
        } else if self.position.continues(in: message) {
            bytes.append(AppendStreamPosition.FrameType.entries.rawValue)
            bytes.appendBigEndian(UInt64(message.entries.count))
            for entry in message.entries { bytes.appendSized(entry) }
            bytes.appendBigEndian(message.commit)
            self.position.index += UInt64(message.entries.count)
        } else {
            bytes.append(AppendStreamPosition.FrameType.message.rawValue)
            bytes.appendSized(message)
            self.position.moved(by: message)
        }
    }
}

/// Reads etcd's `msgappv2` stream from chunks of any size.
public struct AppendStreamDecoder: PeerStreamDecoder {
    private let local: UInt64
    private let remote: UInt64
    private let limit: Int
    private var queue = ByteQueue()
    private var position = AppendStreamPosition()
    private var state = State.type
    /// Where the frame begins that is being read.
    private var frame = 0

    /// Of a frame of entries: those that came, how many are still to come, and the bytes that they may take.
    private var entries: [RaftEntry] = []
    private var missing = 0
    private var room = 0

    /// What comes next.
    private enum State: Sendable {
        case type
        case messageSize
        case message(Int)
        case entryCount
        case entrySize
        case entry(Int)
        case commit
    }

    /// - Parameters:
    ///   - local: The member that reads; the receiver of what is sent without a message around it.
    ///   - remote: The member that writes.
    ///   - limit: The largest message, and the largest frame of entries, accepted, in bytes.
    public init(local: UInt64, remote: UInt64, limit: Int = MessageStreamDecoder.maximumMessageSize) {
        self.local = local
        self.remote = remote
        self.limit = limit
    }

    public mutating func receive(_ chunk: some Sequence<UInt8>) {
        self.queue.append(chunk)
    }

    public mutating func next() throws(PeerStreamError) -> RaftMessage? {
        while true {
            switch try self.step() {
            case .needsMore: return nil
            case .goesOn: continue
            case .message(let message): return message
            }
        }
    }

    public func finish() throws(PeerStreamError) {
        if case .type = self.state { return }
        throw PeerStreamError(.truncated, offset: self.frame)
    }

    private enum Step {
        case needsMore, goesOn
        case message(RaftMessage)
    }

    private mutating func step() throws(PeerStreamError) -> Step {
        switch self.state {
        case .type:
            return try self.readType()
        case .messageSize:
            guard let size = self.queue.takeNumber() else { return .needsMore }
            self.state = .message(try self.checked(size, limit: self.limit))
            return .goesOn
        case .message(let size):
            guard let bytes = self.queue.take(size) else { return .needsMore }
            let message = try RaftMessage(framed: bytes, at: self.frame)
            self.position.moved(by: message)
            self.state = .type
            return .message(message)
        case .entryCount:
            guard let count = self.queue.takeNumber() else { return .needsMore }
            guard self.position != AppendStreamPosition() else { throw self.error(.nothingToContinue) }
            // An entry takes no less than its size.
            self.missing = try self.checked(count, limit: min(self.limit / 8, RaftMessage.maximumEntries))
            self.room = self.limit
            self.state = self.missing > 0 ? .entrySize : .commit
            return .goesOn
        case .entrySize:
            guard let number = self.queue.takeNumber() else { return .needsMore }
            let size = try self.checked(number, limit: self.room)
            self.room -= size
            self.state = .entry(size)
            return .goesOn
        case .entry(let size):
            guard let bytes = self.queue.take(size) else { return .needsMore }
            try self.take(RaftEntry(framed: bytes, at: self.frame))
            return .goesOn
        case .commit:
            guard let commit = self.queue.takeNumber() else { return .needsMore }
            self.state = .type
            return .message(self.message(commit: commit))
        }
    }

    private mutating func readType() throws(PeerStreamError) -> Step {
        self.frame = self.queue.offset
        guard let byte = self.queue.take(1)?.first else { return .needsMore }
        switch AppendStreamPosition.FrameType(rawValue: byte) {
        case .linkHeartbeat: return .message(.linkHeartbeat)
        case .entries: self.state = .entryCount
        case .message: self.state = .messageSize
        case nil: throw self.error(.unknownType(byte))
        }
        return .goesOn
    }

    private mutating func take(_ entry: RaftEntry) throws(PeerStreamError) {
        let (expected, isOver) = self.position.index.addingReportingOverflow(1)
        guard !isOver, entry.index == expected else { throw self.error(.wrongIndex(entry.index, expected: expected)) }
        self.position.index = expected
        self.entries.append(entry)
        self.missing -= 1
        self.state = self.missing > 0 ? .entrySize : .commit
    }

    private mutating func message(commit: UInt64) -> RaftMessage {
        var message = RaftMessage(.append, to: self.local, from: self.remote, term: self.position.term)
        message.logTerm = self.position.term
        message.index = self.position.index - UInt64(self.entries.count)
        message.entries = self.entries[...]
        message.commit = commit
        self.entries = []
        return message
    }

    private func checked(_ size: UInt64, limit: Int) throws(PeerStreamError) -> Int {
        guard size <= UInt64(limit) else { throw self.error(.tooLarge(size: size, limit: limit)) }
        return Int(size)
    }

    private func error(_ problem: PeerStreamError.Problem) -> PeerStreamError {
        PeerStreamError(problem, offset: self.frame)
    }
}
