internal import EtcdWire
internal import GRPCServer

/// Who waits for an answer of the member's core.
enum Client: Hashable, Sendable {
    case grpc(CallID)
    /// By number: see ``MemberEngine``.
    case http(UInt64)
}

/// What event loops hand to the member's thread.
enum MemberMessage: Sendable {
    case call(CallID, ClientRequest)
    case cancelled(CallID)
    case watchOpened(StreamID, StreamCall)
    case watch(StreamID, WatchRequest)
    case keepAliveOpened(StreamID, StreamCall)
    case keepAlive(StreamID, LeaseKeepAliveRequest)
    case writable(StreamID)
    /// The client says no more on a stream: a status ends it. Nil: it is gone.
    case streamEnded(StreamID, GRPCStatus?)
    case snapshot(StreamCall, SnapshotSender)
    case health(isSerializable: Bool, excluded: [String], @Sendable (HTTP1Response) -> Void)
    case version(@Sendable (HTTP1Response) -> Void)
    case tick
    case stop(@Sendable (MemberError?) -> Void)
}
