// raftpb (proto2). Its scalar fields are "non-nullable": written even when zero, so that bytes equal etcd's own.

/// One entry of the raft log.
public struct RaftEntry: WireMessage {
    public var kind: Kind = .normal
    public var term: UInt64 = 0
    public var index: UInt64 = 0
    /// An encoded ``InternalRaftRequest``, or a `ConfChange`; empty for the entry a new leader begins its term with.
    public var data: [UInt8] = []

    public enum Kind: Int32, Sendable, Hashable {
        case normal = 0
        case confChange, confChangeV2
    }

    public init() {}

    public init(kind: Kind = .normal, term: UInt64, index: UInt64, data: [UInt8]) {
        (self.kind, self.term, self.index, self.data) = (kind, term, index, data)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.kind = try reader.enumeration()
        case 2: self.term = try reader.uint64()
        case 3: self.index = try reader.uint64()
        case 4: self.data = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.kind, always: true)
        writer.uint64(2, self.term, always: true)
        writer.uint64(3, self.index, always: true)
        writer.bytes(4, self.data)
    }
}

/// What a raft member must not forget: its term, whom it voted for in it, and how far the log is committed.
public struct HardState: WireMessage {
    public var term: UInt64 = 0
    public var vote: UInt64 = 0
    public var commit: UInt64 = 0

    public init() {}

    public init(term: UInt64, vote: UInt64, commit: UInt64) {
        (self.term, self.vote, self.commit) = (term, vote, commit)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.term = try reader.uint64()
        case 2: self.vote = try reader.uint64()
        case 3: self.commit = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.term, always: true)
        writer.uint64(2, self.vote, always: true)
        writer.uint64(3, self.commit, always: true)
    }
}

/// Who votes and who learns.
public struct ConfState: WireMessage {
    public var voters: [UInt64] = []
    public var learners: [UInt64] = []
    public var votersOutgoing: [UInt64] = []
    public var learnersNext: [UInt64] = []
    public var autoLeave = false

    public init() {}

    public init(voters: [UInt64], learners: [UInt64] = []) {
        (self.voters, self.learners) = (voters, learners)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.uint64s(into: &self.voters)
        case 2: try reader.uint64s(into: &self.learners)
        case 3: try reader.uint64s(into: &self.votersOutgoing)
        case 4: try reader.uint64s(into: &self.learnersNext)
        case 5: self.autoLeave = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64s(1, self.voters)
        writer.uint64s(2, self.learners)
        writer.uint64s(3, self.votersOutgoing)
        writer.uint64s(4, self.learnersNext)
        writer.bool(5, self.autoLeave, always: true)
    }
}

/// Where in the log a snapshot stands.
public struct RaftSnapshotMetadata: WireMessage {
    public var confState = ConfState()
    public var index: UInt64 = 0
    public var term: UInt64 = 0

    public init() {}

    public init(confState: ConfState, index: UInt64, term: UInt64) {
        (self.confState, self.index, self.term) = (confState, index, term)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.confState)
        case 2: self.index = try reader.uint64()
        case 3: self.term = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.message(1, self.confState)
        writer.uint64(2, self.index, always: true)
        writer.uint64(3, self.term, always: true)
    }
}

/// The state a log's entries up to its index came to (`raftpb.Snapshot`).
public struct RaftSnapshot: WireMessage {
    public var data: [UInt8] = []
    public var metadata = RaftSnapshotMetadata()

    public init() {}

    public init(data: [UInt8], metadata: RaftSnapshotMetadata) {
        (self.data, self.metadata) = (data, metadata)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.data = try reader.bytes()
        case 2: try reader.merge(into: &self.metadata)
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.data)
        writer.message(2, self.metadata)
    }
}
