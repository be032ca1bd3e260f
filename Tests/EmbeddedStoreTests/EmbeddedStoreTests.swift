import Bolt
import EmbeddedStore
import EtcdClient
import EtcdWire
import Platform
import Synchronization
import Testing

/// A clock that stands still until told otherwise. Sleepers wake when it passes their time.
final class ManualClock: WallClock {
    private struct State {
        var uptime = Duration.zero
        var sleepers: [Int: (until: Duration, wake: CheckedContinuation<Void, any Error>)] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    func now() -> Timestamp { Timestamp(seconds: 1_700_000_000) + self.uptime() }
    func uptime() -> Duration { self.state.withLock { $0.uptime } }

    func sleep(for duration: Duration) async throws {
        try await withCheckedThrowingContinuation { continuation in
            self.state.withLock { state in
                state.sleepers[state.next] = (state.uptime + duration, continuation)
                state.next += 1
            }
        }
    }

    func advance(by duration: Duration) {
        let woken = self.state.withLock { state in
            state.uptime += duration
            let due = state.sleepers.filter { $0.value.until <= state.uptime }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.wake)
        }
        for wake in woken { wake.resume() }
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func openStore(
    _ disk: SimulatedDisk, _ change: (inout EmbeddedStoreConfiguration) -> Void = { _ in }, clock: any WallClock = SystemClock()
) async throws -> EmbeddedStore {
    var configuration = EmbeddedStoreConfiguration()
    configuration.segmentBytes = 50_000
    configuration.identity = (memberID: 1, clusterID: 2)
    change(&configuration)
    return try await EmbeddedStore.open(directory: "/data", disk: disk, clock: clock, configuration: configuration)
}

extension EmbeddedStore {
    @discardableResult
    func put(_ key: String, _ value: String, lease: Int64 = 0) async throws(EtcdError) -> Int64 {
        try await self.put(PutRequest(key: bytes(key), value: bytes(value), lease: lease)).header.revision
    }

    func value(_ key: String) async throws(EtcdError) -> String? {
        let response = try await self.range(RangeRequest(key: bytes(key)))
        return response.kvs.first.map { String(decoding: $0.value, as: UTF8.self) }
    }
}

@Suite(.timeLimit(.minutes(5))) struct EmbeddedStoreTests {
    @Test func changesAreThereAfterAReopen() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try await openStore(disk)
        #expect(try await store.put("a", "1") == 2)
        #expect(try await store.put("b", "2") == 3)
        let deleted = try await store.deleteRange(DeleteRangeRequest(key: bytes("a")))
        #expect(deleted.deleted == 1)
        try await store.close()

        let again = try await openStore(disk)
        #expect(try await again.value("a") == nil)
        #expect(try await again.value("b") == "2")
        #expect(try await again.put("c", "3") == 5)
        let old = try await again.range(RangeRequest(key: bytes("a"), revision: 3))
        #expect(old.kvs.map(\.value) == [bytes("1")])
        #expect(old.header.memberID == 1)
        #expect(old.header.clusterID == 2)
        try await again.close()
    }

