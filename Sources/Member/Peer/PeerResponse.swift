/// What came of a message or a snapshot that was posted to a peer, or of dialing one of its streams.
public enum PeerOutcome: Sendable, Hashable {
    /// The message was processed, or the stream is open.
    case accepted
    case incompatibleVersion
    /// The peer is of another cluster.
    case clusterIDMismatch
    /// This member was removed from the cluster for good, and is to stop.
    case removed
    /// The peer does not know this member yet. Dial again.
    case notFound
    /// Anything else; what is to be logged.
    case failed(String)

    /// Reads the answer to `POST /raft` and `POST /raft/snapshot`.
    public init(postStatus status: Int, body: String) {
        switch status {
        case 204: self = .accepted
        case 403: self = .removed
        case 412: self = Self.precondition(body)
        default: self = .failed("unexpected http status \(status)")
        }
    }

    /// Reads the head of the answer to a GET of a stream, and its body when it is not 200.
    public init(streamStatus status: Int, body: String) {
        switch status {
        case 200: self = .accepted
        case 404: self = .notFound
        case 410: self = .removed
        case 412: self = Self.precondition(body)
        default: self = .failed("unhandled stream status \(status)")
        }
    }

    private static func precondition(_ body: String) -> PeerOutcome {
        switch body {
        case PeerRefusal.incompatibleVersion.body: .incompatibleVersion
        case PeerRefusal.clusterIDMismatch.body: .clusterIDMismatch
        default: .failed("unhandled error \(body.debugDescription) when precondition failed")
        }
    }
}
