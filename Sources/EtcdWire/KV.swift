/// Asks for the keys of `[key, rangeEnd)`.
///
/// An empty `rangeEnd` means the one key, `[0]` every key from `key` on.
public struct RangeRequest: WireMessage {
    public var key: [UInt8] = []
    public var rangeEnd: [UInt8] = []
    /// At most so many keys; 0 for all.
    public var limit: Int64 = 0
    /// The revision to read at; 0 or less for the current one.
    public var revision: Int64 = 0
    public var sortOrder: SortOrder = .none
    public var sortTarget: SortTarget = .key
    /// Whether a member may answer from what it has, without asking the others.
    public var serializable: Bool = false
    public var keysOnly: Bool = false
    public var countOnly: Bool = false
    public var minModRevision: Int64 = 0
    public var maxModRevision: Int64 = 0
    public var minCreateRevision: Int64 = 0
    public var maxCreateRevision: Int64 = 0

    public init() {}

    public init(
        key: [UInt8] = [], rangeEnd: [UInt8] = [], limit: Int64 = 0, revision: Int64 = 0, sortOrder: SortOrder = .none,
        sortTarget: SortTarget = .key, serializable: Bool = false, keysOnly: Bool = false, countOnly: Bool = false,
        minModRevision: Int64 = 0, maxModRevision: Int64 = 0, minCreateRevision: Int64 = 0, maxCreateRevision: Int64 = 0
    ) {
        self.key = key
        self.rangeEnd = rangeEnd
        self.limit = limit
        self.revision = revision
        self.sortOrder = sortOrder
        self.sortTarget = sortTarget
        self.serializable = serializable
        self.keysOnly = keysOnly
        self.countOnly = countOnly
        self.minModRevision = minModRevision
        self.maxModRevision = maxModRevision
        self.minCreateRevision = minCreateRevision
        self.maxCreateRevision = maxCreateRevision
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.key = try reader.bytes()
        case 2: self.rangeEnd = try reader.bytes()
        case 3: self.limit = try reader.int64()
        case 4: self.revision = try reader.int64()
        case 5: self.sortOrder = try reader.enumeration()
        case 6: self.sortTarget = try reader.enumeration()
        case 7: self.serializable = try reader.bool()
        case 8: self.keysOnly = try reader.bool()
        case 9: self.countOnly = try reader.bool()
        case 10: self.minModRevision = try reader.int64()
        case 11: self.maxModRevision = try reader.int64()
        case 12: self.minCreateRevision = try reader.int64()
        case 13: self.maxCreateRevision = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.key)
        writer.bytes(2, self.rangeEnd)
        writer.int64(3, self.limit)
        writer.int64(4, self.revision)
        writer.enumeration(5, self.sortOrder)
        writer.enumeration(6, self.sortTarget)
        writer.bool(7, self.serializable)
        writer.bool(8, self.keysOnly)
        writer.bool(9, self.countOnly)
        writer.int64(10, self.minModRevision)
        writer.int64(11, self.maxModRevision)
        writer.int64(12, self.minCreateRevision)
        writer.int64(13, self.maxCreateRevision)
    }

    /// Ascending or descending; `none` is the order of keys.
    public enum SortOrder: Int32, Sendable, Hashable, CaseIterable {
        case none = 0
        case ascend, descend
    }

    /// What to sort by.
    public enum SortTarget: Int32, Sendable, Hashable, CaseIterable {
        case key = 0
        case version, create, mod, value
    }
}

/// The keys of a range.
public struct RangeResponse: WireMessage {
    public var header = ResponseHeader()
    public var kvs: [KeyValue] = []
    /// Whether the limit left keys out.
    public var more: Bool = false
    /// Keys in the range, whatever the limit and filters.
    public var count: Int64 = 0

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), kvs: [KeyValue] = [], more: Bool = false, count: Int64 = 0) {
        self.header = header
        self.kvs = kvs
        self.more = more
        self.count = count
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.kvs.append(try reader.message())
        case 3: self.more = try reader.bool()
        case 4: self.count = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.message(2, self.kvs)
        writer.bool(3, self.more)
        writer.int64(4, self.count)
    }
}

/// Sets a key.
public struct PutRequest: WireMessage {
    public var key: [UInt8] = []
    public var value: [UInt8] = []
    /// The lease to hang the key on; 0 for none.
    public var lease: Int64 = 0
    /// Whether to return the key as it was.
    public var prevKv: Bool = false
    /// Keep the value the key has.
    public var ignoreValue: Bool = false
    /// Keep the lease the key has.
    public var ignoreLease: Bool = false

    public init() {}

    public init(
        key: [UInt8] = [], value: [UInt8] = [], lease: Int64 = 0, prevKv: Bool = false, ignoreValue: Bool = false,
        ignoreLease: Bool = false
    ) {
        self.key = key
        self.value = value
        self.lease = lease
        self.prevKv = prevKv
        self.ignoreValue = ignoreValue
        self.ignoreLease = ignoreLease
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.key = try reader.bytes()
        case 2: self.value = try reader.bytes()
        case 3: self.lease = try reader.int64()
        case 4: self.prevKv = try reader.bool()
        case 5: self.ignoreValue = try reader.bool()
        case 6: self.ignoreLease = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.key)
        writer.bytes(2, self.value)
        writer.int64(3, self.lease)
        writer.bool(4, self.prevKv)
        writer.bool(5, self.ignoreValue)
        writer.bool(6, self.ignoreLease)
    }
}

/// Answers a put.
public struct PutResponse: WireMessage {
    public var header = ResponseHeader()
    public var prevKv: KeyValue? = nil

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), prevKv: KeyValue? = nil) {
        self.header = header
        self.prevKv = prevKv
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.prevKv = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.message(2, self.prevKv)
    }
}

/// Deletes the keys of `[key, rangeEnd)`; see ``RangeRequest`` for the bounds.
public struct DeleteRangeRequest: WireMessage {
    public var key: [UInt8] = []
    public var rangeEnd: [UInt8] = []
    /// Whether to return the keys as they were.
    public var prevKv: Bool = false

    public init() {}

    public init(key: [UInt8] = [], rangeEnd: [UInt8] = [], prevKv: Bool = false) {
        self.key = key
        self.rangeEnd = rangeEnd
        self.prevKv = prevKv
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.key = try reader.bytes()
        case 2: self.rangeEnd = try reader.bytes()
        case 3: self.prevKv = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.key)
        writer.bytes(2, self.rangeEnd)
        writer.bool(3, self.prevKv)
    }
}

/// Answers a deletion.
public struct DeleteRangeResponse: WireMessage {
    public var header = ResponseHeader()
    public var deleted: Int64 = 0
    public var prevKvs: [KeyValue] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), deleted: Int64 = 0, prevKvs: [KeyValue] = []) {
        self.header = header
        self.deleted = deleted
        self.prevKvs = prevKvs
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.deleted = try reader.int64()
        case 3: self.prevKvs.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.int64(2, self.deleted)
        writer.message(3, self.prevKvs)
    }
}

/// Forgets what was overwritten or deleted at or before a revision.
public struct CompactionRequest: WireMessage {
    public var revision: Int64 = 0
    /// Whether to wait until the space is given back.
    public var physical: Bool = false

    public init() {}

    public init(revision: Int64 = 0, physical: Bool = false) {
        self.revision = revision
        self.physical = physical
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.revision = try reader.int64()
        case 2: self.physical = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.revision)
        writer.bool(2, self.physical)
    }
}
