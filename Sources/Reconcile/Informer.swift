public import EtcdClient
internal import EtcdWire
public import Logging
public import Platform
internal import Synchronization

/// Keeps a copy of all objects of one type and tells which keys changed.
///
/// It lists, then watches from the revision after the list. When the watch ends, for whatever reason (its history was
/// compacted, the connection was lost, or it is time to look again), it lists anew and tells of what differs: nothing
/// that happened meanwhile goes unseen. Between failures it waits, longer each time.
public final class Informer<Object: StoredObject>: Sendable {
    private struct State {
        var cache = InformerCache<Object>()
        /// Counts the watches, so that one that has ended changes nothing any more.
        var watch = 0
        var random: SeededRandom
        var filledWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private let client: any StoreClient
    private let prefix: String
    private let clock: any WallClock
    private let backoff: Backoff
    private let resync: Duration
    private let logger: Logger
    private let onChange: @Sendable (String) -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - prefix: The keys to keep.
    ///   - resync: After how long to list again although nothing seems wrong.
    ///   - seed: For the jitter of waits.
    ///   - onChange: Told the key of each object that came, changed, went, or cannot be read. Called in the order of
    ///     changes, after the snapshot holds the change; may come more than once for one.
    public init(
        _ type: Object.Type = Object.self, client: any StoreClient, prefix: String = Object.keyPrefix, clock: any WallClock,
        seed: UInt64, backoff: Backoff = Backoff(cap: .seconds(30)), resync: Duration = .seconds(600), logger: Logger,
        onChange: @escaping @Sendable (String) -> Void
    ) {
        self.client = client
        self.prefix = prefix
        self.clock = clock
        self.backoff = backoff
        self.resync = resync
        self.logger = logger
        self.onChange = onChange
        self.state = Mutex(State(random: SeededRandom(seed: seed)))
    }

    /// What is known now.
    public var snapshot: InformerSnapshot<Object> { self.state.withLock { $0.cache.snapshot } }

    public var isFilled: Bool { self.state.withLock { $0.cache.snapshot.isFilled } }

    /// Returns when the first list is in, or when ``run()`` has ended.
    public func waitUntilFilled() async {
        await withCheckedContinuation { continuation in
            let isFilled = self.state.withLock { state -> Bool in
                if state.cache.snapshot.isFilled || state.watch < 0 { return true }
                state.filledWaiters.append(continuation)
                return false
            }
            if isFilled { continuation.resume() }
        }
    }

    /// Runs until the task is cancelled.
    public func run() async {
        var failures = 0
        while !Task.isCancelled {
            do {
                try await self.fill()
                failures = await self.follow(after: failures)
            } catch {
                failures += 1
                self.logger.warning("cannot list \(self.prefix): \(error)", metadata: ["failures": "\(failures)"])
            }
            if failures == 0 || Task.isCancelled { continue }
            let delay = self.state.withLock { self.backoff.delay(after: failures, using: &$0.random) }
            try? await self.clock.sleep(for: delay)
        }
        self.wakeFilledWaiters { $0.watch = -1 }
    }

    private func fill() async throws(StoreError) {
        let list = try await ObjectStore(self.client).list(Object.self, prefix: self.prefix)
        for (key, reason) in list.unreadable.sorted(by: { $0.key < $1.key }) {
            self.logger.error("left out an object that cannot be read", metadata: ["key": "\(key)", "reason": "\(reason)"])
        }
        let changed = self.state.withLock { state -> [String] in
            let before = state.cache.snapshot.revision
            if list.revision < before { self.logger.warning("the store went back from revision \(before) to \(list.revision)") }
            state.watch += 1
            return state.cache.replace(with: list)
        }
        self.wakeFilledWaiters { _ in }
        changed.forEach(self.onChange)
    }

    /// Watches until the watch ends or it is time to list again.
    ///
    /// - Returns: How often in a row it failed: 0 when it did not end by itself.
    private func follow(after failures: Int) async -> Int {
        let (watch, revision) = self.state.withLock { ($0.watch, $0.cache.snapshot.revision) }
        let range = KeyRange(prefix: self.prefix)
        let request = WatchCreateRequest(
            key: range.start, rangeEnd: range.end, startRevision: revision + 1, progressNotify: true)
        let timeIsUp = Atomic(false)
        await race(
            {
                do throws(EtcdError) { try await self.client.watch(request) { self.receive($0, of: watch) } } catch {
                    if error.code != .canceled { self.logger.warning("watch of \(self.prefix) ended: \(error)") }
                }
            },
            {
                guard (try? await self.clock.sleep(for: self.resync)) != nil else { return }
                timeIsUp.store(true, ordering: .relaxed)
            })
        if timeIsUp.load(ordering: .relaxed) { return 0 }
        return self.snapshot.revision > revision ? 1 : failures + 1
    }

    private func wakeFilledWaiters(_ change: (inout State) -> Void) {
        let waiters = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            change(&state)
            defer { state.filledWaiters = [] }
            return state.filledWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func receive(_ response: WatchResponse, of watch: Int) {
        if response.canceled {
            self.logger.info("watch of \(self.prefix) canceled", metadata: ["reason": "\(response.cancelReason)"])
        }
        let changed = self.state.withLock { state -> [String] in
            guard state.watch == watch else { return [] }
            return state.cache.apply(response)
        }
        changed.forEach(self.onChange)
    }
}
