import EtcdClient
import EtcdWire
import Platform
import Store
import Synchronization
import Testing

@testable import EmbeddedStore

/// What a store that was fed a workload may hold after a crash.
struct Expectation: Sendable {
    /// The keys and values each revision left behind.
    var states: [Int64: [String: String]] = [1: [:]]
    /// The newest revision anyone was told of, and the newest asked for.
    var acknowledged: Int64 = 1
    var offered: Int64 = 1
    var compacted: Int64 = -1
    var leases: Set<Int64> = []

    var current: [String: String] { self.states[self.offered]! }

    mutating func change(_ body: (inout [String: String]) -> Void) {
        var state = self.current
        body(&state)
        self.offered += 1
        self.states[self.offered] = state
    }

    /// Nil where a recovered store is one of those allowed, and can go on.
    func problem(with disk: SimulatedDisk, _ configuration: EmbeddedStoreConfiguration) -> String? {
        do {
            var core = try StoreCore.open(directory: "/data", disk: disk, configuration: configuration, uptime: .zero)
            let revision = core.store.revision
            guard revision >= self.acknowledged else { return "acknowledged up to \(self.acknowledged), found \(revision)" }
            guard revision <= self.offered, let expected = self.states[revision] else {
                return "revision \(revision) of nowhere"
            }
            guard core.store.compactRevision >= self.compacted else { return "an acknowledged compaction is undone" }
            let kvs = try core.store.range(RangeRequest(key: [0], rangeEnd: [0])).kvs
            var found: [String: String] = [:]
            for kv in kvs { found[String(decoding: kv.key, as: UTF8.self)] = String(decoding: kv.value, as: UTF8.self) }
            guard found == expected else { return "revision \(revision): \(found) instead of \(expected)" }
            let known = core.store.leaseLeases().leases.map(\.id)
            guard self.leases.isSubset(of: known) else { return "leases \(self.leases) acknowledged, \(known) found" }
            guard case .put(let put)? = try core.commit([.put(PutRequest(key: bytes("probe")))], uptime: .zero).first?.get()
            else { return "no answer" }
            guard put.header.revision == revision + 1 else { return "went on at \(put.header.revision) from \(revision)" }
            try core.snapshot(uptime: .zero)
            try core.close(uptime: .zero)
            return nil
        } catch {
            return "\(error)"
        }
    }
}

/// Drives a core over a simulated disk with puts, deletes, transactions, leases, compactions, commits and snapshots.
struct StoreWorkload {
    let seed: UInt64
    let operations: Int
    var ignoresSyncs = false

    static var configuration: EmbeddedStoreConfiguration {
        var configuration = EmbeddedStoreConfiguration()
        configuration.segmentBytes = 2500
        configuration.snapshotEntries = 40
        configuration.commitRows = 15
        configuration.identity = (memberID: 1, clusterID: 2)
        return configuration
    }

    /// Calls `look` after each operation of the disk, with the disk and what may be found on it.
    func run(_ look: @escaping @Sendable (SimulatedDisk, Expectation) -> Void) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: self.seed)
        if self.ignoresSyncs { disk.ignoreSyncs() }
        let shared = Shared(Expectation())
        disk.observe { look($0, shared.value) }
        var random = SeededRandom(seed: self.seed)
        var core = try StoreCore.open(
            directory: "/data", disk: disk, configuration: Self.configuration, uptime: .zero)
        while disk.operationCount <= self.operations {
            var next = shared.value
            var requests: [StoreCore.Operation] = []
            var (compaction, lease): (Int64?, Int64?)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                requests.append(Self.request(&next, &random, &compaction, &lease))
            }
            shared.value = next
            let results = try core.commit(requests, uptime: .zero)
            for result in results { _ = try result.get() }
            next.acknowledged = next.offered
            if let compaction { next.compacted = compaction }
            if let lease { next.leases.insert(lease) }
            shared.value = next
            precondition(core.store.revision == next.offered, "the model and the store differ")
            try core.keepHouse(uptime: .zero)
        }
        disk.observe(nil)
        try core.close(uptime: .zero)
        return disk
    }

    private static func request(
        _ expected: inout Expectation, _ random: inout SeededRandom, _ compaction: inout Int64?, _ lease: inout Int64?
    ) -> StoreCore.Operation {
        let key = "k\(Int.random(in: 0..<9, using: &random))"
        let value = "\(random.next())" + String(repeating: "x", count: Int.random(in: 0...300, using: &random))
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<3 where expected.current[key] != nil:
            expected.change { $0[key] = nil }
            return .deleteRange(DeleteRangeRequest(key: bytes(key)))
        case 3..<8:
            expected.change { ($0["left"], $0["right"]) = (value, value) }
            return .txn(
                TxnRequest(success: [
                    .put(PutRequest(key: bytes("left"), value: bytes(value))),
                    .put(PutRequest(key: bytes("right"), value: bytes(value))),
                ]))
        case 8 where lease == nil:
            let id = Int64.random(in: 1...Int64.max, using: &random)
            lease = id
            return .leaseGrant(LeaseGrantRequest(ttl: 60, id: id))
        case 9 where compaction == nil && expected.acknowledged > max(1, expected.compacted):
            compaction = expected.acknowledged
            return .compaction(CompactionRequest(revision: expected.acknowledged))
        default:
            expected.change { $0[key] = value }
            return .put(PutRequest(key: bytes(key), value: bytes(value)))
        }
    }
}

