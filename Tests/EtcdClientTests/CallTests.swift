import EtcdClient
import EtcdWire
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct CallTests {
    @Test(arguments: EtcdVersion.enabled)
    func keysAndValues(version: EtcdVersion) async throws {
        try await withEtcd(version) { etcd, connection in
            let first = try await connection.put(PutRequest(key: [UInt8]("a/1"), value: [UInt8]("one")))
            #expect(first.header.revision == 2)
            #expect(first.header.clusterID != 0)
            let second = try await connection.put(PutRequest(key: [UInt8]("a/1"), value: [UInt8]("uno"), prevKv: true))
            #expect(second.prevKv?.value == [UInt8]("one"))
            _ = try await connection.put(PutRequest(key: [UInt8]("a/2"), value: [0, 255]))
            #expect(try await etcd.etcdctl("get", "a/1", "--print-value-only") == "uno\n")

            let prefix = [UInt8]("a/")
            let all = try await connection.range(
                RangeRequest(key: prefix, rangeEnd: prefix.prefixEnd, limit: 1, sortOrder: .descend))
            #expect(all.kvs.map(\.key.text) == ["a/2"])
            #expect(all.more && all.count == 2)
            let past = try await connection.range(RangeRequest(key: [UInt8]("a/1"), revision: 2))
            #expect(past.kvs.map(\.value.text) == ["one"])

            let deleted = try await connection.deleteRange(
                DeleteRangeRequest(key: prefix, rangeEnd: prefix.prefixEnd, prevKv: true))
            #expect(deleted.deleted == 2)
            #expect(deleted.prevKvs.map(\.key.text) == ["a/1", "a/2"])

            _ = try await connection.compact(CompactionRequest(revision: 4, physical: true))
            await expectError(.outOfRange, "etcdserver: mvcc: required revision has been compacted") {
                _ = try await connection.range(RangeRequest(key: prefix, revision: 2))
            }
            await expectError(.outOfRange, "etcdserver: mvcc: required revision is a future revision") {
                _ = try await connection.range(RangeRequest(key: prefix, revision: 99))
            }
            await expectError(.invalidArgument, "etcdserver: key is not provided") {
                _ = try await connection.put(PutRequest())
            }
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func transactions(version: EtcdVersion) async throws {
        try await withEtcd(version) { _, connection in
            let key = [UInt8]("k")
            let create = TxnRequest(
                compare: [.createRevision(of: key, .equal, 0)], success: [.put(PutRequest(key: key, value: [1]))],
                failure: [.range(RangeRequest(key: key))])
            let created = try await connection.txn(create)
            #expect(created.succeeded)
            guard case .put(let put) = created.responses.first else {
                Issue.record("not a put: \(created)")
                return
            }
            #expect(created.header.revision == 2 && put.header.revision == 2)

            let refused = try await connection.txn(create)
            #expect(!refused.succeeded)
            guard case .range(let range) = refused.responses.first else {
                Issue.record("not a range: \(refused)")
                return
            }
            #expect(range.kvs.map(\.value) == [[1]])
            let replaced = try await connection.txn(
                TxnRequest(
                    compare: [.modRevision(of: key, .equal, 2), .value(of: key, .equal, [1])],
                    success: [.deleteRange(DeleteRangeRequest(key: key))]))
            #expect(replaced.succeeded)
            await expectError(.invalidArgument, "etcdserver: duplicate key given in txn request") {
                let put = RequestOp.put(PutRequest(key: key))
                _ = try await connection.txn(TxnRequest(success: [put, put]))
            }
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func leases(version: EtcdVersion) async throws {
        try await withEtcd(version) { _, connection in
            let lease = try await connection.leaseGrant(LeaseGrantRequest(ttl: 100, id: 7))
            #expect(lease.id == 7 && lease.ttl == 100)
            _ = try await connection.put(PutRequest(key: [UInt8]("k"), lease: 7))
            let kept = try await connection.leaseKeepAlive(LeaseKeepAliveRequest(id: 7))
            #expect(kept.id == 7 && kept.ttl == 100)
            let left = try await connection.leaseTimeToLive(LeaseTimeToLiveRequest(id: 7, keys: true))
            #expect(left.grantedTTL == 100 && (1...100).contains(left.ttl) && left.keys == [[UInt8]("k")])
            await expectError(.failedPrecondition, "etcdserver: lease already exists") {
                _ = try await connection.leaseGrant(LeaseGrantRequest(ttl: 100, id: 7))
            }
            _ = try await connection.leaseRevoke(LeaseRevokeRequest(id: 7))
            #expect(try await connection.range(RangeRequest(key: [UInt8]("k"))).kvs.isEmpty)
            #expect(try await connection.leaseKeepAlive(LeaseKeepAliveRequest(id: 7)).ttl == 0)
            #expect(try await connection.leaseTimeToLive(LeaseTimeToLiveRequest(id: 7)).ttl == -1)
            await expectError(.notFound, "etcdserver: requested lease not found") {
                _ = try await connection.leaseRevoke(LeaseRevokeRequest(id: 7))
            }
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func maintenance(version: EtcdVersion) async throws {
        try await withEtcd(version) { _, connection in
            _ = try await connection.put(PutRequest(key: [1], value: [2]))
            let status = try await connection.status()
            #expect(status.version.hasPrefix(version.rawValue + "."))
            #expect(status.leader == status.header.memberID && status.dbSize > 0 && status.raftTerm > 0)
            #expect(status.dbSizeInUse <= status.dbSize && !status.isLearner && status.errors.isEmpty)
            #expect(try await connection.hashKV(HashKVRequest()).hash != 0)
            _ = try await connection.defragment()

            let raise = AlarmRequest(action: .activate, memberID: status.leader, alarm: .noSpace)
            _ = try await connection.alarm(raise)
            #expect(
                try await connection.alarm(AlarmRequest()).alarms == [AlarmMember(memberID: status.leader, alarm: .noSpace)])
            await expectError(.resourceExhausted, "etcdserver: mvcc: database space exceeded") {
                _ = try await connection.put(PutRequest(key: [1]))
            }
            #expect(try await connection.status().errors.count == 1)
            _ = try await connection.alarm(AlarmRequest(action: .deactivate, memberID: status.leader, alarm: .noSpace))
            #expect(try await connection.alarm(AlarmRequest()).alarms.isEmpty)
            await expectError(.failedPrecondition, "etcdserver: bad leader transferee") {
                _ = try await connection.moveLeader(MoveLeaderRequest(targetID: 99))
            }
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func largeMessages(version: EtcdVersion) async throws {
        try await withEtcd(version) { _, connection in
            let value = [UInt8](repeating: 7, count: 1 << 20)
            for key in 0..<UInt8(12) { _ = try await connection.put(PutRequest(key: [key], value: value)) }
            let range = try await connection.range(RangeRequest(key: [0], rangeEnd: [0]))
            #expect(range.kvs.count == 12 && range.kvs.allSatisfy { $0.value == value })
            await expectError(.invalidArgument, "etcdserver: request is too large") {
                _ = try await connection.put(PutRequest(key: [1], value: [UInt8](repeating: 7, count: 1_600_000)))
            }
        }
    }
}
