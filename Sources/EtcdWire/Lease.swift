/// Makes a lease.
public struct LeaseGrantRequest: WireMessage {
    /// Seconds.
    public var ttl: Int64 = 0
    /// 0 to be given one.
    public var id: Int64 = 0

    public init() {}

    public init(ttl: Int64 = 0, id: Int64 = 0) {
        self.ttl = ttl
        self.id = id
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.ttl = try reader.int64()
        case 2: self.id = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.ttl)
        writer.int64(2, self.id)
    }
}

/// Answers a grant.
public struct LeaseGrantResponse: WireMessage {
    public var header = ResponseHeader()
    public var id: Int64 = 0
    /// Seconds, as granted.
    public var ttl: Int64 = 0
    public var error: String = ""

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), id: Int64 = 0, ttl: Int64 = 0, error: String = "") {
        self.header = header
        self.id = id
        self.ttl = ttl
        self.error = error
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.id = try reader.int64()
        case 3: self.ttl = try reader.int64()
        case 4: self.error = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.int64(2, self.id)
        writer.int64(3, self.ttl)
        writer.string(4, self.error)
    }
}

/// Ends a lease and deletes its keys.
public struct LeaseRevokeRequest: WireMessage {
    public var id: Int64 = 0

    public init() {}

    public init(id: Int64 = 0) {
        self.id = id
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.id)
    }
}

/// What a lease has left.
public struct LeaseCheckpoint: WireMessage {
    public var id: Int64 = 0
    /// Seconds.
    public var remainingTTL: Int64 = 0

    public init() {}

    public init(id: Int64 = 0, remainingTTL: Int64 = 0) {
        self.id = id
        self.remainingTTL = remainingTTL
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.int64()
        case 2: self.remainingTTL = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.id)
        writer.int64(2, self.remainingTTL)
    }
}

/// Writes down what leases have left, so that a restart does not renew them.
public struct LeaseCheckpointRequest: WireMessage {
    public var checkpoints: [LeaseCheckpoint] = []

    public init() {}

    public init(checkpoints: [LeaseCheckpoint] = []) {
        self.checkpoints = checkpoints
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.checkpoints.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.message(1, self.checkpoints)
    }
}

/// Renews a lease.
public struct LeaseKeepAliveRequest: WireMessage {
    public var id: Int64 = 0

    public init() {}

    public init(id: Int64 = 0) {
        self.id = id
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.id)
    }
}

/// Answers a keep-alive.
public struct LeaseKeepAliveResponse: WireMessage {
    public var header = ResponseHeader()
    public var id: Int64 = 0
    /// Seconds; 0 when the lease is gone.
    public var ttl: Int64 = 0

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), id: Int64 = 0, ttl: Int64 = 0) {
        self.header = header
        self.id = id
        self.ttl = ttl
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.id = try reader.int64()
        case 3: self.ttl = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.int64(2, self.id)
        writer.int64(3, self.ttl)
    }
}

/// Asks what a lease has left.
public struct LeaseTimeToLiveRequest: WireMessage {
    public var id: Int64 = 0
    /// Whether to list its keys.
    public var keys: Bool = false

    public init() {}

    public init(id: Int64 = 0, keys: Bool = false) {
        self.id = id
        self.keys = keys
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.int64()
        case 2: self.keys = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.id)
        writer.bool(2, self.keys)
    }
}

/// What a lease has left.
public struct LeaseTimeToLiveResponse: WireMessage {
    public var header = ResponseHeader()
    public var id: Int64 = 0
    /// Seconds left; -1 when the lease is gone.
    public var ttl: Int64 = 0
    public var grantedTTL: Int64 = 0
    public var keys: [[UInt8]] = []

    public init() {}

    public init(
        header: ResponseHeader = ResponseHeader(), id: Int64 = 0, ttl: Int64 = 0, grantedTTL: Int64 = 0, keys: [[UInt8]] = []
    ) {
        self.header = header
        self.id = id
        self.ttl = ttl
        self.grantedTTL = grantedTTL
        self.keys = keys
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.id = try reader.int64()
        case 3: self.ttl = try reader.int64()
        case 4: self.grantedTTL = try reader.int64()
        case 5: self.keys.append(try reader.bytes())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.int64(2, self.id)
        writer.int64(3, self.ttl)
        writer.int64(4, self.grantedTTL)
        writer.bytes(5, self.keys)
    }
}

/// One lease of a list.
public struct LeaseStatus: WireMessage {
    public var id: Int64 = 0

    public init() {}

    public init(id: Int64 = 0) {
        self.id = id
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.id)
    }
}

/// Every lease.
public struct LeaseLeasesResponse: WireMessage {
    public var header = ResponseHeader()
    public var leases: [LeaseStatus] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), leases: [LeaseStatus] = []) {
        self.header = header
        self.leases = leases
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.leases.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.message(2, self.leases)
    }
}
