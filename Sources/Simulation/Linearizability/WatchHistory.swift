public import EtcdWire

/// What one watch was asked for, and all that came of it in its order.
public struct WatchHistory: Sendable {
    public var request: WatchCreateRequest
    public var responses: [WatchResponse]

    public init(_ request: WatchCreateRequest, responses: [WatchResponse] = []) {
        self.request = request
        self.responses = responses
    }
}

/// What etcd promises of a watch, and what it delivers.
public enum WatchGuarantee: String, Sendable, Hashable, CaseIterable {
    /// Events come in the order of their revisions.
    case ordered
    /// No event comes twice.
    case unique
    /// The events of one revision come together.
    case atomic
    /// No event is left out between two that came.
    case reliable
    /// The first event is the first at or after the start revision, and none before it comes.
    case resumable
    /// A progress notification tells a revision up to which every event has come, and after which no older one does.
    case bookmarkable
    /// Only events come that were asked for.
    case filtered
    /// With each event comes what the key was before it, if that was asked for.
    case previous
    /// What comes is what was written.
    case faithful
}

/// A promise that a watch broke.
public struct WatchViolation: Sendable, Hashable, CustomStringConvertible {
    public var guarantee: WatchGuarantee
    /// Where it showed.
    public var revision: Int64
    public var what: String

    public var description: String { "watch not \(self.guarantee.rawValue) at revision \(self.revision): \(self.what)" }
}
