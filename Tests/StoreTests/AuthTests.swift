import EtcdWire
import Platform
import Testing

@testable import Store

/// Applies requests as users propose them.
private struct AuthBench: ~Copyable {
    var store = Store.inMemory()
    var index: UInt64 = 0
    /// What a request's header says it was checked against; the store's own by default.
    var authRevision: UInt64?

    @discardableResult
    mutating func apply(
        _ operation: InternalRaftRequest.Operation, as user: String = ""
    ) throws(StoreError) -> Store.ApplyResponse {
        self.index += 1
        let revision = user.isEmpty ? 0 : self.authRevision ?? self.store.authRevision
        let header = RequestHeader(id: self.index, username: user, authRevision: revision)
        let request = InternalRaftRequest(operation: operation, header: header)
        return try self.store.apply(request, index: self.index, term: 1, uptime: .zero).get()
    }

    mutating func refusal(_ operation: InternalRaftRequest.Operation, as user: String = "") -> StoreError? {
        do throws(StoreError) {
            try self.apply(operation, as: user)
            return nil
        } catch {
            return error
        }
    }

    mutating func grant(_ role: String, _ type: Permission.PermissionType, _ key: String, _ end: [UInt8]) throws {
        let permission = Permission(permType: type, key: Array(key.utf8), rangeEnd: end)
        try self.apply(.authRoleGrantPermission(AuthRoleGrantPermissionRequest(name: role, perm: permission)), as: "root")
    }

    mutating func enable() throws {
        try self.apply(.authUserAdd(AuthUserAddRequest(name: "root", hashedPassword: "JDJh")))
        try self.apply(.authUserGrantRole(AuthUserGrantRoleRequest(user: "root", role: "root")))
        try self.apply(.authEnable(AuthEnableRequest()))
    }
}

