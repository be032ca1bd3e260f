public import NIOCore

/// Answers to calls, put together on any thread and handed to the event loops all at once: ``GRPCServer/send(_:)`` wakes
/// each loop that has any at most once.
public struct ReplyBatch: Sendable {
    /// One answer; its bytes stand in the part's arena.
    struct Entry: Sendable {
        enum Kind: Sendable {
            /// A unary call's reply, and its end.
            case reply
            /// A message on a stream.
            case message(StreamCall)
            /// The end, with this status.
            case finish(GRPCStatus)
            /// The stream's handler takes messages again.
            case resume
        }

        var call: CallID
        var kind: Kind
        var start: Int
        var count: Int
    }

    /// What is for one event loop.
    struct Part: Sendable {
        var arena = ByteBuffer()
        var entries: [Entry] = []
    }

    private(set) var parts: [Part] = []

    public init() {}

    public var isEmpty: Bool { self.parts.allSatisfy(\.entries.isEmpty) }

    /// Answers a unary call.
    public mutating func reply(_ call: CallID, _ message: [UInt8]) {
        self.append(call, .reply) { $0.writeBytes(message) }
    }

    /// Answers a unary call with what `write` appends.
    public mutating func reply(_ call: CallID, write: (inout ByteBuffer) -> Void) {
        self.append(call, .reply, write)
    }

    /// Sends a message on a stream.
    public mutating func message(_ call: StreamCall, _ message: [UInt8]) {
        self.append(call.id, .message(call)) { $0.writeBytes(message) }
        call.handedOver(message.count)
    }

    /// Sends the message that `write` appends on a stream.
    public mutating func message(_ call: StreamCall, write: (inout ByteBuffer) -> Void) {
        call.handedOver(self.append(call.id, .message(call), write))
    }

    /// Ends a call: a stream with any status, or a unary call with an error.
    public mutating func finish(_ call: CallID, _ status: GRPCStatus) {
        self.append(call, .finish(status)) { _ in }
    }

    /// Lets a stream's handler have messages again after ``StreamDemand/hold``.
    public mutating func resume(_ call: CallID) {
        self.append(call, .resume) { _ in }
    }

    @discardableResult
    private mutating func append(_ call: CallID, _ kind: Entry.Kind, _ write: (inout ByteBuffer) -> Void) -> Int {
        let loop = Int(call.loop)
        while self.parts.count <= loop { self.parts.append(Part()) }
        let start = self.parts[loop].arena.writerIndex
        write(&self.parts[loop].arena)
        let count = self.parts[loop].arena.writerIndex - start
        precondition(count >= 0, "a writer of a reply took bytes away")
        self.parts[loop].entries.append(Entry(call: call, kind: kind, start: start, count: count))
        return count
    }
}