    @Test func aSecondOpenIsRefused() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try await openStore(disk)
        await #expect(throws: EmbeddedStoreError(.locked, "/data: the store is in use by another process")) {
            _ = try await openStore(disk)
        }
        try await store.close()
        try await openStore(disk).close()
    }

    @Test func callsAfterTheEndFail() async throws {
        let store = try await openStore(SimulatedDisk(seed: 1))
        try await store.close()
        do throws(EtcdError) {
            try await store.put("a", "1")
            Issue.record("a closed store took a change")
        } catch {
            #expect(error.code == .unavailable)
            #expect(!error.mayHaveHappened)
        }
    }

    @Test func refusalsAreEtcdsOwnWords() async throws {
        let disk = SimulatedDisk(seed: 1)
        // The database is committed now and then whatever is asked: not within this test.
        let store = try await openStore(disk) { $0.commitInterval = .seconds(3600) }
        let before = disk.operationCount
        await #expect(throws: EtcdError(.invalidArgument, "etcdserver: key is not provided")) { try await store.put("", "1") }
        await #expect(throws: EtcdError(.invalidArgument, "etcdserver: request is too large")) {
            try await store.put("a", String(repeating: "x", count: 1_600_000))
        }
        await #expect(throws: EtcdError(.outOfRange, "etcdserver: mvcc: required revision is a future revision")) {
            _ = try await store.range(RangeRequest(key: bytes("a"), revision: 9))
        }
        #expect(disk.operationCount == before, "nothing of a refused request is written")
        try await store.close()
    }

    @Test func readOnlyTransactionsWriteNothing() async throws {
        let disk = SimulatedDisk(seed: 1)
        // The database is committed now and then whatever is asked: not within this test.
        let store = try await openStore(disk) { $0.commitInterval = .seconds(3600) }
        try await store.put("a", "1")
        let before = disk.operationCount
        let response = try await store.txn(TxnRequest(success: [.range(RangeRequest(key: bytes("a")))]))
        #expect(response.succeeded)
        #expect(disk.operationCount == before)
        try await store.close()
    }

    @Test func manyWritersShareSyncs() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try await openStore(disk)
        try await withThrowingTaskGroup { group in
            for writer in 0..<64 {
                group.addTask {
                    for round in 0..<8 { try await store.put("w\(writer)", "\(round)") }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.range(RangeRequest(key: [0], rangeEnd: [0])).count == 64)
        #expect(try await store.value("w63") == "7")
        #expect(try await store.put("x", "y") == 514)
        try await store.close()
    }

    @Test func snapshotsBoundTheLog() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try await openStore(disk) { $0.snapshotEntries = 50 }
        for round in 0..<400 { try await store.put("k\(round % 7)", "\(round)") }
        try await store.close()
        #expect(try disk.list("/data/member/snap").count == 3, "two snapshots and the database")
        #expect(try disk.list("/data/member/wal").count <= 4)
        let again = try await openStore(disk) { $0.snapshotEntries = 50 }
        #expect(try await again.value("k0") == "399")
        #expect(try await again.put("k0", "x") == 402)
        let first = try await again.range(RangeRequest(key: bytes("k0"), revision: 2))
        #expect(first.kvs.map(\.value) == [bytes("0")])
        try await again.close()
    }

    /// The database lags behind the log, and a restart takes what it lacks from there.
    @Test func theLogHasWhatTheDatabaseLacks() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try await openStore(disk) { $0.commitRows = 10 }
        for round in 0..<25 { try await store.put("k\(round % 7)", "\(round)") }
        let crashed = disk.afterCrash(.nothingUnsynced)
        let again = try await openStore(crashed) { $0.commitRows = 10 }
        for round in 18..<25 { #expect(try await again.value("k\(round % 7)") == "\(round)") }
        #expect(try await again.put("k", "v") == 27)
        try await again.close()
        try await store.close()
    }

    @Test func aDirectoryThatLacksAPartIsRefused() async throws {
        let disk = SimulatedDisk(seed: 1)
        try await openStore(disk).close()
        let path = "/data/member/snap/db"
        try disk.rename(path, to: "/data/aside")
        let state = "/data/member/snap/0000000000000001-0000000000000009.snap"
        let file = try disk.open(state, .createNew)
        try file.close()
        let refusal = await #expect(throws: EmbeddedStoreError.self) { _ = try await openStore(disk) }
        #expect(refusal?.code == .corrupt && refusal?.message.contains("kept its state in .snap files") == true)
        try disk.remove(state)
        try disk.rename("/data/aside", to: path)
        try await openStore(disk).close()
    }

    /// A page of the database that is not what was written: named, and nothing is done from then on.
    @Test func aDamagedDatabaseIsRefused() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try await openStore(disk)
        for round in 0..<200 { try await store.put("k\(round)", String(repeating: "v", count: 100)) }
        try await store.close()
        let path = "/data/member/snap/db"
        let size = Int(try disk.stat(path)?.size ?? 0)
        var refused = 0
        for page in 2..<min(size / 4096, 14) {
            let damaged = disk.afterCrash(.everything)
            try damaged.flip(1, at: page * 4096 + 1, of: path)
            do {
                try await openStore(damaged).close()
            } catch let error as EmbeddedStoreError {
                #expect(error.code == .corrupt && error.message.contains(path), "page \(page): \(error)")
                refused += 1
            }
        }
        #expect(refused > 0)
    }

    @Test func compactionsGoOnByThemselves() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try await openStore(disk)
        for round in 0..<300 { try await store.put("k\(round % 5)", "\(round)") }
        _ = try await store.compact(CompactionRequest(revision: 250))
        #expect(try await store.range(RangeRequest(key: bytes("k0"), revision: 250)).count == 1)
        await #expect(throws: EtcdError(.outOfRange, "etcdserver: mvcc: required revision has been compacted")) {
            _ = try await store.range(RangeRequest(key: bytes("k0"), revision: 249))
        }
        try await store.close()
        let file = try BoltFile(disk.open("/data/member/snap/db", .read))
        let rows = try #require(try file.root.bucket("key"))
        var (cursor, count) = (rows.cursor(), 0)
        while try cursor.next() != nil { count += 1 }
        #expect(count == 301 - 250 + 5)
        #expect(try file.root.bucket("meta")?.entry("finishedCompactRev") != nil)
    }

    @Test func theFirstFailedSyncStopsIt() async throws {
        let disk = SimulatedDisk(seed: 1)
        let fatal = Mutex<[String]>([])
        let told = AsyncStream<Void>.makeStream()
        let store = try await openStore(disk) { configuration in
            configuration.onFatal = { why in
                fatal.withLock { $0.append(why) }
                told.continuation.yield()
            }
        }
        try await store.put("a", "1")
        disk.failSyncs(from: disk.operationCount)
        for _ in 0..<3 {
            do throws(EtcdError) {
                try await store.put("a", "2")
                Issue.record("acknowledged though the sync failed")
            } catch {
                #expect(error.code == .unavailable)
                #expect(error.description.contains("fdatasync"))
            }
        }
        await #expect(throws: EtcdError.self) { try await store.value("a") }
        for await _ in told.stream { break }
        #expect(fatal.withLock { $0.count } == 1)
        await #expect(throws: EtcdError.self) { try await store.close() }
    }

    @Test func leasesExpireAndRestartWhole() async throws {
        let (disk, clock) = (SimulatedDisk(seed: 1), ManualClock())
        let store = try await openStore(disk, clock: clock)
        let lease = try await store.leaseGrant(LeaseGrantRequest(ttl: 10))
        #expect(lease.id > 0)
        try await store.put("a", "1", lease: lease.id)
        clock.advance(by: .seconds(8))
        #expect(try await store.leaseKeepAlive(LeaseKeepAliveRequest(id: lease.id)).ttl == 10)
        clock.advance(by: .seconds(8))
        #expect(try await store.leaseTimeToLive(LeaseTimeToLiveRequest(id: lease.id)).ttl == 2)
        try await store.close()

        let again = try await openStore(disk, clock: clock)
        let left = try await again.leaseTimeToLive(LeaseTimeToLiveRequest(id: lease.id, keys: true))
        #expect(left.ttl == 10)
        #expect(left.keys == [bytes("a")])
        let events = Events(again, key: "a")
        try await events.wait { $0.contains { $0.created } }
        // Whenever the ticker gets to sleep, the time it sleeps towards is passed here sooner or later.
        try await events.wait(meanwhile: { clock.advance(by: .seconds(1)) }) { $0.contains { !$0.events.isEmpty } }
        #expect(try await again.value("a") == nil)
        #expect(try await again.leaseKeepAlive(LeaseKeepAliveRequest(id: lease.id)).ttl == 0)
        try await again.close()
    }
}