@Suite struct AuthTests {
    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }
    private func put(_ key: String, lease: Int64 = 0, prevKv: Bool = false) -> InternalRaftRequest.Operation {
        .put(PutRequest(key: self.key(key), lease: lease, prevKv: prevKv))
    }

    @Test func usersAndRolesAreRows() throws {
        var bench = AuthBench()
        #expect(bench.store.authRevision == 1)
        try bench.apply(.authUserAdd(AuthUserAddRequest(name: "anna", hashedPassword: "JDJhJDEw")))
        try bench.apply(.authUserAdd(AuthUserAddRequest(name: "certain", options: UserAddOptions(noPassword: true))))
        for role in ["writer", "reader"] {
            try bench.apply(.authRoleAdd(AuthRoleAddRequest(name: role)))
            try bench.apply(.authUserGrantRole(AuthUserGrantRoleRequest(user: "anna", role: role)))
        }
        #expect(
            try bench.store.backend.rows(in: .authUsers) == [
                "\(hexadecimal(self.key("anna"))) 0a04616e6e61120624326124"
                    + "31301a067265616465721a067772697465722200",
                "\(hexadecimal(self.key("certain"))) 0a076365727461696e22020801",
            ])
        #expect(bench.store.authRevision == 7)
        try bench.grant("reader", .read, "b", [])
        try bench.grant("reader", .read, "a", [0])
        try bench.grant("reader", .readWrite, "b", [])
        #expect(bench.store.roles.first?.keyPermission.map(\.key) == [[0x61], [0x62]])
        #expect(bench.store.roles.first?.keyPermission.map(\.permType) == [.read, .readWrite])
        try bench.apply(.authRoleDelete(AuthRoleDeleteRequest(role: "writer")))
        #expect(bench.store.users.first?.roles == ["reader"])
        let revision = bench.store.authRevision
        #expect(revision == 11)
        let reopened = try Store(backend: bench.store.backend)
        #expect(reopened.users == bench.store.users && reopened.roles == bench.store.roles)
        #expect(reopened.authRevision == revision && !reopened.isAuthEnabled)
    }

    @Test func refusalsAreEtcdsOwn() throws {
        var bench = AuthBench()
        #expect(bench.refusal(.authEnable(AuthEnableRequest())) == .rootUserNotExist)
        #expect(bench.refusal(.authUserAdd(AuthUserAddRequest())) == .userEmpty)
        #expect(bench.refusal(.authUserAdd(AuthUserAddRequest(name: "a", hashedPassword: "?"))) == .noPasswordUser)
        try bench.apply(.authUserAdd(AuthUserAddRequest(name: "root", password: "plain")))
        #expect(bench.store.users.first?.password == [])
        #expect(bench.refusal(.authUserAdd(AuthUserAddRequest(name: "root"))) == .userExists)
        #expect(bench.refusal(.authEnable(AuthEnableRequest())) == .rootRoleNotExist)
        #expect(bench.refusal(.authUserDelete(AuthUserDeleteRequest(name: "x"))) == .userNotFound)
        #expect(bench.refusal(.authUserChangePassword(AuthUserChangePasswordRequest(name: "x"))) == .userNotFound)
        #expect(bench.refusal(.authUserGrantRole(AuthUserGrantRoleRequest(user: "x", role: "r"))) == .userNotFound)
        #expect(bench.refusal(.authUserGrantRole(AuthUserGrantRoleRequest(user: "root", role: "r"))) == .roleNotFound)
        #expect(bench.refusal(.authUserRevokeRole(AuthUserRevokeRoleRequest(name: "root", role: "r"))) == .roleNotGranted)
        #expect(bench.refusal(.authRoleAdd(AuthRoleAddRequest())) == .roleEmpty)
        #expect(bench.refusal(.authRoleDelete(AuthRoleDeleteRequest(role: "r"))) == .roleNotFound)
        try bench.apply(.authRoleAdd(AuthRoleAddRequest(name: "r")))
        #expect(bench.refusal(.authRoleAdd(AuthRoleAddRequest(name: "r"))) == .roleExists)
        #expect(bench.refusal(.authRoleGrantPermission(AuthRoleGrantPermissionRequest(name: "r"))) == .permissionNotGiven)
        #expect(
            bench.refusal(.authRoleRevokePermission(AuthRoleRevokePermissionRequest(role: "r", key: [1])))
                == .permissionNotGranted)
        #expect(bench.refusal(.authenticate(InternalAuthenticateRequest(name: "root"))) == .authNotEnabled)
        try bench.apply(.authUserGrantRole(AuthUserGrantRoleRequest(user: "root", role: "root")))
        let revision = bench.store.authRevision
        try bench.apply(.authUserGrantRole(AuthUserGrantRoleRequest(user: "root", role: "root")))
        try bench.apply(.authEnable(AuthEnableRequest()))
        #expect(bench.store.isAuthEnabled && bench.store.authRevision == revision, "neither counts as a change")
        #expect(bench.refusal(.authUserDelete(AuthUserDeleteRequest(name: "root")), as: "root") == .invalidAuthManagement)
        #expect(
            bench.refusal(.authUserRevokeRole(AuthUserRevokeRoleRequest(name: "root", role: "root")), as: "root")
                == .invalidAuthManagement)
        #expect(bench.refusal(.authRoleDelete(AuthRoleDeleteRequest(role: "root")), as: "root") == .invalidAuthManagement)
        #expect(bench.refusal(.authenticate(InternalAuthenticateRequest(name: "x"))) == .authFailed)
        try bench.apply(.authDisable(AuthDisableRequest()), as: "root")
        #expect(!bench.store.isAuthEnabled && bench.store.authRevision == revision + 1)
    }

    @Test func requestsArePermittedOrNot() throws {
        var bench = AuthBench()
        try bench.apply(.authUserAdd(AuthUserAddRequest(name: "anna")))
        try bench.apply(.authRoleAdd(AuthRoleAddRequest(name: "r")))
        try bench.apply(.authUserGrantRole(AuthUserGrantRoleRequest(user: "anna", role: "r")))
        try bench.grant("r", .readWrite, "b", self.key("d"))
        try bench.grant("r", .write, "w", [])
        try bench.enable()
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 60, id: 9)), as: "anna")
        #expect(bench.refusal(self.put("b")) == .userEmpty)
        #expect(bench.refusal(self.put("b"), as: "nobody") == .permissionDenied)
        #expect(bench.refusal(self.put("b", lease: 9), as: "anna") == nil)
        #expect(bench.refusal(self.put("d"), as: "anna") == .permissionDenied)
        #expect(bench.refusal(self.put("w"), as: "anna") == nil)
        #expect(bench.refusal(self.put("w", prevKv: true), as: "anna") == .permissionDenied)
        #expect(bench.refusal(self.put("d", lease: 9), as: "root") == nil)
        // The lease now holds a key that anna may not delete.
        #expect(bench.refusal(self.put("b", lease: 9), as: "anna") == .permissionDenied)
        #expect(bench.refusal(.leaseRevoke(LeaseRevokeRequest(id: 9)), as: "anna") == .permissionDenied)
        let range = DeleteRangeRequest(key: self.key("b"), rangeEnd: self.key("d"))
        #expect(bench.refusal(.deleteRange(range), as: "anna") == nil)
        #expect(bench.refusal(.deleteRange(DeleteRangeRequest(key: [0x62], rangeEnd: [0])), as: "anna") == .permissionDenied)
        let inner = TxnRequest(success: [.put(PutRequest(key: self.key("x")))])
        #expect(bench.refusal(.txn(TxnRequest(failure: [.txn(inner)])), as: "anna") == .permissionDenied)
        let compare = Compare.version(of: self.key("w"), .equal, 0)
        #expect(bench.refusal(.txn(TxnRequest(compare: [compare])), as: "anna") == .permissionDenied)
        #expect(bench.refusal(.authUserList(AuthUserListRequest()), as: "anna") == .permissionDenied)
        #expect(bench.refusal(.authUserGet(AuthUserGetRequest(name: "anna")), as: "anna") == nil)
        #expect(bench.refusal(.authRoleGet(AuthRoleGetRequest(role: "r")), as: "anna") == nil)
        #expect(bench.refusal(.authUserGet(AuthUserGetRequest(name: "root")), as: "anna") == .permissionDenied)
        #expect(bench.refusal(.authRoleAdd(AuthRoleAddRequest(name: "s")), as: "nobody") == .userNotFound)
        bench.authRevision = bench.store.authRevision - 1
        #expect(bench.refusal(self.put("b"), as: "anna") == .authOldRevision)
    }

    /// Whether ranges together cover one, beside looking at each key.
    @Test func rangesCoverARange() {
        var random = SeededRandom(seed: 12)
        func range() -> KeyRange {
            let start = UInt8.random(in: 1...8, using: &random)
            let end = UInt8.random(in: 1...9, using: &random)
            return KeyRange(key: [start], rangeEnd: random.chance(0.2) ? [] : random.chance(0.1) ? [0] : [end])
        }
        // Every key of up to two bytes that bounds of one byte can tell apart.
        let keys = (1...10 as ClosedRange<UInt8>).flatMap { [[$0], [$0, 0], [$0, 7]] }.map { Key($0) }
        var covered = 0
        for _ in 0..<20_000 {
            let granted = (0..<Int.random(in: 0...4, using: &random)).map { _ in range() }
            let wanted = range()
            var auth = AuthState()
            let permissions = granted.map { granted in
                let end = granted.isSingle ? [] : granted.end?.bytes ?? [0]
                return Permission(permType: .readWrite, key: granted.start.bytes, rangeEnd: end)
            }
            auth.roles.set(Key([1]), Role(name: [1], keyPermission: permissions))
            let user = User(roles: ["\u{1}"])
            let needed = keys.filter { wanted.contains($0) }
            let isCovered = !needed.isEmpty && needed.allSatisfy { key in granted.contains { $0.contains(key) } }
            // Without an end there are keys above all that are tried.
            let isOpen = wanted.end == nil
            let expected = isCovered && (!isOpen || granted.contains { $0.end == nil })
            #expect(auth.permits(user, .read, on: wanted) == expected, "\(granted) for \(wanted)")
            covered += expected ? 1 : 0
        }
        #expect(covered > 500)
    }
}
