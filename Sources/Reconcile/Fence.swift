public import EtcdWire

/// Proof of a term of leadership. Every write carries it as a comparison, so that what a deposed leader still has on its
/// way changes nothing: the election key it was made for is gone, or was created anew since.
public struct Fence: Sendable, Hashable {
    /// The election key.
    public var key: String
    /// The revision that created the key in this term.
    public var createRevision: Int64

    public init(key: String, createRevision: Int64) {
        self.key = key
        self.createRevision = createRevision
    }

    /// Holds as long as the term lasts.
    public var compare: Compare { .createRevision(of: Array(self.key.utf8), .equal, self.createRevision) }
}
