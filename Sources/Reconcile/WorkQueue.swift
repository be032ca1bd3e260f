public import Platform
internal import Synchronization

/// Runs work by key: each key by one task at a time, several keys at once, those that fail again after a while.
public final class WorkQueue: Sendable {
    public typealias Outcome = WorkQueueState.Outcome

    private struct State {
        var queue: WorkQueueState
        var isShutDown = false
    }

    private let clock: any WallClock
    private let state: Mutex<State>
    /// Given whenever the runner should look again.
    private let changed = Signal()

    /// - Parameter seed: For the jitter of waits.
    public init(concurrency: Int = 4, backoff: Backoff = Backoff(), clock: any WallClock, seed: UInt64) {
        self.clock = clock
        self.state = Mutex(State(queue: WorkQueueState(concurrency: concurrency, backoff: backoff, seed: seed)))
    }

    /// Keys that wait for their turn.
    public var depth: Int { self.state.withLock { $0.queue.depth } }

    public var runningCount: Int { self.state.withLock { $0.queue.runningCount } }

    /// How often in a row the key's processing failed.
    public func failures(of key: String) -> Int { self.state.withLock { $0.queue.failures(of: key) } }

    /// Adds a key, unless it waits already.
    public func add(_ key: String) {
        self.state.withLock { $0.queue.add(key) }
        self.changed.give()
    }

    /// Adds a key later. The earlier of two such calls for one key stands.
    public func add(_ key: String, after delay: Duration) {
        let now = self.clock.uptime()
        self.state.withLock { $0.queue.add(key, at: now + delay) }
        self.changed.give()
    }

    /// Starts no more work. ``run(_:)`` returns once all that runs has ended.
    public func shutDown() {
        self.state.withLock { $0.isShutDown = true }
        self.changed.give()
    }

    /// Runs work until ``shutDown()``, then waits for what is running. When the calling task is cancelled, so are the
    /// running ones, and they are waited for just the same.
    public func run(_ process: @escaping @Sendable (String) async -> Outcome) async {
        await withDiscardingTaskGroup { group in
            while let turn = self.turn() {
                switch turn {
                case .run(let key):
                    group.addTask {
                        let outcome = await process(key)
                        let now = self.clock.uptime()
                        self.state.withLock { $0.queue.finish(key, outcome, now: now) }
                        self.changed.give()
                    }
                case .wait(let limit): await self.wait(limit)
                }
            }
        }
    }

    private enum Turn {
        case run(String)
        case wait(Duration?)
    }

    /// What to do next; nil when no more work is to be started.
    private func turn() -> Turn? {
        if Task.isCancelled { return nil }
        let now = self.clock.uptime()
        return self.state.withLock { state in
            if state.isShutDown { return nil }
            if let key = state.queue.next(now: now) { return .run(key) }
            return .wait(state.queue.nextAlarm.map { $0 - now })
        }
    }

    private func wait(_ limit: Duration?) async {
        guard let limit else { return await self.changed.wait() }
        await race({ await self.changed.wait() }, { try? await self.clock.sleep(for: limit) })
    }
}
