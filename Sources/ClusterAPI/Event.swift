public import Platform

/// Something that happened to a cluster, for people. Kept for an hour.
public struct Event: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case normal = "Normal"
        case warning = "Warning"
    }

    /// The object it is about: `EtcdCluster/orders`.
    public var regarding: String
    public var type: Kind
    /// CamelCase, from the list in the manual.
    public var reason: String
    public var message: String
    public var firstSeen: Timestamp
    public var lastSeen: Timestamp
    public var count: Int

    public init(regarding: String, type: Kind, reason: String, message: String, time: Timestamp) {
        self.regarding = regarding
        self.type = type
        self.reason = reason
        self.message = message
        self.firstSeen = time
        self.lastSeen = time
        self.count = 1
    }
}
