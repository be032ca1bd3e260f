internal import EmbeddedStore
internal import EtcdWire
internal import Foundation
internal import Store
internal import Synchronization

/// One change told to a thousand watches.
enum WatchBenchmark: Benchmark {
    static let name = "watches"

    private static let watches = 1000

    /// How many watches were told, and when the last of them was.
    private final class Tally: Sendable {
        private let state = Mutex((told: 0, responses: 0, waiting: CheckedContinuation<Void, Never>?.none))

        func count(_ events: Int) {
            let waiting = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                state.told += events
                state.responses += 1
                guard state.told == watches else { return nil }
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume()
        }

        /// Waits until all are told, and begins anew. Returns the responses it took.
        func wait() async -> Int {
            await withCheckedContinuation { continuation in
                let isDone = self.state.withLock { state in
                    if state.told < watches { state.waiting = continuation }
                    return state.told == watches
                }
                if isDone { continuation.resume() }
            }
            return self.state.withLock { state in
                defer { (state.told, state.responses) = (0, 0) }
                return state.responses
            }
        }
    }

    static func run(_ settings: Settings) async throws -> Table {
        var table = Table(
            title: "One change told to \(self.watches) watches",
            columns: ["", "p50 ms", "p99 ms", "batches", "responses"])
        table.rows.append(try self.stateMachine())
        table.rows.append(try await self.embedded(settings))
        table.notes = [
            "state machine: applying the put and taking what is to be told. A batch is one call that takes all responses.",
            "embedded store: from the put to the last of \(self.watches) receivers, each a task of its own; durable.",
        ]
        return table
    }

    private static func stateMachine() throws -> [String] {
        var store = Store.inMemory()
        for _ in 0..<self.watches {
            _ = store.createWatch(WatchCreateRequest(key: Array("/registry/".utf8), rangeEnd: Array("/registry0".utf8)))
        }
        var times: [Double] = []
        var (batches, responses) = (0, 0)
        for index in UInt64(1)...200 {
            let request = InternalRaftRequest(operation: .put(self.change(Int(index))))
            let start = ContinuousClock.now
            _ = store.apply(request, index: index, term: 1, uptime: .zero)
            (batches, responses) = (0, 0)
            while store.hasWatchResponses {
                responses += try store.nextWatchResponses().count
                batches += 1
            }
            times.append((ContinuousClock.now - start).seconds)
        }
        return [
            "state machine", times.quantile(0.5).milliseconds, times.quantile(0.99).milliseconds, "\(batches)", "\(responses)",
        ]
    }

    private static func embedded(_ settings: Settings) async throws -> [String] {
        let directory = settings.directory + "/watches"
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let store = try await EmbeddedStore.open(directory: directory)
        let tally = Tally()
        let opened = Tally()
        let result = try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<self.watches {
                group.addTask {
                    let request = WatchCreateRequest(key: Array("/registry/".utf8), rangeEnd: Array("/registry0".utf8))
                    try? await store.watch(request) { response in
                        if response.created { opened.count(1) } else { tally.count(response.events.count) }
                    }
                }
            }
            _ = await opened.wait()
            var times: [Double] = []
            var responses = 0
            for index in 1...100 {
                let start = ContinuousClock.now
                _ = try await store.put(self.change(index))
                responses = await tally.wait()
                times.append((ContinuousClock.now - start).seconds)
            }
            group.cancelAll()
            return [
                "embedded store", times.quantile(0.5).milliseconds, times.quantile(0.99).milliseconds, "", "\(responses)",
            ]
        }
        try await store.close()
        try FileManager.default.removeItem(atPath: directory)
        return result
    }

    private static func change(_ number: Int) -> PutRequest {
        PutRequest(key: Array("/registry/benchmarks/k".utf8), value: Array("change \(number)".utf8))
    }
}
