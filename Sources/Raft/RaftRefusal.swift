/// Why a member did not take a proposal or a message. Nothing has changed by it.
public struct RaftRefusal: Error, Hashable, CustomStringConvertible {
    public var reason: Reason

    public init(_ reason: Reason) {
        self.reason = reason
    }

    public var description: String {
        switch self.reason {
        case .noLeader: "proposal dropped: no leader is known; try again after an election"
        case .forwardingDisabled: "proposal dropped: this member does not lead, and forwards no proposals"
        case .transferring: "proposal dropped: the leader is handing over; try again"
        case .tooMuchUncommitted: "proposal dropped: too much is not committed yet; try again later"
        case .removed: "proposal dropped: the leader is no longer a member"
        case .localMessage: "message refused: of a kind that members do not send each other"
        case .unknownPeer: "message refused: an answer from someone who is no member"
        case .impossible(let what): "message refused: \(what)"
        }
    }

    /// Why, in a word.
    public enum Reason: Sendable, Hashable {
        case noLeader, forwardingDisabled, transferring, tooMuchUncommitted, removed
        case localMessage, unknownPeer
        /// Content that no member sends, or that shows a log to be damaged or lost.
        case impossible(String)
    }
}
