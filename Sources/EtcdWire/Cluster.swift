/// A member of a cluster.
public struct Member: WireMessage {
    public var id: UInt64 = 0
    /// Empty until the member has started.
    public var name: String = ""
    public var peerURLs: [String] = []
    public var clientURLs: [String] = []
    public var isLearner: Bool = false

    public init() {}

    public init(
        id: UInt64 = 0, name: String = "", peerURLs: [String] = [], clientURLs: [String] = [], isLearner: Bool = false
    ) {
        self.id = id
        self.name = name
        self.peerURLs = peerURLs
        self.clientURLs = clientURLs
        self.isLearner = isLearner
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        case 2: self.name = try reader.string()
        case 3: self.peerURLs.append(try reader.string())
        case 4: self.clientURLs.append(try reader.string())
        case 5: self.isLearner = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
        writer.string(2, self.name)
        writer.string(3, self.peerURLs)
        writer.string(4, self.clientURLs)
        writer.bool(5, self.isLearner)
    }
}

/// Adds a member.
public struct MemberAddRequest: WireMessage {
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

/// Answers an addition.
public struct MemberAddResponse: WireMessage {
    public var header = ResponseHeader()
    public var member: Member? = nil
    public var members: [Member] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), member: Member? = nil, members: [Member] = []) {
        self.header = header
        self.member = member
        self.members = members
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.member = try reader.message()
        case 3: self.members.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.message(2, self.member)
        writer.message(3, self.members)
    }
}

/// Removes a member.
public struct MemberRemoveRequest: WireMessage {
    public var id: UInt64 = 0

    public init() {}

    public init(id: UInt64 = 0) {
        self.id = id
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
    }
}

/// Changes a member's peer URLs.
public struct MemberUpdateRequest: WireMessage {
    public var id: UInt64 = 0
    public var peerURLs: [String] = []

    public init() {}

    public init(id: UInt64 = 0, peerURLs: [String] = []) {
        self.id = id
        self.peerURLs = peerURLs
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        case 2: self.peerURLs.append(try reader.string())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
        writer.string(2, self.peerURLs)
    }
}

/// Asks for every member.
public struct MemberListRequest: WireMessage {
    /// Whether the answer must be the cluster's, not what this member last heard.
    public var linearizable: Bool = false

    public init() {}

    public init(linearizable: Bool = false) {
        self.linearizable = linearizable
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.linearizable = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bool(1, self.linearizable)
    }
}

/// Makes a learner a voter.
public struct MemberPromoteRequest: WireMessage {
    public var id: UInt64 = 0

    public init() {}

    public init(id: UInt64 = 0) {
        self.id = id
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
    }
}
