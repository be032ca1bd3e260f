// membershippb, and the requests by which etcd 3.6 and later keep cluster-wide facts.

/// Where other members reach a member, and whether it votes.
public struct RaftAttributes: WireMessage {
    public var peerURLs: [String] = []
    public var isLearner: Bool = false

    public init() {}

    public init(peerURLs: [String] = [], isLearner: Bool = false) {
        self.peerURLs = peerURLs
        self.isLearner = isLearner
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.peerURLs.append(try reader.string())
        case 2: self.isLearner = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.peerURLs)
        writer.bool(2, self.isLearner)
    }
}

/// What a member says of itself once it runs (`membershippb.Attributes`).
public struct MemberAttributes: WireMessage {
    public var name: String = ""
    public var clientURLs: [String] = []

    public init() {}

    public init(name: String = "", clientURLs: [String] = []) {
        self.name = name
        self.clientURLs = clientURLs
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        case 2: self.clientURLs.append(try reader.string())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.name)
        writer.string(2, self.clientURLs)
    }
}

/// A member of a cluster (`membershippb.Member`). Not the API's ``Member``.
public struct MembershipMember: WireMessage {
    public var id: UInt64 = 0
    public var raftAttributes: RaftAttributes?
    public var memberAttributes: MemberAttributes?

    public init() {}

    public init(id: UInt64 = 0, raftAttributes: RaftAttributes? = nil, memberAttributes: MemberAttributes? = nil) {
        self.id = id
        self.raftAttributes = raftAttributes
        self.memberAttributes = memberAttributes
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        case 2: self.raftAttributes = try reader.message()
        case 3: self.memberAttributes = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
        writer.message(2, self.raftAttributes)
        writer.message(3, self.memberAttributes)
    }
}

/// Sets the version that all members have at least, such as `3.6.0`.
public struct ClusterVersionSetRequest: WireMessage {
    public var ver: String = ""

    public init() {}

    public init(ver: String = "") { self.ver = ver }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.ver = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.string(1, self.ver) }
}

/// Publishes a member's name and client URLs.
public struct ClusterMemberAttrSetRequest: WireMessage {
    public var memberID: UInt64 = 0
    public var memberAttributes: MemberAttributes?

    public init() {}

    public init(memberID: UInt64 = 0, memberAttributes: MemberAttributes? = nil) {
        self.memberID = memberID
        self.memberAttributes = memberAttributes
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.memberID = try reader.uint64()
        case 2: self.memberAttributes = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.memberID)
        writer.message(2, self.memberAttributes)
    }
}

/// Allows a downgrade to a version, or ends it.
public struct DowngradeInfoSetRequest: WireMessage {
    public var enabled: Bool = false
    public var ver: String = ""

    public init() {}

    public init(enabled: Bool = false, ver: String = "") {
        self.enabled = enabled
        self.ver = ver
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.enabled = try reader.bool()
        case 2: self.ver = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bool(1, self.enabled)
        writer.string(2, self.ver)
    }
}

/// Says that an entry needs a version; changes nothing.
public struct DowngradeVersionTestRequest: WireMessage {
    public var ver: String = ""

    public init() {}

    public init(ver: String = "") { self.ver = ver }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.ver = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.string(1, self.ver) }
}

/// Gives a user a token, in every member alike.
public struct InternalAuthenticateRequest: WireMessage {
    public var name: String = ""
    /// Empty in newer releases: the password was checked before the entry was made.
    public var password: String = ""
    public var simpleToken: String = ""

    public init() {}

    public init(name: String = "", password: String = "", simpleToken: String = "") {
        self.name = name
        self.password = password
        self.simpleToken = simpleToken
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        case 2: self.password = try reader.string()
        case 3: self.simpleToken = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.name)
        writer.string(2, self.password)
        writer.string(3, self.simpleToken)
    }
}
