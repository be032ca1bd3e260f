public import NIOCore

/// Names a call on a server, for as long as the server runs. An answer to a call that has ended meanwhile (cancelled, or its
/// connection gone) is dropped.
public struct CallID: Hashable, Sendable {
    /// The event loop, by its place in the server's group.
    var loop: UInt32
    /// The connection, by its place among those of the loop, and the how manieth in that place.
    var connection: UInt32
    var connectionGeneration: UInt32
    /// The stream, likewise.
    var slot: UInt32
    var generation: UInt32
}

/// What a handler is told of a call besides the message.
public struct CallContext: Sendable {
    public let id: CallID
    /// When the client stops waiting (`grpc-timeout`), on the clock of the event loops; nil when it never does.
    public let deadline: NIODeadline?
    /// The request's header fields. Nothing is parsed until it is asked for.
    public let metadata: Metadata
    /// Whom the connection is with: `127.0.0.1:45678`, or `@` on a unix socket, as Go prints them.
    public let peer: String
}

/// What a unary handler makes of a request.
public enum UnaryAnswer: Sendable {
    /// The reply's bytes.
    case message([UInt8])
    /// The same, where they are in a buffer already.
    case buffer(ByteBuffer)
    case failure(GRPCStatus)
    /// It comes later, from any thread, in a ``ReplyBatch``.
    case deferred
}

/// Answers a unary call. It runs on the event loop of the call's connection, so it must be quick and never block.
///
/// The request's bytes are lent for the time of the call: what outlives it is copied.
public typealias UnaryHandler = @Sendable (_ request: RawSpan, _ call: CallContext) -> UnaryAnswer

/// Whether a stream's handler takes more messages.
public enum StreamDemand: Sendable {
    case more
    /// None until ``ReplyBatch/resume(_:)``: what comes meanwhile stays within the stream's window, and then with the client.
    case hold
}

/// Why a stream is over.
public enum StreamEnd: Hashable, Sendable {
    /// Its status has been handed to the connection.
    case finished
    /// The client cancelled it, or broke the protocol on it.
    case cancelled
    /// Its connection is gone.
    case disconnected
    /// It was ended with this status, because its writer did not heed ``StreamCall/canWrite``.
    case overrun
}

/// What happens on one streaming call, told on the event loop of its connection: quick, and never blocking.
/// Writing goes through a ``ReplyBatch``, from any thread.
public protocol StreamHandler: AnyObject, Sendable {
    /// A message came. Its bytes are lent for the time of the call.
    func received(_ message: RawSpan) -> StreamDemand
    /// The client sends no more messages.
    func receivedEnd()
    /// What is buffered has sunk below the low mark after ``StreamCall/canWrite`` was false.
    func becameWritable()
    /// The last of all.
    func closed(_ end: StreamEnd)
}

/// Makes the handler of a new streaming call. Runs on the call's event loop.
public typealias StreamHandlerFactory = @Sendable (_ call: StreamCall) -> any StreamHandler
