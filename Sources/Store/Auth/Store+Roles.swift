internal import EtcdWire

extension Store {
    mutating func addRole(_ request: AuthRoleAddRequest) throws(StoreError) {
        guard !request.name.isEmpty else { throw .roleEmpty }
        guard self.auth.role(request.name) == nil else { throw .roleExists }
        try self.set(Role(name: Array(request.name.utf8)))
        try self.countAuthChange()
    }

    /// Deletes a role, and takes it from all users.
    mutating func deleteRole(_ request: AuthRoleDeleteRequest) throws(StoreError) {
        guard !self.auth.isEnabled || request.role != AuthState.root else { throw .invalidAuthManagement }
        guard let role = self.auth.role(request.role) else { throw .roleNotFound }
        try self.backend.remove(role.name, in: .authRoles)
        self.auth.roles.remove(Key(role.name))
        for var user in self.users where user.roles.contains(request.role) {
            user.roles.removeAll { $0 == request.role }
            try self.set(user)
        }
        try self.countAuthChange()
    }

    /// Gives a role a permission, or changes what one of the same bounds permits.
    mutating func grantPermission(_ request: AuthRoleGrantPermissionRequest) throws(StoreError) {
        guard let granted = request.perm else { throw .permissionNotGiven }
        guard var role = self.auth.role(request.name) else { throw .roleNotFound }
        // etcd compares with the first permission of the same key alone.
        let place = role.keyPermission.firstIndex(from: 0) { compareBytes($0.key, granted.key) >= 0 }
        if place < role.keyPermission.count, role.keyPermission[place].key == granted.key,
            role.keyPermission[place].rangeEnd == granted.rangeEnd
        {
            role.keyPermission[place].permType = granted.permType
        } else {
            let end = role.keyPermission.firstIndex(from: place) { compareBytes($0.key, granted.key) > 0 }
            role.keyPermission.insert(granted, at: end)
        }
        try self.set(role)
        try self.countAuthChange()
    }

    mutating func revokePermission(_ request: AuthRoleRevokePermissionRequest) throws(StoreError) {
        guard var role = self.auth.role(request.role) else { throw .roleNotFound }
        let count = role.keyPermission.count
        role.keyPermission.removeAll { $0.key == request.key && $0.rangeEnd == request.rangeEnd }
        guard role.keyPermission.count < count else { throw .permissionNotGranted }
        try self.set(role)
        try self.countAuthChange()
    }

    private mutating func set(_ role: Role) throws(StoreError) {
        try self.backend.put(role.name, role.encoded(), in: .authRoles)
        self.auth.roles.set(Key(role.name), role)
    }
}
