/// What a log entry means.
public enum EntryContent: Sendable, Hashable {
    /// The entry a new leader begins its term with.
    case nothing
    case request(InternalRaftRequest)
    /// A request of the older store: how releases up to 3.5 publish a member's name and the cluster's version.
    case v2(V2Request)
    case confChange(ConfChange)
    case confChangeV2(ConfChangeV2)

    /// Decodes an entry's data by etcd's own rule: a request is what it parses as, and where that fails it is one of the
    /// older store, which may also stand within a request.
    ///
    /// - Throws: Where the data is neither. The offset is within the data, of the newer form.
    public init(_ entry: RaftEntry) throws(WireError) {
        switch entry.kind {
        case .normal where entry.data.isEmpty: self = .nothing
        case .normal: try self.init(request: entry.data)
        case .confChange: self = .confChange(try ConfChange(decoding: entry.data))
        case .confChangeV2: self = .confChangeV2(try ConfChangeV2(decoding: entry.data))
        }
    }

    private init(request data: [UInt8]) throws(WireError) {
        let request: InternalRaftRequest
        do throws(WireError) {
            request = try InternalRaftRequest(decoding: data)
        } catch {
            guard let older = try? V2Request(decoding: data) else { throw error }
            self = .v2(older)
            return
        }
        if case .v2(let older) = request.operation { self = .v2(older) } else { self = .request(request) }
    }
}

extension EntryContent {
    /// One line for people, such as `put /a/b (256 bytes, lease 7)`. Keys are shown as text, and bytes that are not
    /// printable ASCII as `\xNN`. Values and passwords are not shown.
    public var summary: String {
        switch self {
        case .nothing: "nothing (a leader begins its term)"
        case .request(let request): request.summary
        case .v2(let request): "v2 \(printable(request.method)) \(printable(request.path)) (\(request.value.utf8.count) bytes)"
        case .confChange(let change): change.kind.summary(change.nodeID)
        case .confChangeV2(let change): "members: " + change.changes.map { $0.kind.summary($0.nodeID) }.joined(separator: ", ")
        }
    }
}

extension ConfChange.Kind {
    fileprivate func summary(_ nodeID: UInt64) -> String {
        let verb =
            switch self {
            case .addNode: "add member"
            case .removeNode: "remove member"
            case .updateNode: "update member"
            case .addLearnerNode: "add learner"
            }
        return "\(verb) \(String(nodeID, radix: 16))"
    }
}

extension InternalRaftRequest {
    fileprivate var summary: String {
        guard let operation else { return self.unknown.isEmpty ? "nothing" : "a request of a newer release" }
        return operation.storeSummary ?? operation.clusterSummary ?? "nothing"
    }
}

extension InternalRaftRequest.Operation {
    fileprivate var storeSummary: String? {
        switch self {
        case .v2(let request): EntryContent.v2(request).summary
        case .range(let request): "range \(keys(request.key, request.rangeEnd))"
        case .put(let request):
            "put \(printable(request.key)) (\(request.value.count) bytes"
                + (request.lease == 0 ? ")" : ", lease \(hex(request.lease)))")
        case .deleteRange(let request): "delete \(keys(request.key, request.rangeEnd))"
        case .txn(let request):
            "txn (compare \(request.compare.count), success \(request.success.count), failure \(request.failure.count))"
        case .compaction(let request): "compact at revision \(request.revision)"
        case .leaseGrant(let request): "grant lease \(hex(request.id)) (ttl \(request.ttl) s)"
        case .leaseRevoke(let request): "revoke lease \(hex(request.id))"
        case .leaseCheckpoint(let request): "checkpoint \(request.checkpoints.count) leases"
        case .alarm(let request):
            switch request.action {
            case .get: "list alarms"
            case .activate: "raise alarm \(request.alarm) of member \(String(request.memberID, radix: 16))"
            case .deactivate: "disarm alarm \(request.alarm) of member \(String(request.memberID, radix: 16))"
            }
        default: nil
        }
    }

    fileprivate var clusterSummary: String? {
        switch self {
        case .authEnable: "enable auth"
        case .authDisable: "disable auth"
        case .authenticate(let request): "authenticate user \(printable(request.name))"
        case .authStatus: "auth status"
        case .authUserAdd(let request): "add user \(printable(request.name))"
        case .authUserDelete(let request): "delete user \(printable(request.name))"
        case .authUserGet(let request): "get user \(printable(request.name))"
        case .authUserChangePassword(let request): "change password of user \(printable(request.name))"
        case .authUserGrantRole(let request): "grant role \(printable(request.role)) to user \(printable(request.user))"
        case .authUserRevokeRole(let request): "revoke role \(printable(request.role)) from user \(printable(request.name))"
        case .authUserList: "list users"
        case .authRoleList: "list roles"
        case .authRoleAdd(let request): "add role \(printable(request.name))"
        case .authRoleDelete(let request): "delete role \(printable(request.role))"
        case .authRoleGet(let request): "get role \(printable(request.role))"
        case .authRoleGrantPermission(let request):
            "grant role \(printable(request.name)) \(request.perm?.summary ?? "nothing")"
        case .authRoleRevokePermission(let request):
            "revoke from role \(printable(request.role)) \(keys(request.key, request.rangeEnd))"
        case .clusterVersionSet(let request): "set cluster version \(printable(request.ver))"
        case .clusterMemberAttrSet(let request):
            "member \(String(request.memberID, radix: 16)) is \(printable(request.memberAttributes?.name ?? ""))"
        case .downgradeInfoSet(let request): request.enabled ? "begin downgrade to \(printable(request.ver))" : "end downgrade"
        case .downgradeVersionTest(let request): "downgrade test \(printable(request.ver))"
        default: nil
        }
    }
}

extension Permission {
    fileprivate var summary: String {
        let word =
            switch self.permType {
            case .read: "read"
            case .write: "write"
            case .readWrite: "readwrite"
            }
        return "\(word) \(keys(self.key, self.rangeEnd))"
    }
}

/// A range as its bounds say: one key, all from a key on, or up to but without another.
private func keys(_ key: [UInt8], _ end: [UInt8]) -> String {
    switch end {
    case []: printable(key)
    case [0]: "[\(printable(key)), end)"
    default: "[\(printable(key)), \(printable(end)))"
    }
}

private func hex(_ id: Int64) -> String { String(UInt64(bitPattern: id), radix: 16) }

private func printable(_ text: String) -> String { printable(Array(text.utf8)) }

private func printable(_ bytes: [UInt8]) -> String {
    var text = ""
    for byte in bytes {
        if byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\") {
            text.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            let digits = String(byte, radix: 16)
            text += byte < 16 ? "\\x0\(digits)" : "\\x\(digits)"
        }
    }
    return text
}
