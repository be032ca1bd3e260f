public import EtcdWire

extension Store {
    /// Whether the user who proposed a request may make it: etcd checks that when it applies the entry, against users and
    /// roles as they are then.
    func authorize(_ operation: InternalRaftRequest.Operation, _ header: RequestHeader?) throws(StoreError) {
        guard self.auth.isEnabled else { return }
        let proposer = header ?? RequestHeader()
        switch operation {
        case .put(let request):
            try self.authorize(request, proposer)
        case .range(let request):
            try self.permit(.read, request.key, request.rangeEnd, proposer)
        case .deleteRange(let request):
            try self.authorize(request, proposer)
        case .txn(let request):
            try self.authorize(request, proposer)
        case .leaseRevoke(let request):
            try self.permitPuts(onLease: request.id, proposer)
        case .authUserGet(let request):
            if request.name != proposer.username { try self.permitAdministration(proposer) }
        case .authRoleGet(let request):
            let isOwn = self.auth.user(proposer.username)?.roles.contains(request.role) == true
            if !isOwn { try self.permitAdministration(proposer) }
        case .authEnable, .authDisable, .authStatus, .authUserAdd, .authUserDelete, .authUserChangePassword,
            .authUserGrantRole, .authUserRevokeRole, .authUserList, .authRoleAdd, .authRoleDelete, .authRoleList,
            .authRoleGrantPermission, .authRoleRevokePermission:
            try self.permitAdministration(proposer)
        default: break
        }
    }

    /// Whether etcd before 3.4.27 and 3.5.10 refuses what this store, like later releases, carries out: a lease that has keys
    /// is revoked for root, whom those releases too ask for the newest revision of users and roles.
    public func isRefusedByOlderReleases(_ request: InternalRaftRequest) -> Bool {
        guard self.auth.isEnabled, case .leaseRevoke(let revoke) = request.operation,
            let lease = self.leases[revoke.id], lease.keys.first != nil
        else { return false }
        let proposer = request.header ?? RequestHeader()
        return self.auth.user(proposer.username)?.isRoot == true && proposer.authRevision < self.auth.revision
    }

    private func authorize(_ request: PutRequest, _ proposer: RequestHeader) throws(StoreError) {
        try self.permit(.write, request.key, [], proposer)
        // Who may not delete a lease's keys may not hang more on it.
        try self.permitPuts(onLease: request.lease, proposer)
        if request.prevKv { try self.permit(.read, request.key, [], proposer) }
    }

    private func authorize(_ request: DeleteRangeRequest, _ proposer: RequestHeader) throws(StoreError) {
        try self.permit(.write, request.key, request.rangeEnd, proposer)
        if request.prevKv { try self.permit(.read, request.key, request.rangeEnd, proposer) }
    }

    private func authorize(_ request: TxnRequest, _ proposer: RequestHeader) throws(StoreError) {
        for compare in request.compare { try self.permit(.read, compare.key, compare.rangeEnd, proposer) }
        for operation in request.success + request.failure {
            switch operation {
            case .range(let request): try self.permit(.read, request.key, request.rangeEnd, proposer)
            case .put(let request):
                if self.options.checksAllOfTxn {
                    try self.authorize(request, proposer)
                } else {
                    try self.permit(.write, request.key, [], proposer)
                }
            case .deleteRange(let request): try self.authorize(request, proposer)
            case .txn(let request): if self.options.checksAllOfTxn { try self.authorize(request, proposer) }
            }
        }
    }

    private func permit(
        _ wanted: Permission.PermissionType, _ key: [UInt8], _ rangeEnd: [UInt8], _ proposer: RequestHeader
    ) throws(StoreError) {
        guard proposer.authRevision != 0 else { throw .userEmpty }
        guard proposer.authRevision >= self.auth.revision else { throw .authOldRevision }
        guard let user = self.auth.user(proposer.username) else { throw .permissionDenied }
        guard !user.isRoot else { return }
        guard self.auth.permits(user, wanted, on: KeyRange(key: key, rangeEnd: rangeEnd)) else { throw .permissionDenied }
    }

    private func permitPuts(onLease id: Int64, _ proposer: RequestHeader) throws(StoreError) {
        guard id != 0, let lease = self.leases[id], self.auth.user(proposer.username)?.isRoot != true else { return }
        var refusal: StoreError?
        lease.keys.forEach { key, _ in
            do throws(StoreError) { try self.permit(.write, key.bytes, [], proposer) } catch { refusal = error }
            return refusal == nil
        }
        if let refusal { throw refusal }
    }

    private func permitAdministration(_ proposer: RequestHeader) throws(StoreError) {
        guard !proposer.username.isEmpty else { throw .userEmpty }
        guard let user = self.auth.user(proposer.username) else { throw .userNotFound }
        guard user.isRoot else { throw .permissionDenied }
    }
}
