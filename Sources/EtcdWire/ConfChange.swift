// raftpb (proto2): changes of who votes and who learns.

/// One change of the members of a cluster. The data of an entry of kind ``RaftEntry/Kind/confChange``.
public struct ConfChange: WireMessage {
    /// Under which the proposer waits for it.
    public var id: UInt64 = 0
    public var kind: Kind = .addNode
    public var nodeID: UInt64 = 0
    /// JSON of the member, where one is added or changed.
    public var context: [UInt8] = []

    public init() {}

    public init(id: UInt64 = 0, kind: Kind = .addNode, nodeID: UInt64 = 0, context: [UInt8] = []) {
        self.id = id
        self.kind = kind
        self.nodeID = nodeID
        self.context = context
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        case 2: self.kind = try reader.enumeration()
        case 3: self.nodeID = try reader.uint64()
        case 4: self.context = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id, always: true)
        writer.enumeration(2, self.kind, always: true)
        writer.uint64(3, self.nodeID, always: true)
        writer.bytes(4, self.context)
    }

    /// What changes.
    public enum Kind: Int32, Sendable, Hashable, CaseIterable {
        case addNode = 0
        case removeNode, updateNode, addLearnerNode
    }
}

/// One change of several.
public struct ConfChangeSingle: WireMessage {
    public var kind: ConfChange.Kind = .addNode
    public var nodeID: UInt64 = 0

    public init() {}

    public init(kind: ConfChange.Kind = .addNode, nodeID: UInt64 = 0) {
        self.kind = kind
        self.nodeID = nodeID
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.kind = try reader.enumeration()
        case 2: self.nodeID = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.kind, always: true)
        writer.uint64(2, self.nodeID, always: true)
    }
}

/// Several changes at once. etcd itself writes none up to 3.7.
public struct ConfChangeV2: WireMessage {
    public var transition: Transition = .auto
    public var changes: [ConfChangeSingle] = []
    public var context: [UInt8] = []

    public init() {}

    public init(transition: Transition = .auto, changes: [ConfChangeSingle] = [], context: [UInt8] = []) {
        self.transition = transition
        self.changes = changes
        self.context = context
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.transition = try reader.enumeration()
        case 2: self.changes.append(try reader.message())
        case 3: self.context = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.transition, always: true)
        writer.message(2, self.changes)
        writer.bytes(3, self.context)
    }

    /// How the cluster goes over to its new members.
    public enum Transition: Int32, Sendable, Hashable, CaseIterable {
        case auto = 0
        case jointImplicit, jointExplicit
    }
}
