/// What a member asks the leader about a lease: the body of `POST /leases/internal`, etcd's `LeaseInternalRequest`.
public struct LeaseInternalRequest: WireMessage {
    public var timeToLive: LeaseTimeToLiveRequest?

    public init() {}

    public init(_ timeToLive: LeaseTimeToLiveRequest) { self.timeToLive = timeToLive }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.timeToLive = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.message(1, self.timeToLive) }
}

/// The answer to a ``LeaseInternalRequest``.
public struct LeaseInternalResponse: WireMessage {
    public var timeToLive: LeaseTimeToLiveResponse?

    public init() {}

    public init(_ timeToLive: LeaseTimeToLiveResponse) { self.timeToLive = timeToLive }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.timeToLive = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.message(1, self.timeToLive) }
}
