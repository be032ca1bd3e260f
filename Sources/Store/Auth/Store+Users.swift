internal import EtcdWire

extension Store {
    mutating func addUser(_ request: AuthUserAddRequest) throws(StoreError) {
        guard !request.name.isEmpty else { throw .userEmpty }
        guard self.auth.user(request.name) == nil else { throw .userExists }
        let options = request.options ?? UserAddOptions()
        let password = options.noPassword ? [] : try Self.password(request.hashedPassword)
        try self.set(User(name: Array(request.name.utf8), password: password, options: options))
        try self.countAuthChange()
    }

    mutating func deleteUser(_ request: AuthUserDeleteRequest) throws(StoreError) {
        guard !self.auth.isEnabled || request.name != AuthState.root else { throw .invalidAuthManagement }
        guard let user = self.auth.user(request.name) else { throw .userNotFound }
        try self.backend.remove(user.name, in: .authUsers)
        self.auth.users.remove(Key(user.name))
        try self.countAuthChange()
    }

    mutating func changePassword(_ request: AuthUserChangePasswordRequest) throws(StoreError) {
        guard var user = self.auth.user(request.name) else { throw .userNotFound }
        user.password = user.options?.noPassword == true ? [] : try Self.password(request.hashedPassword)
        try self.set(user)
        try self.countAuthChange()
    }

    mutating func grantRole(_ request: AuthUserGrantRoleRequest) throws(StoreError) {
        guard var user = self.auth.user(request.user) else { throw .userNotFound }
        guard request.role == AuthState.root || self.auth.role(request.role) != nil else { throw .roleNotFound }
        guard !user.roles.contains(request.role) else { return }
        user.roles.append(request.role)
        user.roles.sort { Key(Array($0.utf8)) < Key(Array($1.utf8)) }
        try self.set(user)
        try self.countAuthChange()
    }

    mutating func revokeRole(_ request: AuthUserRevokeRoleRequest) throws(StoreError) {
        let isRoot = request.name == AuthState.root && request.role == AuthState.root
        guard !self.auth.isEnabled || !isRoot else { throw .invalidAuthManagement }
        guard var user = self.auth.user(request.name) else { throw .userNotFound }
        guard user.roles.contains(request.role) else { throw .roleNotGranted }
        user.roles.removeAll { $0 == request.role }
        try self.set(user)
        try self.countAuthChange()
    }

    mutating func set(_ user: User) throws(StoreError) {
        try self.backend.put(user.name, user.encoded(), in: .authUsers)
        self.auth.users.set(Key(user.name), user)
    }

    /// The bcrypt hash that is stored: entries since etcd 3.5 carry it. Older ones carry the password itself, which each
    /// member then hashed with a salt of its own; no replay can come to those bytes again, nor is a salt to be drawn here. So
    /// such a user gets no hash: it keeps its roles, and cannot log in by password until it is given a new one.
    private static func password(_ hashed: String) throws(StoreError) -> [UInt8] {
        guard let bytes = base64(hashed) else { throw .noPasswordUser }
        return bytes
    }
}

/// Decodes base 64 with its padding (RFC 4648); nil for anything else.
private func base64(_ text: String) -> [UInt8]? {
    let digits = text.utf8.filter { $0 != 0x0A && $0 != 0x0D }
    guard digits.count % 4 == 0 else { return nil }
    var bytes: [UInt8] = []
    var (bits, held, padding) = (UInt32(0), 0, 0)
    for digit in digits {
        let value: UInt8
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        case UInt8(ascii: "="):
            padding += 1
            continue
        default: return nil
        }
        guard padding == 0 else { return nil }
        bits = bits << 6 | UInt32(value)
        held += 6
        if held >= 8 {
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
    }
    return padding <= 2 ? bytes : nil
}
