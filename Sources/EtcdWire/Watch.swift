/// Opens a watch on `[key, rangeEnd)`; see ``RangeRequest`` for the bounds.
public struct WatchCreateRequest: WireMessage {
    public var key: [UInt8] = []
    public var rangeEnd: [UInt8] = []
    /// The first revision to tell of; 0 for what comes next.
    public var startRevision: Int64 = 0
    /// Whether to send an empty response now and then when nothing changes.
    public var progressNotify: Bool = false
    public var filters: [FilterType] = []
    /// Whether events carry the key as it was.
    public var prevKv: Bool = false
    /// The id to use on this stream; 0 to be given one.
    public var watchID: Int64 = 0
    /// Whether one revision's events may be split over responses.
    public var fragment: Bool = false

    public init() {}

    public init(
        key: [UInt8] = [], rangeEnd: [UInt8] = [], startRevision: Int64 = 0, progressNotify: Bool = false,
        filters: [FilterType] = [], prevKv: Bool = false, watchID: Int64 = 0, fragment: Bool = false
    ) {
        self.key = key
        self.rangeEnd = rangeEnd
        self.startRevision = startRevision
        self.progressNotify = progressNotify
        self.filters = filters
        self.prevKv = prevKv
        self.watchID = watchID
        self.fragment = fragment
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.key = try reader.bytes()
        case 2: self.rangeEnd = try reader.bytes()
        case 3: self.startRevision = try reader.int64()
        case 4: self.progressNotify = try reader.bool()
        case 5: try reader.enumerations(into: &self.filters)
        case 6: self.prevKv = try reader.bool()
        case 7: self.watchID = try reader.int64()
        case 8: self.fragment = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.key)
        writer.bytes(2, self.rangeEnd)
        writer.int64(3, self.startRevision)
        writer.bool(4, self.progressNotify)
        writer.enumerations(5, self.filters)
        writer.bool(6, self.prevKv)
        writer.int64(7, self.watchID)
        writer.bool(8, self.fragment)
    }

    /// What to leave out.
    public enum FilterType: Int32, Sendable, Hashable, CaseIterable {
        case noPut = 0
        case noDelete
    }
}

/// Ends a watch.
public struct WatchCancelRequest: WireMessage {
    public var watchID: Int64 = 0

    public init() {}

    public init(watchID: Int64 = 0) {
        self.watchID = watchID
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.watchID = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.watchID)
    }
}

/// What a watch has to tell.
public struct WatchResponse: WireMessage {
    public var header = ResponseHeader()
    /// -1 when the response is about the whole stream.
    public var watchID: Int64 = 0
    public var created: Bool = false
    public var canceled: Bool = false
    /// When canceled because the history asked for is gone: the revision it is gone up to.
    public var compactRevision: Int64 = 0
    public var cancelReason: String = ""
    /// Whether more events of the same revision follow in the next response.
    public var fragment: Bool = false
    public var events: [WatchEvent] = []

    public init() {}

    public init(
        header: ResponseHeader = ResponseHeader(), watchID: Int64 = 0, created: Bool = false, canceled: Bool = false,
        compactRevision: Int64 = 0, cancelReason: String = "", fragment: Bool = false, events: [WatchEvent] = []
    ) {
        self.header = header
        self.watchID = watchID
        self.created = created
        self.canceled = canceled
        self.compactRevision = compactRevision
        self.cancelReason = cancelReason
        self.fragment = fragment
        self.events = events
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.watchID = try reader.int64()
        case 3: self.created = try reader.bool()
        case 4: self.canceled = try reader.bool()
        case 5: self.compactRevision = try reader.int64()
        case 6: self.cancelReason = try reader.string()
        case 7: self.fragment = try reader.bool()
        case 11: self.events.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.int64(2, self.watchID)
        writer.bool(3, self.created)
        writer.bool(4, self.canceled)
        writer.int64(5, self.compactRevision)
        writer.string(6, self.cancelReason)
        writer.bool(7, self.fragment)
        Self.encode(self.events, into: &writer)
    }

    /// The last field of a response: what it tells, by itself.
    public static func encode(_ events: [WatchEvent], into writer: inout ProtoWriter) {
        writer.message(11, events)
    }
}

/// What a client says on a watch stream. A request that says nothing reads as `progress`, which harms nobody.
public enum WatchRequest: WireMessage {
    case create(WatchCreateRequest)
    case cancel(WatchCancelRequest)
    case progress(WatchProgressRequest)

    public init() {
        self = .progress(WatchProgressRequest())
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self = .create(try reader.message())
        case 2: self = .cancel(try reader.message())
        case 3: self = .progress(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        switch self {
        case .create(let request): writer.message(1, request)
        case .cancel(let request): writer.message(2, request)
        case .progress(let request): writer.message(3, request)
        }
    }
}
