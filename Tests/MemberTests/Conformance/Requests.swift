import EtcdWire
import Platform

@testable import Member

/// Draws calls of every kind over a few keys, so that they meet: most make sense, some do not.
struct Requests {
    var random: SeededRandom
    /// The members' revision, as of now, so that revisions asked for are near it.
    var revision: Int64 = 1
    var compacted: Int64 = 0
    /// Follow what was drawn before, in this order.
    private var next: [ClientRequest] = []

    static let keys: [[UInt8]] =
        ["a", "a\0", "ab", "b", "/registry/pods/one", "/registry/pods/one1", "/registry/pods/two", "z"]
        .map { Array($0.utf8) } + [[0xFF], [0xFF, 0xFF], [0]]
    static let leases: [Int64] = [1, 2, 3, 4, 5, 0x7FFF_FFFF_FFFF_FFFF]

    init(seed: UInt64) { self.random = SeededRandom(seed: seed) }

    mutating func draw() -> ClientRequest {
        if !self.next.isEmpty { return self.next.removeFirst() }
        return switch self.roll(1000) {
        case 0..<240: .range(self.range())
        case 240..<500: .put(self.put())
        case 500..<580: .deleteRange(self.deleteRange())
        case 580..<780: .txn(self.txn())
        case 780..<800: .compact(CompactionRequest(revision: self.pastRevision(), physical: true))
        case 800..<850:
            .leaseGrant(LeaseGrantRequest(ttl: self.pick([1_000, 5_000, 100_000, 9_000_000_001]), id: self.lease()))
        case 850..<880: .leaseRevoke(LeaseRevokeRequest(id: self.lease()))
        case 880..<915: .leaseTimeToLive(LeaseTimeToLiveRequest(id: self.lease(), keys: self.chance(0.5)))
        case 915..<930: .leaseLeases
        case 930..<945: .hashKV(HashKVRequest(revision: self.hashRevision()))
        case 945..<955: .status
        case 955..<965: .memberList(MemberListRequest(linearizable: self.chance(0.5)))
        default: self.rare()
        }
    }

    private mutating func rare() -> ClientRequest {
        switch self.roll(16) {
        case 0: .memberAdd(MemberAddRequest(peerURLs: self.pick([[], ["not a url"], ["http://127.0.0.1:1/path"]])))
        case 1: .memberRemove(MemberRemoveRequest(id: 77))
        case 2: .memberUpdate(MemberUpdateRequest(id: 77, peerURLs: self.pick([[], ["http://127.0.0.1:1"], ["not a url"]])))
        case 3: .memberPromote(MemberPromoteRequest(id: 77))
        case 4: .moveLeader(MoveLeaderRequest(targetID: self.pick([0, 1, 77])))
        case 5, 6: .downgrade(DowngradeRequest(action: .validate, version: self.version()))
        // Of a downgrade that is allowed etcd 3.5.1 tells at times that it timed out.
        case 7: .downgrade(DowngradeRequest(action: .enable, version: self.pick(["3.3.0", "3.6.0", "", "x"])))
        case 8: .downgrade(DowngradeRequest(action: .cancel))
        case 9: .alarm(AlarmRequest(action: .get, memberID: self.pick([0, 1, 77]), alarm: self.pick(AlarmType.allCases)))
        case 10: self.noSpace()
        case 11: .hash
        case 12: self.chance(0.2) ? .defragment : .status
        case 13: .alarm(AlarmRequest(action: .deactivate, memberID: 1, alarm: self.pick(AlarmType.allCases)))
        case 14: .put(PutRequest(key: [], value: self.value()))
        default: .range(RangeRequest(key: []))
        }
    }

    private mutating func version() -> String { self.pick(["3.4", "3.4.0", "3.5.0", "3.3.0", "3.6.0", "", "x", "3.4.1"]) }

    /// For a while there is no space, and then there is again.
    private mutating func noSpace() -> ClientRequest {
        self.next = [
            .put(self.put()), .txn(self.txn()), .leaseGrant(LeaseGrantRequest(ttl: 1000, id: self.lease())), .status,
            .deleteRange(self.deleteRange()), .leaseRevoke(LeaseRevokeRequest(id: self.lease())),
            .alarm(AlarmRequest(action: .get)), .alarm(AlarmRequest(action: .deactivate, memberID: 1, alarm: .noSpace)),
            .alarm(AlarmRequest(action: .get)),
        ]
        return .alarm(AlarmRequest(action: .activate, memberID: 1, alarm: .noSpace))
    }

    mutating func watch() -> WatchCreateRequest {
        let (key, rangeEnd) = self.chance(0.5) ? ([0], [0]) : self.bounds()
        let start = Int64.random(in: max(1, self.compacted - 2)...max(2, self.revision), using: &self.random)
        var request = WatchCreateRequest(key: key, rangeEnd: rangeEnd, prevKv: self.chance(0.5))
        // What was deleted at the compacted revision itself is still told from 3.5.19 on.
        request.startRevision = start == self.compacted ? start + 1 : start
        request.filters = self.pick([[], [], [.noPut], [.noDelete]])
        request.fragment = self.chance(0.3)
        return request
    }

    // MARK: Keys and values

