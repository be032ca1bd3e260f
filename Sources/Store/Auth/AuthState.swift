internal import EtcdWire

/// Users, roles, and whether requests need them.
struct AuthState: Sendable {
    var isEnabled = false
    /// Counts the changes of users and roles; a request that was checked against an older one must be checked again.
    var revision: UInt64 = 0
    var users = SortedMap<Key, User>()
    var roles = SortedMap<Key, Role>()

    static let root = "root"

    func user(_ name: String) -> User? { self.users[Key(Array(name.utf8))] }
    func role(_ name: String) -> Role? { self.roles[Key(Array(name.utf8))] }

    /// Whether a user's roles together permit something on all keys of a range.
    func permits(_ user: User, _ wanted: Permission.PermissionType, on range: KeyRange) -> Bool {
        var granted: [KeyRange] = []
        for name in user.roles {
            for permission in self.role(name)?.keyPermission ?? [] {
                guard permission.permType == wanted || permission.permType == .readWrite, !permission.key.isEmpty else {
                    continue
                }
                granted.append(KeyRange(key: permission.key, rangeEnd: permission.rangeEnd))
            }
        }
        return range.isCovered(by: granted)
    }
}

extension User {
    var isRoot: Bool { self.roles.contains(AuthState.root) }
}

extension KeyRange {
    /// Whether each of its keys is in one of the ranges.
    fileprivate func isCovered(by ranges: [KeyRange]) -> Bool {
        if self.isSingle { return ranges.contains { $0.contains(self.start) } }
        guard self.end.map({ self.start < $0 }) != false else { return false }
        var reached = self.start
        for range in ranges.sorted(by: { $0.start < $1.start }) {
            guard range.start <= reached else { return false }
            guard let end = range.end else { return true }
            if end > reached { reached = end }
            if let wanted = self.end, reached >= wanted { return true }
        }
        return false
    }
}
