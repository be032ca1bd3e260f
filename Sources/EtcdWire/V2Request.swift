/// A request of etcd's older, tree-shaped store (`etcdserverpb.Request`).
///
/// Up to 3.5 members publish their names and the cluster's version by it, in log entries that hold nothing else.
/// Every field but two is written even when zero.
public struct V2Request: WireMessage {
    public var id: UInt64 = 0
    /// `PUT`, `DELETE`, `QGET`, `SYNC`, ...
    public var method: String = ""
    public var path: String = ""
    /// `Val`, as etcd names it.
    public var value: String = ""
    public var dir: Bool = false
    public var prevValue: String = ""
    public var prevIndex: UInt64 = 0
    public var prevExist: Bool?
    /// Nanoseconds since 1970; 0 for never.
    public var expiration: Int64 = 0
    public var wait: Bool = false
    public var since: UInt64 = 0
    public var recursive: Bool = false
    public var sorted: Bool = false
    public var quorum: Bool = false
    /// Nanoseconds since 1970.
    public var time: Int64 = 0
    public var stream: Bool = false
    public var refresh: Bool?

    public init() {}

    public init(
        id: UInt64 = 0, method: String = "", path: String = "", value: String = "", dir: Bool = false, prevValue: String = "",
        prevIndex: UInt64 = 0, prevExist: Bool? = nil, expiration: Int64 = 0, wait: Bool = false, since: UInt64 = 0,
        recursive: Bool = false, sorted: Bool = false, quorum: Bool = false, time: Int64 = 0, stream: Bool = false,
        refresh: Bool? = nil
    ) {
        self.id = id
        self.method = method
        self.path = path
        self.value = value
        self.dir = dir
        self.prevValue = prevValue
        self.prevIndex = prevIndex
        self.prevExist = prevExist
        self.expiration = expiration
        self.wait = wait
        self.since = since
        self.recursive = recursive
        self.sorted = sorted
        self.quorum = quorum
        self.time = time
        self.stream = stream
        self.refresh = refresh
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.uint64()
        case 2: self.method = try reader.string()
        case 3: self.path = try reader.string()
        case 4: self.value = try reader.string()
        case 5: self.dir = try reader.bool()
        case 6: self.prevValue = try reader.string()
        case 7: self.prevIndex = try reader.uint64()
        case 8: self.prevExist = try reader.bool()
        case 9: self.expiration = try reader.int64()
        case 10: self.wait = try reader.bool()
        case 11: self.since = try reader.uint64()
        case 12: self.recursive = try reader.bool()
        case 13: self.sorted = try reader.bool()
        case 14: self.quorum = try reader.bool()
        case 15: self.time = try reader.int64()
        case 16: self.stream = try reader.bool()
        case 17: self.refresh = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id, always: true)
        writer.string(2, self.method, always: true)
        writer.string(3, self.path, always: true)
        writer.string(4, self.value, always: true)
        writer.bool(5, self.dir, always: true)
        writer.string(6, self.prevValue, always: true)
        writer.uint64(7, self.prevIndex, always: true)
        if let prevExist { writer.bool(8, prevExist, always: true) }
        writer.int64(9, self.expiration, always: true)
        writer.bool(10, self.wait, always: true)
        writer.uint64(11, self.since, always: true)
        writer.bool(12, self.recursive, always: true)
        writer.bool(13, self.sorted, always: true)
        writer.bool(14, self.quorum, always: true)
        writer.int64(15, self.time, always: true)
        writer.bool(16, self.stream, always: true)
        if let refresh { writer.bool(17, refresh, always: true) }
    }
}
