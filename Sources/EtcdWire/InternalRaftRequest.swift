/// Who proposed a log entry, and under which id the proposer waits for it.
public struct RequestHeader: WireMessage {
    public var id: UInt64 = 0
    public var username: String = ""
    public var authRevision: UInt64 = 0

    public init() {}

    public init(id: UInt64 = 0, username: String = "", authRevision: UInt64 = 0) {
        self.id = id
        self.username = username
        self.authRevision = authRevision
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        case 2: self.username = try reader.string()
        case 3: self.authRevision = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
        writer.string(2, self.username)
        writer.uint64(3, self.authRevision)
    }
}

/// The data of a normal log entry: one request to be applied by every member alike.
public struct InternalRaftRequest: WireMessage {
    /// etcd's older place of the request's id; today it is in the header.
    public var id: UInt64 = 0
    public var operation: Operation?
    public var header: RequestHeader?
    /// Fields this version does not know, as they came. They are written again after the known ones.
    public var unknown: [UInt8] = []

    /// What is to be done.
    public enum Operation: Sendable, Hashable {
        case range(RangeRequest)
        case put(PutRequest)
        case deleteRange(DeleteRangeRequest)
        case txn(TxnRequest)
        case compaction(CompactionRequest)
        case leaseGrant(LeaseGrantRequest)
        case leaseRevoke(LeaseRevokeRequest)
        case alarm(AlarmRequest)
        case leaseCheckpoint(LeaseCheckpointRequest)
    }

    public init() {}

    public init(id: UInt64 = 0, operation: Operation? = nil, header: RequestHeader? = nil, unknown: [UInt8] = []) {
        self.id = id
        self.operation = operation
        self.header = header
        self.unknown = unknown
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        case 3: self.operation = .range(try reader.message())
        case 4: self.operation = .put(try reader.message())
        case 5: self.operation = .deleteRange(try reader.message())
        case 6: self.operation = .txn(try reader.message())
        case 7: self.operation = .compaction(try reader.message())
        case 8: self.operation = .leaseGrant(try reader.message())
        case 9: self.operation = .leaseRevoke(try reader.message())
        case 10: self.operation = .alarm(try reader.message())
        case 11: self.operation = .leaseCheckpoint(try reader.message())
        case 100: self.header = try reader.message()
        default: self.unknown += try reader.skipped()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
        switch self.operation {
        case .range(let request): writer.message(3, request)
        case .put(let request): writer.message(4, request)
        case .deleteRange(let request): writer.message(5, request)
        case .txn(let request): writer.message(6, request)
        case .compaction(let request): writer.message(7, request)
        case .leaseGrant(let request): writer.message(8, request)
        case .leaseRevoke(let request): writer.message(9, request)
        case .alarm(let request): writer.message(10, request)
        case .leaseCheckpoint(let request): writer.message(11, request)
        case nil: break
        }
        writer.message(100, self.header)
        writer.raw(self.unknown)
    }
}
