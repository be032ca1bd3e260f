public import EtcdWire

/// The answer to a request about users and roles.
public enum AuthResponse: Sendable, Hashable {
    /// What was asked for was done.
    case done(HeaderResponse)
    case status(AuthStatusResponse)
    case authenticate(AuthenticateResponse)
    case userGet(AuthUserGetResponse)
    case userList(AuthUserListResponse)
    case roleGet(AuthRoleGetResponse)
    case roleList(AuthRoleListResponse)
}

extension Store {
    public var isAuthEnabled: Bool { self.auth.isEnabled }
    /// Counts the changes of users and roles, from 1.
    public var authRevision: UInt64 { self.auth.revision }

    /// Every user, by name.
    public var users: [User] {
        var users: [User] = []
        self.auth.users.forEach { _, user in
            users.append(user)
            return true
        }
        return users
    }

    /// Every role, by name.
    public var roles: [Role] {
        var roles: [Role] = []
        self.auth.roles.forEach { _, role in
            roles.append(role)
            return true
        }
        return roles
    }

    mutating func loadAuth() throws(StoreError) {
        var auth = AuthState()
        auth.isEnabled = try self.backend.value(AuthKey.enabled, in: .auth) == [1]
        auth.revision = try self.number(AuthKey.revision, in: .auth) ?? 0
        try self.backend.forEach(in: .authUsers, from: [], to: nil) { (key, value) throws(StoreError) in
            let name = [UInt8](bytesOf: key)
            guard let user = try? User(decoding: [UInt8](bytesOf: value)) else {
                throw .damaged(.authUsers, name, "is no user")
            }
            auth.users.set(Key(name), user)
            return true
        }
        try self.backend.forEach(in: .authRoles, from: [], to: nil) { (key, value) throws(StoreError) in
            let name = [UInt8](bytesOf: key)
            guard let role = try? Role(decoding: [UInt8](bytesOf: value)) else {
                throw .damaged(.authRoles, name, "is no role")
            }
            auth.roles.set(Key(name), role)
            return true
        }
        self.auth = auth
        if auth.revision == 0 { try self.countAuthChange() }
    }

    mutating func applyToAuth(_ operation: InternalRaftRequest.Operation) throws(StoreError) -> AuthResponse {
        switch operation {
        case .authEnable: try self.enableAuth()
        case .authDisable: try self.disableAuth()
        case .authUserAdd(let request): try self.addUser(request)
        case .authUserDelete(let request): try self.deleteUser(request)
        case .authUserChangePassword(let request): try self.changePassword(request)
        case .authUserGrantRole(let request): try self.grantRole(request)
        case .authUserRevokeRole(let request): try self.revokeRole(request)
        case .authRoleAdd(let request): try self.addRole(request)
        case .authRoleDelete(let request): try self.deleteRole(request)
        case .authRoleGrantPermission(let request): try self.grantPermission(request)
        case .authRoleRevokePermission(let request): try self.revokePermission(request)
        default: return try self.readAuth(operation)
        }
        return .done(HeaderResponse(header: self.header))
    }

    /// What changes nothing. A token is of the member that gives it, and no part of the store.
    private func readAuth(_ operation: InternalRaftRequest.Operation) throws(StoreError) -> AuthResponse {
        switch operation {
        case .authStatus:
            return .status(
                AuthStatusResponse(header: self.header, enabled: self.auth.isEnabled, authRevision: self.auth.revision))
        case .authenticate(let request):
            guard self.auth.isEnabled else { throw .authNotEnabled }
            guard let user = self.auth.user(request.name) else { throw .authFailed }
            guard user.options?.noPassword != true else { throw .noPasswordUser }
            let token = "\(request.simpleToken).\(self.appliedIndex)"
            return .authenticate(AuthenticateResponse(header: self.header, token: token))
        case .authUserGet(let request):
            guard let user = self.auth.user(request.name) else { throw .userNotFound }
            return .userGet(AuthUserGetResponse(header: self.header, roles: user.roles))
        case .authUserList:
            let names = self.users.map { String(decoding: $0.name, as: UTF8.self) }
            return .userList(AuthUserListResponse(header: self.header, users: names))
        case .authRoleGet(let request):
            guard let role = self.auth.role(request.role) else { throw .roleNotFound }
            return .roleGet(AuthRoleGetResponse(header: self.header, perm: role.keyPermission))
        case .authRoleList:
            let names = self.roles.map { String(decoding: $0.name, as: UTF8.self) }
            return .roleList(AuthRoleListResponse(header: self.header, roles: names))
        default: throw .unknownRequest
        }
    }

    private mutating func enableAuth() throws(StoreError) {
        guard !self.auth.isEnabled else { return }
        guard let root = self.auth.user(AuthState.root) else { throw .rootUserNotExist }
        guard root.isRoot else { throw .rootRoleNotExist }
        try self.backend.put(AuthKey.enabled, [1], in: .auth)
        self.auth.isEnabled = true
    }

    private mutating func disableAuth() throws(StoreError) {
        guard self.auth.isEnabled else { return }
        try self.backend.put(AuthKey.enabled, [0], in: .auth)
        try self.countAuthChange()
        self.auth.isEnabled = false
    }

    mutating func countAuthChange() throws(StoreError) {
        self.auth.revision &+= 1
        try self.backend.put(AuthKey.revision, bigEndian(self.auth.revision), in: .auth)
    }
}

/// The keys of the bucket `auth`.
private enum AuthKey {
    static let enabled = Array("authEnabled".utf8)
    static let revision = Array("authRevision".utf8)
}
