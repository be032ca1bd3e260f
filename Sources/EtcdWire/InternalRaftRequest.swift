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

    /// What is to be done: every request that etcd 3.4, 3.5 and 3.6 write. Where bytes hold several, the last counts.
    public enum Operation: Sendable, Hashable {
        /// A request of the older store, wrapped; releases up to 3.5 also write it bare, see ``EntryContent``.
        indirect case v2(V2Request)
        case range(RangeRequest)
        case put(PutRequest)
        case deleteRange(DeleteRangeRequest)
        case txn(TxnRequest)
        case compaction(CompactionRequest)
        case leaseGrant(LeaseGrantRequest)
        case leaseRevoke(LeaseRevokeRequest)
        case alarm(AlarmRequest)
        case leaseCheckpoint(LeaseCheckpointRequest)
        case authEnable(AuthEnableRequest)
        case authDisable(AuthDisableRequest)
        case authenticate(InternalAuthenticateRequest)
        case authStatus(AuthStatusRequest)
        case authUserAdd(AuthUserAddRequest)
        case authUserDelete(AuthUserDeleteRequest)
        case authUserGet(AuthUserGetRequest)
        case authUserChangePassword(AuthUserChangePasswordRequest)
        case authUserGrantRole(AuthUserGrantRoleRequest)
        case authUserRevokeRole(AuthUserRevokeRoleRequest)
        case authUserList(AuthUserListRequest)
        case authRoleList(AuthRoleListRequest)
        case authRoleAdd(AuthRoleAddRequest)
        case authRoleDelete(AuthRoleDeleteRequest)
        case authRoleGet(AuthRoleGetRequest)
        case authRoleGrantPermission(AuthRoleGrantPermissionRequest)
        case authRoleRevokePermission(AuthRoleRevokePermissionRequest)
        case clusterVersionSet(ClusterVersionSetRequest)
        case clusterMemberAttrSet(ClusterMemberAttrSetRequest)
        case downgradeInfoSet(DowngradeInfoSetRequest)
        case downgradeVersionTest(DowngradeVersionTestRequest)
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
        case 2: self.operation = .v2(try reader.message())
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
        case 1000: self.operation = .authEnable(try reader.message())
        case 1011: self.operation = .authDisable(try reader.message())
        case 1012: self.operation = .authenticate(try reader.message())
        case 1013: self.operation = .authStatus(try reader.message())
        case 1100: self.operation = .authUserAdd(try reader.message())
        case 1101: self.operation = .authUserDelete(try reader.message())
        case 1102: self.operation = .authUserGet(try reader.message())
        case 1103: self.operation = .authUserChangePassword(try reader.message())
        case 1104: self.operation = .authUserGrantRole(try reader.message())
        case 1105: self.operation = .authUserRevokeRole(try reader.message())
        case 1106: self.operation = .authUserList(try reader.message())
        case 1107: self.operation = .authRoleList(try reader.message())
        case 1200: self.operation = .authRoleAdd(try reader.message())
        case 1201: self.operation = .authRoleDelete(try reader.message())
        case 1202: self.operation = .authRoleGet(try reader.message())
        case 1203: self.operation = .authRoleGrantPermission(try reader.message())
        case 1204: self.operation = .authRoleRevokePermission(try reader.message())
        case 1300: self.operation = .clusterVersionSet(try reader.message())
        case 1301: self.operation = .clusterMemberAttrSet(try reader.message())
        case 1302: self.operation = .downgradeInfoSet(try reader.message())
        case 9900: self.operation = .downgradeVersionTest(try reader.message())
        default: self.unknown += try reader.skipped()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.id)
        self.encodeStoreOperation(into: &writer)
        writer.message(100, self.header)
        self.encodeClusterOperation(into: &writer)
        writer.raw(self.unknown)
    }

    /// Operations whose field comes before the header's.
    private func encodeStoreOperation(into writer: inout ProtoWriter) {
        switch self.operation {
        case .v2(let request): writer.message(2, request)
        case .range(let request): writer.message(3, request)
        case .put(let request): writer.message(4, request)
        case .deleteRange(let request): writer.message(5, request)
        case .txn(let request): writer.message(6, request)
        case .compaction(let request): writer.message(7, request)
        case .leaseGrant(let request): writer.message(8, request)
        case .leaseRevoke(let request): writer.message(9, request)
        case .alarm(let request): writer.message(10, request)
        case .leaseCheckpoint(let request): writer.message(11, request)
        default: break
        }
    }

    /// Operations whose field comes after the header's.
    private func encodeClusterOperation(into writer: inout ProtoWriter) {
        switch self.operation {
        case .authEnable(let request): writer.message(1000, request)
        case .authDisable(let request): writer.message(1011, request)
        case .authenticate(let request): writer.message(1012, request)
        case .authStatus(let request): writer.message(1013, request)
        case .authUserAdd(let request): writer.message(1100, request)
        case .authUserDelete(let request): writer.message(1101, request)
        case .authUserGet(let request): writer.message(1102, request)
        case .authUserChangePassword(let request): writer.message(1103, request)
        case .authUserGrantRole(let request): writer.message(1104, request)
        case .authUserRevokeRole(let request): writer.message(1105, request)
        case .authUserList(let request): writer.message(1106, request)
        case .authRoleList(let request): writer.message(1107, request)
        case .authRoleAdd(let request): writer.message(1200, request)
        case .authRoleDelete(let request): writer.message(1201, request)
        case .authRoleGet(let request): writer.message(1202, request)
        case .authRoleGrantPermission(let request): writer.message(1203, request)
        case .authRoleRevokePermission(let request): writer.message(1204, request)
        case .clusterVersionSet(let request): writer.message(1300, request)
        case .clusterMemberAttrSet(let request): writer.message(1301, request)
        case .downgradeInfoSet(let request): writer.message(1302, request)
        case .downgradeVersionTest(let request): writer.message(9900, request)
        case nil, .v2, .range, .put, .deleteRange, .txn, .compaction, .leaseGrant, .leaseRevoke, .alarm, .leaseCheckpoint: break
        }
    }
}