    private mutating func range() -> RangeRequest {
        let (key, rangeEnd) = self.bounds()
        var request = RangeRequest(key: key, rangeEnd: rangeEnd)
        if self.chance(0.4) { request.revision = self.pastRevision() }
        request.sortOrder = self.pick([.none, .none, .ascend, .descend])
        request.sortTarget = self.chance(0.6) ? .key : self.pick(RangeRequest.SortTarget.allCases)
        // Which of several that are alike are cut off is left to chance.
        if self.chance(0.5), request.sortTarget == .key { request.limit = Int64(self.roll(4)) }
        request.serializable = self.chance(0.3)
        request.keysOnly = self.chance(0.1)
        request.countOnly = self.chance(0.1)
        if self.chance(0.1) { request.minModRevision = self.pastRevision() }
        if self.chance(0.1) { request.maxModRevision = self.pastRevision() }
        if self.chance(0.1) { request.minCreateRevision = self.pastRevision() }
        if self.chance(0.1) { request.maxCreateRevision = self.pastRevision() }
        return request
    }

    private mutating func put() -> PutRequest {
        var request = PutRequest(key: self.key(), value: self.value(), prevKv: self.chance(0.5))
        if self.chance(0.3) { request.lease = self.lease() }
        if self.chance(0.1) { (request.ignoreValue, request.value) = (true, self.chance(0.9) ? [] : request.value) }
        if self.chance(0.1) { (request.ignoreLease, request.lease) = (true, self.chance(0.9) ? 0 : request.lease) }
        return request
    }

    private mutating func deleteRange() -> DeleteRangeRequest {
        let (key, rangeEnd) = self.chance(0.6) ? (self.key(), []) : self.bounds()
        return DeleteRangeRequest(key: key, rangeEnd: rangeEnd, prevKv: self.chance(0.5))
    }

    private mutating func txn() -> TxnRequest {
        var txn = self.txn(depth: 0)
        // What is to keep the value of a key that the same transaction deletes ends etcd 3.5.
        if txn.deletes { txn.keepNothing() }
        return txn
    }

    private mutating func txn(depth: Int) -> TxnRequest {
        var request = TxnRequest()
        let isRead = depth == 0 && self.chance(0.2)
        for _ in 0..<self.roll(3) { request.compare.append(self.compare()) }
        for _ in 0..<self.roll(4) { request.success.append(isRead ? .range(self.range()) : self.operation(depth)) }
        for _ in 0..<self.roll(4) { request.failure.append(isRead ? .range(self.range()) : self.operation(depth)) }
        return request
    }

    private mutating func operation(_ depth: Int) -> RequestOp {
        switch self.roll(10) {
        case 0..<3: .range(self.range())
        case 3..<7: .put(self.put())
        case 7..<9: .deleteRange(self.deleteRange())
        default: depth < 3 ? .txn(self.txn(depth: depth + 1)) : .put(self.put())
        }
    }

    private mutating func compare() -> Compare {
        let (key, rangeEnd) = self.chance(0.8) ? (self.key(), []) : self.bounds()
        var compare = Compare(
            result: self.pick(Compare.CompareResult.allCases), target: self.pick(Compare.CompareTarget.allCases), key: key,
            rangeEnd: rangeEnd)
        switch compare.target {
        case .version: compare.operand = .version(Int64(self.roll(3)))
        case .create: compare.operand = .createRevision(self.chance(0.5) ? 0 : self.pastRevision())
        case .mod: compare.operand = .modRevision(self.chance(0.5) ? 0 : self.pastRevision())
        case .value: compare.operand = .value(self.value())
        case .lease: compare.operand = .lease(self.chance(0.5) ? 0 : self.lease())
        }
        return compare
    }

    private mutating func bounds() -> (key: [UInt8], rangeEnd: [UInt8]) {
        switch self.roll(5) {
        case 0: (self.key(), [])
        case 1: (self.key(), [0])
        case 2: (Array("/registry/".utf8), Array("/registry0".utf8))
        case 3: ([0], [0])
        default: (self.key(), self.key())
        }
    }

    /// Mostly a revision that is still there; now and then one that is not yet, or no more, or never was.
    private mutating func pastRevision() -> Int64 {
        if self.chance(0.05) { return self.revision + 1 }
        if self.chance(0.05) { return self.pick([-1, 0, 1]) }
        return Int64.random(in: max(0, self.compacted - 1)...max(1, self.revision), using: &self.random)
    }

    private mutating func hashRevision() -> Int64 {
        let revision = self.chance(0.3) ? 0 : self.pastRevision()
        // The compacted revision itself has a hash from 3.5.5 on.
        return revision == self.compacted ? 0 : revision
    }

    private mutating func lease() -> Int64 { self.pick(Self.leases) }
    private mutating func key() -> [UInt8] { self.pick(Self.keys) }
    private mutating func value() -> [UInt8] { Array("v\(self.roll(5))".utf8) }
    private mutating func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self.random) }
    private mutating func chance(_ probability: Double) -> Bool { self.random.chance(probability) }
    private mutating func pick<Value>(_ values: [Value]) -> Value { values[self.roll(values.count)] }
}

extension TxnRequest {
    fileprivate var deletes: Bool {
        (self.success + self.failure).contains { operation in
            switch operation {
            case .deleteRange: true
            case .txn(let txn): txn.deletes
            case .put, .range: false
            }
        }
    }

    /// No put keeps what is there.
    fileprivate mutating func keepNothing() {
        func change(_ operation: RequestOp) -> RequestOp {
            switch operation {
            case .put(var put):
                (put.ignoreValue, put.ignoreLease) = (false, false)
                return .put(put)
            case .txn(var txn):
                txn.keepNothing()
                return .txn(txn)
            case .range, .deleteRange: return operation
            }
        }
        self.success = self.success.map(change)
        self.failure = self.failure.map(change)
    }
}
