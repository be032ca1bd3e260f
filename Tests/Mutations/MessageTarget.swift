internal import EtcdWire
internal import Platform
internal import Store

/// Messages of the log, of peers and of clients. Nothing protects them but the frames they come in, so many damaged ones are
/// messages still; none does worse than be refused.
public struct MessageTarget: MutationTarget {
    public static let name = "message"
    public static let share = 450

    private let samples: [any WireMessage]
    private let store = try? AppliedStore()
    public let specimens: [Specimen]

    public init(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        self.samples = Samples.requests(&random) + Samples.stored(&random) + Samples.answers(&random)
        self.specimens = self.samples.map { Specimen($0.encoded(), older: [], marks: [0, 1], unit: 8) }
    }

    public func verdict(of bytes: [UInt8], for specimen: Int, _ mutation: Mutation) -> Verdict {
        let verdict = Self.verdict(of: bytes, against: self.samples[specimen])
        if case .wrong = verdict { return verdict }
        guard self.samples[specimen] is InternalRaftRequest || self.samples[specimen] is ConfChange, let store else {
            return verdict
        }
        return store.apply(bytes, isChange: self.samples[specimen] is ConfChange).map { .wrong($0) } ?? verdict
    }

    private static func verdict<Message: WireMessage>(of bytes: [UInt8], against sample: Message) -> Verdict {
        do throws(WireError) {
            let message = try Message(decoding: bytes)
            let encoded = message.encoded()
            guard try Message(decoding: encoded).encoded() == encoded else { return .wrong("read again, it is another") }
            return message == sample ? .same : .unknowable
        } catch {
            guard (0...bytes.count).contains(error.offset) else { return .wrong("a place out of bounds: \(error)") }
            return .refused(file: "\(Message.self)", offset: Int64(error.offset))
        }
    }
}

/// A store that entries are applied to, whatever they say.
final class AppliedStore {
    private var store: Store
    private var index: UInt64 = 0

    init() throws {
        self.store = try Store(backend: MemoryBackend())
    }

    /// - Returns: What is wrong with the store afterwards.
    func apply(_ data: [UInt8], isChange: Bool) -> String? {
        self.index += 1
        let entry = RaftEntry(kind: isChange ? .confChange : .normal, term: 2, index: self.index, data: data)
        let content = try? EntryContent(entry)
        if let content { _ = content.summary.utf8.count }
        let revision = self.store.revision
        _ = self.store.apply(entry, uptime: .zero)
        if let failure = self.store.failure {
            // A member stops at an entry that makes no sense, but at no request.
            if case .request = content { return "the store failed: \(failure)" }
            guard let next = try? Store(backend: MemoryBackend()) else { return "there is no store" }
            self.store = next
            self.index = 0
            return nil
        }
        guard (revision...revision + 1).contains(self.store.revision) else {
            return "from revision \(revision) to \(self.store.revision)"
        }
        return nil
    }
}

