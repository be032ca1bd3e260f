internal import EtcdWire
internal import GRPCServer

/// Who waits for an answer of the member's core.
enum Client: Hashable, Sendable {
    case grpc(CallID)
    /// A peer, or one who asks over HTTP/1, by number: see ``MemberEngine``.
    case inner(UInt64)
    /// A read of a probe, by its number.
    case probe(UInt64)
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
    case probe(HealthProbe, HealthProbes.Respond)
    case metrics(@Sendable (MemberFigures, CallCounts) -> Void)
    case version(@Sendable (HTTP1Response) -> Void)
    /// From peers.
    case peer([RaftMessage])
    case unreachable(UInt64)
    case snapshotSent(UInt64, succeeded: Bool)
    /// The others say that this member is one no more.
    case removedByPeers
    /// What a peer asks for that this member's thread must answer, and the body of its request.
    case peerRequest(PeerAnswer, [UInt8], @Sendable (PeerReply) -> Void)
    /// What became of a request that was handed on to the leader.
    case forwarded(MemberCore<Client>.Forward, Result<PeerClient.Answer, any Error>)
    /// What each other member says its release is; nil where it does not answer.
    case versions([UInt64: String?])
    case tick
    case stop(@Sendable (MemberError?) -> Void)
}
