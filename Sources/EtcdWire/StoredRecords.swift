// authpb and leasepb: what etcd keeps of users, roles and leases in its backend.

/// A user: the row of the bucket `authUsers`.
public struct User: WireMessage {
    public var name: [UInt8] = []
    /// A bcrypt hash; empty for a user without a password.
    public var password: [UInt8] = []
    public var roles: [String] = []
    public var options: UserAddOptions?

    public init() {}

    public init(name: [UInt8] = [], password: [UInt8] = [], roles: [String] = [], options: UserAddOptions? = nil) {
        self.name = name
        self.password = password
        self.roles = roles
        self.options = options
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.bytes()
        case 2: self.password = try reader.bytes()
        case 3: self.roles.append(try reader.string())
        case 4: self.options = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.name)
        writer.bytes(2, self.password)
        writer.string(3, self.roles)
        writer.message(4, self.options)
    }
}

/// How a user is made.
public struct UserAddOptions: WireMessage {
    /// Whether the user proves who it is by a certificate alone.
    public var noPassword: Bool = false

    public init() {}

    public init(noPassword: Bool = false) { self.noPassword = noPassword }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.noPassword = try reader.bool()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.bool(1, self.noPassword) }
}

/// What may be done with the keys of `[key, rangeEnd)`; see ``RangeRequest`` for the bounds.
public struct Permission: WireMessage {
    public var permType: PermissionType = .read
    public var key: [UInt8] = []
    public var rangeEnd: [UInt8] = []

    public init() {}

    public init(permType: PermissionType = .read, key: [UInt8] = [], rangeEnd: [UInt8] = []) {
        self.permType = permType
        self.key = key
        self.rangeEnd = rangeEnd
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.permType = try reader.enumeration()
        case 2: self.key = try reader.bytes()
        case 3: self.rangeEnd = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.permType)
        writer.bytes(2, self.key)
        writer.bytes(3, self.rangeEnd)
    }

    /// What may be done.
    public enum PermissionType: Int32, Sendable, Hashable, CaseIterable {
        case read = 0
        case write, readWrite
    }
}

/// A role: the row of the bucket `authRoles`.
public struct Role: WireMessage {
    public var name: [UInt8] = []
    /// Sorted by key.
    public var keyPermission: [Permission] = []

    public init() {}

    public init(name: [UInt8] = [], keyPermission: [Permission] = []) {
        self.name = name
        self.keyPermission = keyPermission
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.bytes()
        case 2: self.keyPermission.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bytes(1, self.name)
        writer.message(2, self.keyPermission)
    }
}

/// A lease: the row of the bucket `lease` (`leasepb.Lease`).
public struct LeaseRecord: WireMessage {
    public var id: Int64 = 0
    /// Seconds, as granted.
    public var ttl: Int64 = 0
    /// Seconds left at the last checkpoint; 0 where there was none.
    public var remainingTTL: Int64 = 0

    public init() {}

    public init(id: Int64 = 0, ttl: Int64 = 0, remainingTTL: Int64 = 0) {
        self.id = id
        self.ttl = ttl
        self.remainingTTL = remainingTTL
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.int64()
        case 2: self.ttl = try reader.int64()
        case 3: self.remainingTTL = try reader.int64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.id)
        writer.int64(2, self.ttl)
        writer.int64(3, self.remainingTTL)
    }
}