/// Messages with something in all of their fields.
enum Samples {
    private static func bytes(_ random: inout SeededRandom, most: Int = 12) -> [UInt8] {
        (0..<Int.random(in: 1...most, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private static func txn(_ random: inout SeededRandom, depth: Int = 0) -> TxnRequest {
        var compare = Compare()
        (compare.key, compare.operand) = (Self.bytes(&random), .modRevision(7))
        var request = TxnRequest(compare: [compare])
        request.success = [
            .put(PutRequest(key: Self.bytes(&random), value: Self.bytes(&random, most: 40))),
            .deleteRange(DeleteRangeRequest(key: Self.bytes(&random), rangeEnd: [0])),
            .range(RangeRequest(key: Self.bytes(&random))),
        ]
        if depth < 2 { request.failure = [.txn(Self.txn(&random, depth: depth + 1))] }
        return request
    }

    static func requests(_ random: inout SeededRandom) -> [any WireMessage] {
        let permission = Permission(permType: .readWrite, key: [97], rangeEnd: [99])
        let operations: [InternalRaftRequest.Operation] = [
            .put(PutRequest(key: Self.bytes(&random), value: Self.bytes(&random, most: 60), lease: 5)),
            .put(PutRequest(key: [97], value: [1], prevKv: true)),
            .deleteRange(DeleteRangeRequest(key: [97], rangeEnd: [99], prevKv: true)),
            .range(RangeRequest(key: [0], rangeEnd: [0])), .txn(Self.txn(&random)), .txn(Self.txn(&random)),
            .compaction(CompactionRequest(revision: 3, physical: true)), .leaseGrant(LeaseGrantRequest(ttl: 60, id: 5)),
            .leaseRevoke(LeaseRevokeRequest(id: 5)),
            .leaseCheckpoint(LeaseCheckpointRequest(checkpoints: [LeaseCheckpoint(id: 5, remainingTTL: 30)])),
            .alarm(AlarmRequest(action: .activate, memberID: 7, alarm: .noSpace)),
            .alarm(AlarmRequest(action: .deactivate, memberID: 7, alarm: .noSpace)),
            .authUserAdd(AuthUserAddRequest(name: "root", options: UserAddOptions(noPassword: true), hashedPassword: "x")),
            .authRoleAdd(AuthRoleAddRequest(name: "root")),
            .authUserGrantRole(AuthUserGrantRoleRequest(user: "root", role: "root")),
            .authRoleGrantPermission(AuthRoleGrantPermissionRequest(name: "root", perm: permission)),
            .authRoleRevokePermission(AuthRoleRevokePermissionRequest(role: "root", key: [97], rangeEnd: [99])),
            .authUserChangePassword(AuthUserChangePasswordRequest(name: "root", hashedPassword: "y")),
            .authEnable(AuthEnableRequest()), .authDisable(AuthDisableRequest()),
            .clusterVersionSet(ClusterVersionSetRequest(ver: "3.5.0")),
            .clusterMemberAttrSet(
                ClusterMemberAttrSetRequest(
                    memberID: 7, memberAttributes: MemberAttributes(name: "m", clientURLs: ["http://h:1"]))),
            .downgradeInfoSet(DowngradeInfoSetRequest(enabled: true, ver: "3.4.0")),
        ]
        let header = RequestHeader(id: random.next())
        let member = #"{"id":9,"peerURLs":["http://127.0.0.1:2380"],"name":"m"}"#
        let changes = [ConfChange.Kind.addNode, .addLearnerNode, .updateNode, .removeNode].map { kind in
            ConfChange(id: 1, kind: kind, nodeID: 9, context: Array(member.utf8))
        }
        return operations.map { InternalRaftRequest(operation: $0, header: header) } + changes
    }

    static func stored(_ random: inout SeededRandom) -> [any WireMessage] {
        let state = ConfState(voters: [1, 2, random.next()], learners: [4])
        let permission = Permission(permType: .readWrite, key: Self.bytes(&random), rangeEnd: [0])
        return [
            RaftEntry(term: 3, index: random.next(), data: Self.bytes(&random, most: 50)),
            HardState(term: 3, vote: random.next(), commit: 9), state, WALSnapshot(index: 9, term: 3, confState: state),
            WALMetadata(nodeID: random.next(), clusterID: 7), WALRecord(.entry, crc: 77, data: Self.bytes(&random)),
            RaftSnapshot(data: Self.bytes(&random), metadata: RaftSnapshotMetadata(confState: state, index: 9, term: 3)),
            SnapshotFile(crc: 1, data: Self.bytes(&random, most: 60)),
            ConfChangeV2(changes: [ConfChangeSingle(kind: .removeNode, nodeID: 7)], context: Self.bytes(&random)),
            User(name: Self.bytes(&random), password: Self.bytes(&random), roles: ["a", "b"], options: UserAddOptions()),
            Role(name: Self.bytes(&random), keyPermission: [permission, permission]),
            LeaseRecord(id: 7, ttl: 60, remainingTTL: 30), AlarmMember(memberID: random.next(), alarm: .corrupt),
        ]
    }

    static func answers(_ random: inout SeededRandom) -> [any WireMessage] {
        let header = ResponseHeader(clusterID: random.next(), memberID: 7, revision: 9, raftTerm: 2)
        var kv = KeyValue()
        (kv.key, kv.value, kv.modRevision, kv.version) = (Self.bytes(&random), Self.bytes(&random, most: 40), 9, 2)
        var watch = WatchResponse()
        (watch.header, watch.events) = (header, [WatchEvent(kv: kv, prevKv: kv), WatchEvent(type: .delete, kv: kv)])
        return [
            RangeResponse(header: header, kvs: [kv, kv], more: true, count: 7), PutResponse(header: header, prevKv: kv), watch,
            TxnResponse(header: header, succeeded: true), LeaseGrantResponse(header: header, id: 7, ttl: 8, error: "no"),
            MemberAddResponse(header: header, member: Member()), HashKVResponse(), StatusResponse(),
        ]
    }
}
