/// Comes with every response.
public struct ResponseHeader: WireMessage {
    public var clusterID: UInt64 = 0
    public var memberID: UInt64 = 0
    /// The store's revision when the response was made.
    public var revision: Int64 = 0
    public var raftTerm: UInt64 = 0

    public init() {}

    public init(clusterID: UInt64 = 0, memberID: UInt64 = 0, revision: Int64 = 0, raftTerm: UInt64 = 0) {
        self.clusterID = clusterID
        self.memberID = memberID
        self.revision = revision
        self.raftTerm = raftTerm
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.clusterID = try reader.uint64()
        case 2: self.memberID = try reader.uint64()
        case 3: self.revision = try reader.int64()
        case 4: self.raftTerm = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.clusterID)
        writer.uint64(2, self.memberID)
        writer.int64(3, self.revision)
        writer.uint64(4, self.raftTerm)
    }
}

/// A key and its value (`mvccpb.KeyValue`).
public struct KeyValue: WireMessage {
    public var key: [UInt8] = []
    /// Revision of the put that created the key.
    public var createRevision: Int64 = 0
    /// Revision of the last change.
    public var modRevision: Int64 = 0
    /// Puts since the key was created, that one included; 0 for a deletion.
    public var version: Int64 = 0
    public var value: [UInt8] = []
    /// The lease the key hangs on, or 0.
    public var lease: Int64 = 0

    public init() {}

    public init(
        key: [UInt8] = [], createRevision: Int64 = 0, modRevision: Int64 = 0, version: Int64 = 0, value: [UInt8] = [],
        lease: Int64 = 0
    ) {
        self.key = key
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.version = version
        self.value = value
        self.lease = lease
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.key = try reader.bytes()
        case 2: self.createRevision = try reader.int64()
        case 3: self.modRevision = try reader.int64()
        case 4: self.version = try reader.int64()
        case 5: self.value = try reader.bytes()
        case 6: self.lease = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.key)
        writer.int64(2, self.createRevision)
        writer.int64(3, self.modRevision)
        writer.int64(4, self.version)
        writer.bytes(5, self.value)
        writer.int64(6, self.lease)
    }
}

/// One change of one key (`mvccpb.Event`).
public struct WatchEvent: WireMessage {
    public var type: EventType = .put
    /// The key as the change left it; of a deletion only `key` and `modRevision`.
    public var kv = KeyValue()
    /// The key before the change, when asked for and not compacted.
    public var prevKv: KeyValue? = nil

    public init() {}

    public init(type: EventType = .put, kv: KeyValue = KeyValue(), prevKv: KeyValue? = nil) {
        self.type = type
        self.kv = kv
        self.prevKv = prevKv
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.type = try reader.enumeration()
        case 2: try reader.merge(into: &self.kv)
        case 3: self.prevKv = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.type)
        writer.message(2, self.kv)
        writer.message(3, self.prevKv)
    }

    /// Put or deleted.
    public enum EventType: Int32, Sendable, Hashable, CaseIterable {
        case put = 0
        case delete
    }
}

extension ProtoWriter {
    /// Every response's field 1, left out when empty.
    mutating func header(_ header: ResponseHeader) {
        guard header != ResponseHeader() else { return }
        self.message(1, header)
    }
}