/// A value that a disk's observer reads while the test that owns it is inside the disk.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { self.mutex = Mutex(value) }

    var value: Value {
        get { self.mutex.withLock { $0 } }
        set { self.mutex.withLock { $0 = newValue } }
    }
}

/// A power cut after every disk operation, in eight forms each: what was acknowledged is there, nothing is there by half,
/// and the store goes on.
@Suite struct CrashTests {
    private static func problems(seed: UInt64, operations: Int, ignoringSyncs: Bool = false) throws -> (Int, [String]) {
        let found = Shared<(count: Int, problems: [String])>((0, []))
        _ = try StoreWorkload(seed: seed, operations: operations, ignoresSyncs: ignoringSyncs).run { disk, expectation in
            var (count, problems) = found.value
            let states = disk.crashStates()
            count += states.count
            // With nothing unsynced the eight are the same.
            for crash in disk.unsyncedCount == 0 ? states[..<1] : states[...] {
                guard let problem = expectation.problem(with: crash.disk, StoreWorkload.configuration) else { continue }
                problems.append("seed \(seed), operation \(disk.operationCount), \(crash.kind): \(problem)")
            }
            found.value = (count, problems)
        }
        return found.value
    }

    @Test func nothingAcknowledgedIsLost() throws {
        let (count, problems) = try Self.problems(seed: 1, operations: 1000)
        #expect(count >= 8000)
        #expect(problems == [])
    }

    /// A second power cut, at every operation of the recovery from the first and of the snapshot written after it.
    @Test func recoveryCanBeInterrupted() throws {
        let problems = Shared<[String]>([])
        _ = try StoreWorkload(seed: 2, operations: 260).run { disk, expectation in
            guard disk.operationCount % 31 == 0 else { return }
            for kind in [CrashKind.nothingUnsynced, .subset(1), .lastWriteTorn] {
                let whole = disk.afterCrash(kind)
                Self.recover(whole)
                for operation in 0..<whole.operationCount {
                    let first = disk.afterCrash(kind)
                    first.stop(after: operation)
                    Self.recover(first)
                    let kinds: [CrashKind] = [.nothingUnsynced, .subset(1), .metadataFirst]
                    for second in first.unsyncedCount == 0 ? [.everything] : kinds {
                        guard let problem = expectation.problem(with: first.afterCrash(second), StoreWorkload.configuration)
                        else { continue }
                        problems.value.append("\(disk.operationCount) \(kind), then \(operation) \(second): \(problem)")
                    }
                }
            }
        }
        #expect(problems.value == [])
    }

    private static func recover(_ disk: SimulatedDisk) {
        do {
            var core = try StoreCore.open(
                directory: "/data", disk: disk, configuration: StoreWorkload.configuration, uptime: .zero)
            try core.snapshot(uptime: .zero)
            try core.close(uptime: .zero)
        } catch {
            // The disk stopped, which is the point; what it left is judged by the caller.
        }
    }

    @Test func withoutSyncsItWouldBeSeen() throws {
        let (_, problems) = try Self.problems(seed: 1, operations: 120, ignoringSyncs: true)
        #expect(problems.contains { $0.contains("acknowledged up to") })
        #expect(problems.count > 20)
    }

    /// An error of the disk at any operation: the core says so and is done; after a reopen nothing acknowledged is lost.
    @Test func everyOperationFailing() throws {
        let total = 160
        for operation in 1...total {
            let disk = SimulatedDisk(seed: UInt64(operation))
            disk.fail(operation: operation, code: operation % 2 == 0 ? 5 : 28)
            var acknowledged: Int64 = 1
            do {
                var core = try StoreCore.open(
                    directory: "/data", disk: disk, configuration: StoreWorkload.configuration, uptime: .zero)
                for value in 0..<120 {
                    let put = PutRequest(key: bytes("k"), value: [UInt8](repeating: UInt8(value), count: 200))
                    guard case .put(let response)? = try core.commit([.put(put)], uptime: .zero).first?.get() else { break }
                    acknowledged = response.header.revision
                    try core.keepHouse(uptime: .zero)
                }
                Issue.record("operation \(operation) failed and nobody said so")
            } catch {
                #expect(error is EmbeddedStoreError, "operation \(operation): \(error)")
            }
            for kind in [CrashKind.nothingUnsynced, .everything] {
                let core = try StoreCore.open(
                    directory: "/data", disk: disk.afterCrash(kind), configuration: StoreWorkload.configuration, uptime: .zero)
                #expect(core.store.revision >= acknowledged, "operation \(operation), \(kind)")
                try core.close(uptime: .zero)
            }
        }
    }
}
