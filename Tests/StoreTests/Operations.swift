import EtcdWire
import Platform

/// Draws requests over a few keys, so that they meet: most make sense, some do not.
struct Operations {
    var random: SeededRandom
    /// The store's, as of now, so that revisions asked for are near it.
    var revision: Int64 = 1

    static let keys: [[UInt8]] =
        ["a", "a\0", "ab", "b", "/registry/pods/one", "/registry/pods/one1", "/registry/pods/two", "z"]
        .map { Array($0.utf8) } + [[0xFF], [0xFF, 0xFF], [0]]
    static let leases: [Int64] = [1, 2, 3, 0x7FFF_FFFF_FFFF_FFFF]

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    mutating func next() -> InternalRaftRequest.Operation {
        switch self.roll(100) {
        case 0..<40: .put(self.put())
        case 40..<55: .deleteRange(self.deleteRange())
        case 55..<75: .txn(self.txn(depth: 0))
        case 75..<82: .range(self.range())
        case 82..<85: .compaction(CompactionRequest(revision: self.pastRevision()))
        case 85..<94: .leaseGrant(LeaseGrantRequest(ttl: self.pick([0, 1, 5, 60, 9_000_000_001]), id: self.lease()))
        default: .leaseRevoke(LeaseRevokeRequest(id: self.lease()))
        }
    }

    mutating func range() -> RangeRequest {
        let (key, rangeEnd) = self.bounds()
        var request = RangeRequest(key: key, rangeEnd: rangeEnd)
        if self.chance(0.5) { request.limit = Int64(self.roll(4)) }
        if self.chance(0.4) { request.revision = self.pastRevision() }
        request.sortOrder = self.pick([.none, .none, .ascend, .descend])
        request.sortTarget = self.pick(RangeRequest.SortTarget.allCases)
        request.keysOnly = self.chance(0.1)
        request.countOnly = self.chance(0.1)
        if self.chance(0.1) { request.minModRevision = self.pastRevision() }
        if self.chance(0.1) { request.maxModRevision = self.pastRevision() }
        if self.chance(0.1) { request.minCreateRevision = self.pastRevision() }
        if self.chance(0.1) { request.maxCreateRevision = self.pastRevision() }
        return request
    }

    mutating func put() -> PutRequest {
        var request = PutRequest(key: self.key(), value: self.value(), prevKv: self.chance(0.5))
        if self.chance(0.3) { request.lease = self.lease() }
        if self.chance(0.1) { (request.ignoreValue, request.value) = (true, []) }
        if self.chance(0.1) { (request.ignoreLease, request.lease) = (true, 0) }
        return request
    }

    mutating func deleteRange() -> DeleteRangeRequest {
        let (key, rangeEnd) = self.chance(0.6) ? (self.key(), []) : self.bounds()
        return DeleteRangeRequest(key: key, rangeEnd: rangeEnd, prevKv: self.chance(0.5))
    }

    mutating func txn(depth: Int) -> TxnRequest {
        var request = TxnRequest()
        for _ in 0..<self.roll(3) { request.compare.append(self.compare()) }
        for _ in 0..<self.roll(4) { request.success.append(self.operation(depth)) }
        for _ in 0..<self.roll(4) { request.failure.append(self.operation(depth)) }
        return request
    }

    private mutating func operation(_ depth: Int) -> RequestOp {
        switch self.roll(10) {
        case 0..<3: .range(self.range())
        case 3..<7: .put(self.put())
        case 7..<9: .deleteRange(self.deleteRange())
        default: depth < 2 ? .txn(self.txn(depth: depth + 1)) : .put(self.put())
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

    mutating func bounds() -> (key: [UInt8], rangeEnd: [UInt8]) {
        switch self.roll(5) {
        case 0: (self.key(), [])
        case 1: (self.key(), [0])
        case 2: (Array("/registry/".utf8), Array("/registry0".utf8))
        case 3: ([0], [0])
        default: (self.key(), self.key())
        }
    }

    /// Mostly a revision that was; now and then one that was not yet, or never.
    mutating func pastRevision() -> Int64 {
        self.chance(0.05)
            ? self.revision + 1 : self.chance(0.05) ? -1 : Int64.random(in: 0...self.revision, using: &self.random)
    }

    mutating func lease() -> Int64 { self.pick(Self.leases) }
    mutating func key() -> [UInt8] { self.pick(Self.keys) }
    mutating func value() -> [UInt8] { Array("v\(self.roll(5))".utf8) }
    mutating func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self.random) }
    mutating func chance(_ probability: Double) -> Bool { self.random.chance(probability) }
    mutating func pick<Value>(_ values: [Value]) -> Value { values[self.roll(values.count)] }
}
