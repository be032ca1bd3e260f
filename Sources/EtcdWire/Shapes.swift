// Messages that differ in their names alone share one shape, and are aliases of it.

/// A message without fields.
public struct EmptyMessage: WireMessage {
    public init() {}

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) { try reader.skip() }

    public func encode(into writer: inout ProtoWriter) {}
}

public typealias StatusRequest = EmptyMessage
public typealias DefragmentRequest = EmptyMessage
public typealias HashRequest = EmptyMessage
public typealias SnapshotRequest = EmptyMessage
public typealias WatchProgressRequest = EmptyMessage
public typealias LeaseLeasesRequest = EmptyMessage
public typealias AuthEnableRequest = EmptyMessage
public typealias AuthDisableRequest = EmptyMessage
public typealias AuthStatusRequest = EmptyMessage
public typealias AuthUserListRequest = EmptyMessage
public typealias AuthRoleListRequest = EmptyMessage

/// A response that says no more than that it was done.
public struct HeaderResponse: WireMessage {
    public var header = ResponseHeader()

    public init() {}

    public init(header: ResponseHeader) { self.header = header }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.header(self.header) }
}

public typealias CompactionResponse = HeaderResponse
public typealias LeaseRevokeResponse = HeaderResponse
public typealias LeaseCheckpointResponse = HeaderResponse
public typealias DefragmentResponse = HeaderResponse
public typealias MoveLeaderResponse = HeaderResponse
public typealias AuthEnableResponse = HeaderResponse
public typealias AuthDisableResponse = HeaderResponse
public typealias AuthUserAddResponse = HeaderResponse
public typealias AuthUserDeleteResponse = HeaderResponse
public typealias AuthUserChangePasswordResponse = HeaderResponse
public typealias AuthUserGrantRoleResponse = HeaderResponse
public typealias AuthUserRevokeRoleResponse = HeaderResponse
public typealias AuthRoleAddResponse = HeaderResponse
public typealias AuthRoleDeleteResponse = HeaderResponse
public typealias AuthRoleGrantPermissionResponse = HeaderResponse
public typealias AuthRoleRevokePermissionResponse = HeaderResponse

/// A response with every member, as they are after the change asked for.
public struct MembersResponse: WireMessage {
    public var header = ResponseHeader()
    public var members: [Member] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), members: [Member] = []) {
        self.header = header
        self.members = members
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.members.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.message(2, self.members)
    }
}

public typealias MemberRemoveResponse = MembersResponse
public typealias MemberUpdateResponse = MembersResponse
public typealias MemberListResponse = MembersResponse
public typealias MemberPromoteResponse = MembersResponse

/// A request about one thing by its name.
public struct NameRequest: WireMessage {
    public var name: String = ""

    public init() {}

    public init(name: String) { self.name = name }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.name = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.string(1, self.name) }
}

public typealias AuthUserGetRequest = NameRequest
public typealias AuthUserDeleteRequest = NameRequest
public typealias AuthRoleAddRequest = NameRequest

/// A request about one role.
public struct RoleRequest: WireMessage {
    public var role: String = ""

    public init() {}

    public init(role: String) { self.role = role }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.role = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) { writer.string(1, self.role) }
}

public typealias AuthRoleGetRequest = RoleRequest
public typealias AuthRoleDeleteRequest = RoleRequest
