import ClusterAPI
import EmbeddedStore
import Logging
import Platform
import Reconcile
import Synchronization
import Testing

@testable import Operator

/// A clock that tells a second more at each look.
private final class TickingClock: WallClock {
    private let seconds = Mutex<Int64>(0)

    func uptime() -> Duration {
        self.seconds.withLock { seconds in
            seconds += 1
            return .seconds(seconds)
        }
    }

    func now() -> Timestamp { Timestamp(seconds: 1_800_000_000) + self.uptime() }
    func sleep(for duration: Duration) async throws {}
}

/// A model cluster whose snapshots take a while: each part goes on only once the one before it is shown.
private final class SlowHands: Hands {
    let model = Mutex(ModelCluster(name: "orders"))
    /// What the snapshot's object said while it was taken, and the failures that are still to come.
    let seen = Mutex<[String]>([])
    let failures = Mutex<[ActionError]>([])
    let objects: ObjectStore

    init(_ objects: ObjectStore) {
        self.objects = objects
    }

    func observe(_ cluster: EtcdCluster) async -> ObservedCluster {
        self.model.withLock { model in
            model.settle()
            return model.observe()
        }
    }

    func perform(_ action: Action, on cluster: EtcdCluster) async throws -> Outcome {
        try await self.perform(action, on: cluster) { _ in }
    }

    func perform(
        _ action: Action, on cluster: EtcdCluster, progress: @escaping @Sendable (ActionProgress) -> Void
    ) async throws -> Outcome {
        if case .takeSnapshot(let name, _, _) = action {
            if let failure = self.failures.withLock({ $0.popLast() }) { throw failure }
            for part in 1...4 {
                progress(ActionProgress(phase: "streaming", done: Int64(part) << 20, total: 4 << 20))
                let text = "streaming: \(25 * part) %"
                while try await !self.message(of: name).hasPrefix(text) { await Task.yield() }
                let message = try await self.message(of: name)
                self.seen.withLock { $0.append(message) }
            }
        }
        return try self.model.withLock { try $0.perform(action, now: Timestamp(seconds: 1_800_000_000)) }
    }

    func message(of name: String) async throws -> String {
        let key = ObjectKey.key(plural: EtcdSnapshot.plural, namespace: "default", name: name)
        return try await self.objects.get(EtcdSnapshot.self, key: key)?.status.message ?? ""
    }
}

@Suite("The reconciler", .timeLimit(.minutes(1)))
struct ReconcilerTests {
    private struct Bench {
        let store: EmbeddedStore
        let objects: ObjectStore
        let hands: SlowHands
        let reconciler: ClusterReconciler

        init() async throws {
            self.store = try await EmbeddedStore.open(directory: "/store", disk: SimulatedDisk(seed: 1))
            self.objects = ObjectStore(self.store)
            self.hands = SlowHands(self.objects)
            self.reconciler = ClusterReconciler(
                objects: self.objects, hands: self.hands, clock: TickingClock(), baseDirectory: "/",
                requests: ClusterReconciler.listedRequests(self.objects), zones: { _ in nil }, mayAct: { true },
                log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            var spec = EtcdClusterSpec()
            spec.replicas = 1
            _ = try await self.objects.create(EtcdCluster(metadata: ObjectMeta(name: "orders"), spec: spec))
        }

        func snapshot() async throws -> EtcdSnapshot? {
            try await self.objects.list(EtcdSnapshot.self).items.first
        }

        func turns(until isDone: (EtcdSnapshot?) -> Bool) async throws -> Bool {
            for _ in 0..<100 {
                if isDone(try await self.snapshot()) { return true }
                _ = try await self.reconciler.reconcile("default", "orders")
            }
            return false
        }

        func ask() async throws {
            let snapshot = EtcdSnapshot(metadata: ObjectMeta(name: "s"), spec: EtcdSnapshotSpec(clusterRef: "orders"))
            _ = try await self.objects.create(snapshot)
        }
    }

    @Test("While a snapshot is streamed, its object says how far it is and how long it will take")
    func progress() async throws {
        let bench = try await Bench()
        try await bench.ask()
        #expect(try await bench.turns { $0?.status.phase == .succeeded })
        let seen = bench.hands.seen.withLock { $0 }
        #expect(seen.count == 4)
        #expect(
            seen.dropFirst().dropLast().allSatisfy {
                $0.contains("MiB of 4.0 MiB), about ") && $0.contains(" s left, from orders-1")
            }, "\(seen)")
        #expect(try await bench.snapshot()?.status.message == "")
        try await bench.store.close()
    }

    @Test("An action that fails is an event at once, and not again for the same words")
    func failureEvents() async throws {
        let bench = try await Bench()
        let words = ["no answer within 7 seconds", "no answer within 7 seconds", "disk full"]
        bench.hands.failures.withLock { failures in
            failures = words.map { ActionError(action: "TakeSnapshot", reason: "Unreachable", message: $0) }.reversed()
        }
        try await bench.ask()
        #expect(try await bench.turns { $0?.status.phase == .failed })
        #expect(try await bench.snapshot()?.status.message == "disk full")
        let events = try await bench.objects.list(StoredEvent.self).items.map(\.event)
            .filter { $0.reason == "TakeSnapshotFailed" }
        #expect(
            Set(events.map(\.message)) == [
                "TakeSnapshot s from orders-1: no answer within 7 seconds", "TakeSnapshot s from orders-1: disk full",
            ])
        #expect(events.allSatisfy { $0.count == 1 && $0.type == .warning })
        try await bench.store.close()
    }
}
