/// Asks for a token.
public struct AuthenticateRequest: WireMessage {
    public var name: String = ""
    public var password: String = ""

    public init() {}

    public init(name: String = "", password: String = "") {
        self.name = name
        self.password = password
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        case 2: self.password = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.name)
        writer.string(2, self.password)
    }
}

/// Makes a user.
public struct AuthUserAddRequest: WireMessage {
    public var name: String = ""
    /// Empty in log entries since etcd 3.5: see ``hashedPassword``.
    public var password: String = ""
    public var options: UserAddOptions?
    /// Base 64 of the password's bcrypt hash.
    public var hashedPassword: String = ""

    public init() {}

    public init(name: String = "", password: String = "", options: UserAddOptions? = nil, hashedPassword: String = "") {
        self.name = name
        self.password = password
        self.options = options
        self.hashedPassword = hashedPassword
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        case 2: self.password = try reader.string()
        case 3: self.options = try reader.message()
        case 4: self.hashedPassword = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.name)
        writer.string(2, self.password)
        writer.message(3, self.options)
        writer.string(4, self.hashedPassword)
    }
}

/// Changes a user's password.
public struct AuthUserChangePasswordRequest: WireMessage {
    public var name: String = ""
    /// Empty in log entries since etcd 3.5: see ``hashedPassword``.
    public var password: String = ""
    /// Base 64 of the password's bcrypt hash.
    public var hashedPassword: String = ""

    public init() {}

    public init(name: String = "", password: String = "", hashedPassword: String = "") {
        self.name = name
        self.password = password
        self.hashedPassword = hashedPassword
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        case 2: self.password = try reader.string()
        case 3: self.hashedPassword = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.name)
        writer.string(2, self.password)
        writer.string(3, self.hashedPassword)
    }
}

/// Gives a user a role.
public struct AuthUserGrantRoleRequest: WireMessage {
    public var user: String = ""
    public var role: String = ""

    public init() {}

    public init(user: String = "", role: String = "") {
        self.user = user
        self.role = role
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.user = try reader.string()
        case 2: self.role = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.user)
        writer.string(2, self.role)
    }
}

/// Takes a role from a user.
public struct AuthUserRevokeRoleRequest: WireMessage {
    public var name: String = ""
    public var role: String = ""

    public init() {}

    public init(name: String = "", role: String = "") {
        self.name = name
        self.role = role
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        case 2: self.role = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.name)
        writer.string(2, self.role)
    }
}

/// Gives a role a permission.
public struct AuthRoleGrantPermissionRequest: WireMessage {
    /// The role.
    public var name: String = ""
    public var perm: Permission?

    public init() {}

    public init(name: String = "", perm: Permission? = nil) {
        self.name = name
        self.perm = perm
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        case 2: self.perm = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.name)
        writer.message(2, self.perm)
    }
}

/// Takes a permission from a role.
public struct AuthRoleRevokePermissionRequest: WireMessage {
    public var role: String = ""
    public var key: [UInt8] = []
    public var rangeEnd: [UInt8] = []

    public init() {}

    public init(role: String = "", key: [UInt8] = [], rangeEnd: [UInt8] = []) {
        self.role = role
        self.key = key
        self.rangeEnd = rangeEnd
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.role = try reader.string()
        case 2: self.key = try reader.bytes()
        case 3: self.rangeEnd = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.string(1, self.role)
        writer.bytes(2, self.key)
        writer.bytes(3, self.rangeEnd)
    }
}

/// Whether requests need a user.
public struct AuthStatusResponse: WireMessage {
    public var header = ResponseHeader()
    public var enabled: Bool = false
    /// Counts the changes of users and roles.
    public var authRevision: UInt64 = 0

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), enabled: Bool = false, authRevision: UInt64 = 0) {
        self.header = header
        self.enabled = enabled
        self.authRevision = authRevision
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.enabled = try reader.bool()
        case 3: self.authRevision = try reader.uint64()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.bool(2, self.enabled)
        writer.uint64(3, self.authRevision)
    }
}

/// A token to send with requests.
public struct AuthenticateResponse: WireMessage {
    public var header = ResponseHeader()
    public var token: String = ""

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), token: String = "") {
        self.header = header
        self.token = token
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.token = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.string(2, self.token)
    }
}

/// The roles of a user.
public struct AuthUserGetResponse: WireMessage {
    public var header = ResponseHeader()
    public var roles: [String] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), roles: [String] = []) {
        self.header = header
        self.roles = roles
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.roles.append(try reader.string())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.string(2, self.roles)
    }
}

/// Every user.
public struct AuthUserListResponse: WireMessage {
    public var header = ResponseHeader()
    public var users: [String] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), users: [String] = []) {
        self.header = header
        self.users = users
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.users.append(try reader.string())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.string(2, self.users)
    }
}

/// The permissions of a role.
public struct AuthRoleGetResponse: WireMessage {
    public var header = ResponseHeader()
    public var perm: [Permission] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), perm: [Permission] = []) {
        self.header = header
        self.perm = perm
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.perm.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.message(2, self.perm)
    }
}

/// Every role.
public struct AuthRoleListResponse: WireMessage {
    public var header = ResponseHeader()
    public var roles: [String] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), roles: [String] = []) {
        self.header = header
        self.roles = roles
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.roles.append(try reader.string())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.string(2, self.roles)
    }
}
