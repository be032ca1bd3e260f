import EtcdWire
import Store
import Testing

/// What a user may do within a transaction: all of it, or as older releases of etcd had it.
@Suite struct NestedPermissionTests {
    /// A store with a user who may write `a` and nothing else.
    private static func prepare(_ store: inout Store) {
        let permission = Permission(permType: .write, key: [97])
        let operations: [InternalRaftRequest.Operation] = [
            .authUserAdd(AuthUserAddRequest(name: "root", options: UserAddOptions(noPassword: true))),
            .authUserGrantRole(AuthUserGrantRoleRequest(user: "root", role: "root")),
            .authUserAdd(AuthUserAddRequest(name: "anna", options: UserAddOptions(noPassword: true))),
            .authRoleAdd(AuthRoleAddRequest(name: "r")),
            .authRoleGrantPermission(AuthRoleGrantPermissionRequest(name: "r", perm: permission)),
            .authUserGrantRole(AuthUserGrantRoleRequest(user: "anna", role: "r")),
            .leaseGrant(LeaseGrantRequest(ttl: 60, id: 7)),
            .put(PutRequest(key: [98], value: [1], lease: 7)), .authEnable(AuthEnableRequest()),
        ]
        for operation in operations { _ = Self.apply(operation, by: "", &store) }
    }

    private static func apply(
        _ operation: InternalRaftRequest.Operation, by user: String, _ store: inout Store
    ) -> StoreError? {
        let header = RequestHeader(username: user, authRevision: store.authRevision)
        let request = InternalRaftRequest(operation: operation, header: header)
        let result = store.apply(request, index: store.appliedIndex + 1, term: 1, uptime: .zero)
        if case .failure(let error) = result { return error }
        return nil
    }

    @Test(arguments: [true, false]) func withinATransaction(checksAll: Bool) throws {
        var store = try Store(backend: MemoryBackend(), options: .init(checksAllOfTxn: checksAll))
        Self.prepare(&store)
        let isEnabled = store.isAuthEnabled
        #expect(isEnabled)
        let refusal = checksAll ? StoreError.permissionDenied : nil
        let requests: [(TxnRequest, StoreError?)] = [
            (TxnRequest(success: [.txn(TxnRequest(success: [.put(PutRequest(key: [98], value: [2]))]))]), refusal),
            (TxnRequest(success: [.put(PutRequest(key: [97], value: [2], lease: 7))]), refusal),
            (TxnRequest(success: [.put(PutRequest(key: [97], value: [3], prevKv: true))]), refusal),
            // What stands in a transaction itself is always asked about.
            (TxnRequest(success: [.put(PutRequest(key: [98], value: [2]))]), .permissionDenied),
            (TxnRequest(success: [.put(PutRequest(key: [97], value: [4]))]), nil),
        ]
        for (request, wanted) in requests {
            let found = Self.apply(.txn(request), by: "anna", &store)
            #expect(found == wanted, "\(request)")
        }
    }
}
