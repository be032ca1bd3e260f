/// The hash of a member's whole database.
public struct HashResponse: WireMessage {
    public var header = ResponseHeader()
    public var hash: UInt32 = 0

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), hash: UInt32 = 0) {
        self.header = header
        self.hash = hash
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.hash = try reader.uint32()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.uint32(2, self.hash)
    }
}

/// Asks for the hash of the keys up to a revision.
public struct HashKVRequest: WireMessage {
    /// 0 for the current one.
    public var revision: Int64 = 0

    public init() {}

    public init(revision: Int64 = 0) {
        self.revision = revision
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.revision = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.revision)
    }
}

/// CRC-32C of the keys up to a revision.
public struct HashKVResponse: WireMessage {
    public var header = ResponseHeader()
    public var hash: UInt32 = 0
    public var compactRevision: Int64 = 0
    public var hashRevision: Int64 = 0

    public init() {}

    public init(
        header: ResponseHeader = ResponseHeader(), hash: UInt32 = 0, compactRevision: Int64 = 0, hashRevision: Int64 = 0
    ) {
        self.header = header
        self.hash = hash
        self.compactRevision = compactRevision
        self.hashRevision = hashRevision
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.hash = try reader.uint32()
        case 3: self.compactRevision = try reader.int64()
        case 4: self.hashRevision = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.uint32(2, self.hash)
        writer.int64(3, self.compactRevision)
        writer.int64(4, self.hashRevision)
    }
}

/// A piece of a member's database; the last 32 bytes of the whole are its SHA-256.
public struct SnapshotResponse: WireMessage {
    public var header = ResponseHeader()
    public var remainingBytes: UInt64 = 0
    public var blob: [UInt8] = []
    public var version: String = ""

    public init() {}

    public init(
        header: ResponseHeader = ResponseHeader(), remainingBytes: UInt64 = 0, blob: [UInt8] = [], version: String = ""
    ) {
        self.header = header
        self.remainingBytes = remainingBytes
        self.blob = blob
        self.version = version
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.remainingBytes = try reader.uint64()
        case 3: self.blob = try reader.bytes()
        case 4: self.version = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.uint64(2, self.remainingBytes)
        writer.bytes(3, self.blob)
        writer.string(4, self.version)
    }
}

/// Hands leadership to a member.
public struct MoveLeaderRequest: WireMessage {
    public var targetID: UInt64 = 0

    public init() {}

    public init(targetID: UInt64 = 0) {
        self.targetID = targetID
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.targetID = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.targetID)
    }
}
