// walpb and snappb (proto2): what etcd's write-ahead log and `.snap` files hold.

/// One record of the write-ahead log (`walpb.Record`).
public struct WALRecord: WireMessage {
    /// What ``data`` is: see ``Kind``. Kept as a number, for a record's own number may be damaged.
    public var kind: Int64 = 0
    /// CRC-32C of the data of all records since the first segment, this one's included.
    public var crc: UInt32 = 0
    public var data: [UInt8] = []

    public enum Kind: Int64, Sendable, Hashable {
        case metadata = 1
        case entry, state, crc, snapshot
    }

    public init() {}

    public init(_ kind: Kind, crc: UInt32, data: [UInt8]) {
        (self.kind, self.crc, self.data) = (kind.rawValue, crc, data)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.kind = try reader.int64()
        case 2: self.crc = try reader.uint32()
        case 3: self.data = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.kind, always: true)
        writer.uint32(2, self.crc, always: true)
        writer.bytes(3, self.data)
    }
}

/// A snapshot the log knows of (`walpb.Snapshot`).
public struct WALSnapshot: WireMessage {
    public var index: UInt64 = 0
    public var term: UInt64 = 0
    /// Absent in logs before etcd 3.5, and at index 0.
    public var confState: ConfState?

    public init() {}

    public init(index: UInt64, term: UInt64, confState: ConfState? = nil) {
        (self.index, self.term, self.confState) = (index, term, confState)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.index = try reader.uint64()
        case 2: self.term = try reader.uint64()
        case 3:
            var state = self.confState ?? ConfState()
            try reader.merge(into: &state)
            self.confState = state
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.index, always: true)
        writer.uint64(2, self.term, always: true)
        writer.message(3, self.confState)
    }
}

/// Whose log it is: the data of the first record of every segment (`etcdserverpb.Metadata`).
public struct WALMetadata: WireMessage {
    public var nodeID: UInt64 = 0
    public var clusterID: UInt64 = 0

    public init() {}

    public init(nodeID: UInt64, clusterID: UInt64) {
        (self.nodeID, self.clusterID) = (nodeID, clusterID)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.nodeID = try reader.uint64()
        case 2: self.clusterID = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.nodeID, always: true)
        writer.uint64(2, self.clusterID, always: true)
    }
}

/// The outer form of a `.snap` file (`snappb.snapshot`).
public struct SnapshotFile: WireMessage {
    /// CRC-32C of ``data``.
    public var crc: UInt32 = 0
    /// An encoded ``RaftSnapshot``.
    public var data: [UInt8] = []

    public init() {}

    public init(crc: UInt32, data: [UInt8]) {
        (self.crc, self.data) = (crc, data)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.crc = try reader.uint32()
        case 2: self.data = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint32(1, self.crc, always: true)
        writer.bytes(2, self.data)
    }
}
