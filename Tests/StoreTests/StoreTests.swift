import EtcdWire
import Platform
import Testing

@testable import Store

/// Applies requests one after another and answers as a client would be.
struct Bench: ~Copyable {
    var store: Store
    var index: UInt64 = 0

    init(options: Store.Options = Store.Options()) {
        self.store = .inMemory(options: options)
    }

    @discardableResult
    mutating func apply(
        _ operation: InternalRaftRequest.Operation, uptime: Duration = .zero
    ) throws(StoreError)
        -> Store.ApplyResponse
    {
        self.index += 1
        return try self.store.apply(InternalRaftRequest(operation: operation), index: self.index, term: 1, uptime: uptime)
            .get()
    }

    @discardableResult
    mutating func put(_ key: String, _ value: String = "", lease: Int64 = 0) throws(StoreError) -> Int64 {
        try self.apply(.put(PutRequest(key: Array(key.utf8), value: Array(value.utf8), lease: lease)))
        return self.store.revision
    }

    mutating func delete(_ key: String) throws(StoreError) {
        try self.apply(.deleteRange(DeleteRangeRequest(key: Array(key.utf8))))
    }
}

@Suite struct StoreTests {
    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// The hashes that etcd itself gave for these very changes.
    @Test func hashesOfEtcd() throws {
        var bench = Bench()
        try bench.put("foo", "bar")
        try bench.put("foo", "baz")
        try bench.delete("foo")
        #expect(try bench.store.hashKV(HashKVRequest()).hash == 3_153_096_970)
        #expect(try bench.store.hashKV(HashKVRequest()).compactRevision == -1)
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 600, id: 0x694d_a205_3d3f_5608)))
        try bench.put("l1", "v1", lease: 0x694d_a205_3d3f_5608)
        #expect(try bench.store.hashKV(HashKVRequest()).hash == 134_669_314)
        #expect(try bench.store.hashKV(HashKVRequest(revision: 4)).hash == 3_153_096_970)

        var compacted = Bench()
        for number in 1...60 { try compacted.put("k\(number)", "v\(number)") }
        try compacted.delete("k5")
        try compacted.apply(.compaction(CompactionRequest(revision: 30)))
        #expect(try compacted.store.hashKV(HashKVRequest(revision: 62)).hash == 1_090_101_494)
    }

    @Test func malformedRequestsAreRefused() {
        let store = Store.inMemory(options: Store.Options(maximumTxnOps: 3))
        func refusal(_ operation: InternalRaftRequest.Operation) -> StoreError? {
            do throws(StoreError) {
                try store.validate(operation)
                return nil
            } catch {
                return error
            }
        }
        func put(_ text: String) -> RequestOp { .put(PutRequest(key: self.key(text))) }
        func txn(_ operations: RequestOp..., otherwise: [RequestOp] = []) -> RequestOp {
            .txn(TxnRequest(success: operations, failure: otherwise))
        }
        func refusal(_ operations: RequestOp...) -> StoreError? { refusal(.txn(TxnRequest(failure: operations))) }
        let deletion = RequestOp.deleteRange(DeleteRangeRequest(key: self.key("a"), rangeEnd: self.key("c")))

        #expect(refusal(.range(RangeRequest())) == .emptyKey)
        #expect(refusal(.put(PutRequest())) == .emptyKey)
        #expect(refusal(.deleteRange(DeleteRangeRequest())) == .emptyKey)
        #expect(refusal(.put(PutRequest(key: [1], value: [1], ignoreValue: true))) == .valueProvided)
        #expect(refusal(.put(PutRequest(key: [1], lease: 1, ignoreLease: true))) == .leaseProvided)
        #expect(refusal(.txn(TxnRequest(compare: [Compare()]))) == .emptyKey)
        #expect(refusal(put("")) == .emptyKey)
        #expect(refusal(put("a"), put("b"), put("c")) == nil)
        #expect(refusal(put("a"), put("b"), put("c"), put("d")) == .tooManyOps)
        #expect(refusal(txn(put("a"), put("b"))) == nil)
        #expect(refusal(put("x"), txn(put("a"), put("b"))) == .tooManyOps)
        #expect(refusal(put("a"), put("a")) == .duplicateKey)
        #expect(refusal(put("b"), deletion) == .duplicateKey)
        #expect(refusal(put("c"), deletion) == nil)
        #expect(refusal(txn(put("a"), otherwise: [put("a")])) == nil)
        #expect(refusal(txn(put("a")), put("a")) == .duplicateKey)
        #expect(refusal(txn(put("a")), txn(put("a"))) == .duplicateKey)
        #expect(refusal(txn(deletion), txn(put("b"))) == .duplicateKey)
        #expect(refusal(.deleteRange(DeleteRangeRequest(key: [0], rangeEnd: [0])), put("a")) == nil)
        // etcd lets a later deletion pass.
        #expect(refusal(txn(put("b")), txn(deletion)) == nil)
    }

    @Test func unknownEntriesAreRefusedAndEmptyOnesPass() {
        var store = Store.inMemory()
        #expect(store.apply(InternalRaftRequest(), index: 1, term: 1, uptime: .zero) == .success(.nothing))
        let unknown = InternalRaftRequest(unknown: [0xA2, 0x51, 0x00])
        #expect(store.apply(unknown, index: 2, term: 1, uptime: .zero) == .failure(.unknownRequest))
        #expect(store.appliedIndex == 2 && store.revision == 1)
    }

    /// A nested comparison sees what was before the transaction, as etcd's does.
    @Test func nestedTransactions() throws {
        var bench = Bench()
        let inner = TxnRequest(
            compare: [.version(of: self.key("a"), .equal, 0)], success: [.put(PutRequest(key: self.key("b")))])
        let outer = TxnRequest(success: [.put(PutRequest(key: self.key("a"))), .txn(inner)])
        try bench.apply(.txn(outer))
        #expect(bench.store.revision == 2)
        let range = try bench.store.range(RangeRequest(key: [0], rangeEnd: [0]))
        #expect(range.kvs.map(\.key) == [self.key("a"), self.key("b")])
        #expect(range.kvs.map(\.modRevision) == [2, 2])
    }

    @Test func revokedLeaseTakesItsKeysInOneRevision() throws {
        var bench = Bench()
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 5, id: 7)))
        for name in ["c", "a", "b", "d"] { try bench.put(name, lease: 7) }
        try bench.put("d")
        let watch = bench.store.createWatch(WatchCreateRequest(key: [0], rangeEnd: [0]))
        try bench.apply(.leaseRevoke(LeaseRevokeRequest(id: 7)))
        let responses = try bench.store.nextWatchResponses()
        #expect(responses.count == 1 && responses.first?.watchID == watch.watchID)
        #expect(responses.first?.events.map(\.kv.key) == ["a", "b", "c"].map(self.key))
        #expect(responses.first?.events.map(\.kv.modRevision) == [7, 7, 7])
    }

    @Test func leasesExpireInOrderAndAreRenewed() throws {
        var bench = Bench()
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 10, id: 1)), uptime: .seconds(1))
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 5, id: 2)), uptime: .seconds(1))
        try bench.apply(.leaseGrant(LeaseGrantRequest(ttl: 9_000_000_000, id: 3)), uptime: .seconds(9_000_000_000))
        #expect(bench.store.nextLeaseDeadline == .seconds(6))
        #expect(bench.store.expiredLeases(uptime: .seconds(5), limit: 10).isEmpty)
        #expect(bench.store.expiredLeases(uptime: .seconds(11), limit: 10) == [2, 1])
        #expect(bench.store.expiredLeases(uptime: .seconds(11), limit: 1) == [2])
        #expect(bench.store.leaseKeepAlive(LeaseKeepAliveRequest(id: 2), uptime: .seconds(5)).ttl == 5)
        #expect(bench.store.expiredLeases(uptime: .seconds(9), limit: 10).isEmpty)
        // Over, though not revoked yet: too late to renew.
        #expect(bench.store.leaseKeepAlive(LeaseKeepAliveRequest(id: 2), uptime: .seconds(10)).ttl == 0)
        try bench.apply(
            .leaseCheckpoint(LeaseCheckpointRequest(checkpoints: [LeaseCheckpoint(id: 1, remainingTTL: 3)])))
        bench.store.renewLeases(uptime: .seconds(100))
        #expect(bench.store.nextLeaseDeadline == .seconds(103))
    }

    @Test func alarms() throws {
        var bench = Bench()
        let noSpace = AlarmMember(memberID: 5, alarm: .noSpace)
        let corrupt = AlarmMember(memberID: 4, alarm: .corrupt)
        func alarms(_ response: Store.ApplyResponse) -> [AlarmMember]? {
            if case .alarm(let response) = response { response.alarms } else { nil }
        }
        func request(_ action: AlarmRequest.AlarmAction, _ alarm: AlarmMember) -> InternalRaftRequest.Operation {
            .alarm(AlarmRequest(action: action, memberID: alarm.memberID, alarm: alarm.alarm))
        }
        #expect(alarms(try bench.apply(request(.activate, noSpace))) == [noSpace])
        #expect(alarms(try bench.apply(request(.activate, noSpace))) == [noSpace])
        #expect(alarms(try bench.apply(request(.activate, corrupt))) == [corrupt])
        #expect(alarms(try bench.apply(request(.get, AlarmMember()))) == [corrupt, noSpace])
        #expect(alarms(try bench.apply(request(.get, AlarmMember(alarm: .noSpace)))) == [noSpace])
        let reopened = try Store(backend: bench.store.backend)
        #expect(reopened.alarms == [corrupt, noSpace])
        #expect(alarms(try bench.apply(request(.deactivate, noSpace))) == [noSpace])
        #expect(alarms(try bench.apply(request(.deactivate, noSpace))) == [])
        #expect(alarms(try bench.apply(request(.get, AlarmMember()))) == [corrupt])
    }
}
