public import EtcdWire

/// A member of the cluster as etcd stores it: the row of the bucket `members`.
public struct ClusterMember: Sendable, Hashable {
    public var id: UInt64
    public var peerURLs: [String]
    public var isLearner: Bool
    /// Empty until the member has started.
    public var name: String
    public var clientURLs: [String]

    public init(id: UInt64, peerURLs: [String], isLearner: Bool = false, name: String = "", clientURLs: [String] = []) {
        (self.id, self.peerURLs, self.isLearner) = (id, peerURLs, isLearner)
        (self.name, self.clientURLs) = (name, clientURLs)
    }

    /// Reads a member from JSON: its row, or the context of a change of members.
    public init(json: [UInt8]) throws(StoreError) {
        let object = try JSONObject(json, "a member")
        guard let id = object.number("id") else { throw .fatal("a member: its JSON has no id") }
        self.init(
            id: id, peerURLs: object.strings("peerURLs") ?? [], isLearner: object.bool("isLearner") ?? false,
            name: object.string("name") ?? "", clientURLs: object.strings("clientURLs") ?? [])
    }

    /// The bytes that etcd writes.
    public func json() -> [UInt8] {
        GoJSON.object { json in
            json.field("id", self.id)
            self.writeRaftAttributes(&json)
            self.writeAttributes(&json)
        }
    }

    /// The context of the change that adds or promotes the member, as etcd writes it.
    public func changeContext(isPromotion: Bool = false) -> [UInt8] {
        GoJSON.object { json in
            json.field("id", self.id)
            self.writeRaftAttributes(&json)
            self.writeAttributes(&json)
            json.field("isPromote", isPromotion)
        }
    }

    /// Name and client URLs, as a member publishes them.
    public func attributes() -> String {
        String(decoding: GoJSON.object { self.writeAttributes(&$0) }, as: UTF8.self)
    }

    func writeRaftAttributes(_ json: inout GoJSON) {
        json.field("peerURLs", self.peerURLs)
        if self.isLearner { json.field("isLearner", true) }
    }

    func writeAttributes(_ json: inout GoJSON) {
        if !self.name.isEmpty { json.field("name", self.name) }
        if !self.clientURLs.isEmpty { json.field("clientURLs", self.clientURLs) }
    }

    /// The key of its row, in `members` or `members_removed`.
    static func key(of id: UInt64) -> [UInt8] { Array(String(id, radix: 16).utf8) }
}

/// Whether the cluster may go back to an older release: the row `downgrade` of the bucket `cluster`.
public struct DowngradeInfo: Sendable, Hashable {
    /// Such as `3.5.0`; empty while not enabled.
    public var targetVersion: String
    public var isEnabled: Bool

    public init(targetVersion: String = "", isEnabled: Bool = false) {
        (self.targetVersion, self.isEnabled) = (targetVersion, isEnabled)
    }

    public init(json: [UInt8]) throws(StoreError) {
        let object = try JSONObject(json, "the downgrade's state")
        self.init(targetVersion: object.string("target-version") ?? "", isEnabled: object.bool("enabled") ?? false)
    }

    public func json() -> [UInt8] {
        GoJSON.object { json in
            json.field("target-version", self.targetVersion)
            json.field("enabled", self.isEnabled)
        }
    }
}

extension ConfState {
    /// Reads the row `confState` of the bucket `meta`.
    public init(json: [UInt8]) throws(StoreError) {
        let object = try JSONObject(json, "the configuration")
        self.init(voters: object.numbers("voters") ?? [], learners: object.numbers("learners") ?? [])
        self.votersOutgoing = object.numbers("voters_outgoing") ?? []
        self.learnersNext = object.numbers("learners_next") ?? []
        self.autoLeave = object.bool("auto_leave") ?? false
    }

    /// The bytes that etcd writes up to 3.6.
    public func json() -> [UInt8] {
        GoJSON.object { json in
            if !self.voters.isEmpty { json.field("voters", self.voters) }
            if !self.learners.isEmpty { json.field("learners", self.learners) }
            if !self.votersOutgoing.isEmpty { json.field("voters_outgoing", self.votersOutgoing) }
            if !self.learnersNext.isEmpty { json.field("learners_next", self.learnersNext) }
            json.field("auto_leave", self.autoLeave)
        }
    }
}
