import Backups
import Platform
import Testing

/// The store stopped after every operation on its disk, in every state that a power cut may leave.
@Suite struct CrashTests {
    /// What callers were told.
    private struct Told: Sendable {
        var finished: [String: SnapshotManifest] = [:]
        /// Removals that were begun, and those that came to their end.
        var removing: Set<String> = []
        var removed: Set<String> = []
    }

    private static func workload(_ store: DirectorySnapshotStore) async -> Told {
        var told = Told()
        do {
            told.finished["a"] = try await store.receive("a", Feed(revision: 1), at: 100)
            told.finished["b"] = try await store.receive("b", Feed(revision: 2, sectors: 1), at: 200)
            let writer = try await store.begin("c")
            try await writer.write(Array(repeating: 0, count: 900))
            await writer.abandon()
            told.removing.insert("a")
            if let manifest = told.finished["a"] { try await store.remove(manifest) }
            told.removed.insert("a")
            told.finished["d"] = try await store.receive("d", Feed(revision: 3), at: 300)
        } catch {
            // The disk stopped here.
        }
        return told
    }

    /// Everything that is wrong with what a crash left, and whether the store goes on from there.
    private static func faults(_ disk: SimulatedDisk, _ told: Told) async throws -> [String] {
        var faults: [String] = []
        let store = DirectorySnapshotStore.of(disk)
        let listing = try await store.list()
        let names = Set(listing.snapshots.map(\.name))
        for manifest in listing.snapshots {
            do {
                try await store.verify(manifest)
            } catch {
                faults.append("\(manifest.name) is listed, but \(error)")
            }
            if told.removed.contains(manifest.name) { faults.append("\(manifest.name) was removed, but is listed") }
        }
        for (name, manifest) in told.finished where !told.removing.contains(name) && !listing.snapshots.contains(manifest) {
            faults.append("\(name) was finished, but is not listed")
        }
        if !listing.damaged.isEmpty { faults.append("damage is told of: \(listing.damaged)") }

        try await store.receive("next", Feed(revision: 9), at: 400)
        guard Set(try await store.names()) == names.union(["next"]) else { return faults + ["the next one is not listed"] }
        let expected = names.union(["next"]).flatMap { ["\($0).manifest.json", "\($0).snapshot"] }
        let left = Set(try disk.list("/backups")).subtracting(expected).subtracting(["chain.json"])
        if !left.isEmpty { faults.append("left behind: \(left.sorted())") }
        return faults
    }

    private static func sweep(seed: UInt64, _ prepare: (SimulatedDisk) -> Void = { _ in }) async throws -> [String] {
        let dry = SimulatedDisk(seed: seed)
        let told = await Self.workload(.of(dry))
        #expect(told.finished.count == 3 && told.removed == ["a"])
        var faults: [String] = []
        for operation in 0...dry.operationCount {
            let disk = SimulatedDisk(seed: seed)
            prepare(disk)
            disk.stop(after: operation)
            let told = await Self.workload(.of(disk))
            for state in disk.crashStates() {
                faults += try await Self.faults(state.disk, told).map {
                    "seed \(seed), stopped after \(operation), \(state.kind): \($0)"
                }
            }
        }
        return faults
    }

    @Test(arguments: [1, 2] as [UInt64]) func aListedSnapshotIsWhole(seed: UInt64) async throws {
        #expect(try await Self.sweep(seed: seed) == [])
    }

    /// The same where syncs do nothing: if this passed too, the test above would say nothing.
    @Test func theSweepSeesLostSyncs() async throws {
        #expect(try await !Self.sweep(seed: 3) { $0.ignoreSyncs() }.isEmpty)
    }

    /// Any one operation fails, and the machine goes on: nothing half done is listed, and nothing stays behind.
    @Test(arguments: [5, 28] as [Int32]) func aFailedOperationLeavesNothing(code: Int32) async throws {
        let dry = SimulatedDisk(seed: 1)
        _ = await Self.workload(.of(dry))
        for operation in 1...dry.operationCount {
            let disk = SimulatedDisk(seed: 1)
            disk.fail(operation: operation, code: code)
            let told = await Self.workload(.of(disk))
            #expect(try await Self.faults(disk, told) == [], "operation \(operation) failed")
        }
    }

    @Test func aFullDiskIsToldOfAndLeavesNothing() async throws {
        let disk = SimulatedDisk(seed: 1)
        let store = DirectorySnapshotStore.of(disk)
        try await store.receive("first", Feed(revision: 1), at: 1)
        disk.setCapacity(6000)
        let error = await #expect(throws: BackupError.self) {
            try await store.receive("second", Feed(revision: 2, sectors: 40), at: 2)
        }
        #expect(error?.code == .disk)
        #expect(error?.message.contains(".second.partial") == true)
        #expect(try await store.names() == ["first"])
        #expect(try disk.list("/backups") == ["first.manifest.json", "first.snapshot"])
    }
}
