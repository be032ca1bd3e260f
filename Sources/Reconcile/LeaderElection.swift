public import EtcdClient
internal import EtcdWire
public import Logging
public import Platform
internal import Synchronization

/// One term of leadership.
public final class Leadership: Sendable {
    /// What every write of this term is to carry.
    public let fence: Fence
    /// How long the holder may act if no further keep-alive succeeds, as an uptime; zero once the term is over.
    private let deadline: Mutex<Duration>

    init(fence: Fence, deadline: Duration) {
        self.fence = fence
        self.deadline = Mutex(deadline)
    }

    /// Whether the holder may still act: no one else can have been elected yet, whatever the store says by now.
    ///
    /// - Parameter now: An uptime of the clock the election was given.
    public func isHeld(now: Duration) -> Bool { now < self.currentDeadline }

    var currentDeadline: Duration { self.deadline.withLock { $0 } }

    /// A term that is over stays over.
    func extend(to deadline: Duration, now: Duration) {
        self.deadline.withLock { current in if now < current { current = max(current, deadline) } }
    }

    func end() { self.deadline.withLock { $0 = .zero } }
}

/// Elects, among all controllers that share a store, the one that acts.
///
/// The leader is whoever made the election key, which hangs on the leader's lease. The leader keeps the lease alive at a
/// third of its time to live, and counts from before each keep-alive was sent: by its own clock it stops before the
/// store can give the key to another. Its writes carry a ``Fence`` besides, for what may still be on its way then.
public final class LeaderElection: Sendable {
    private let client: any StoreClient
    private let key: String
    private let identity: String
    private let ttl: Duration
    private let isAlone: Bool
    private let clock: any WallClock
    private let backoff: Backoff
    private let random: Mutex<SeededRandom>
    private let logger: Logger

    /// - Parameters:
    ///   - key: The election key, the same for all contenders.
    ///   - identity: The contender's name, unlike any other's; kept as the key's value.
    ///   - ttl: How long the store waits for a leader that is silent, in whole seconds.
    ///   - isAlone: Whether no one else can have the store open. A leader found there is then one that died, and is
    ///     not waited for.
    ///   - seed: For the jitter of waits.
    public init(
        client: any StoreClient, key: String, identity: String, ttl: Duration = .seconds(15), isAlone: Bool = false,
        clock: any WallClock, seed: UInt64, logger: Logger
    ) {
        precondition(ttl >= .seconds(1), "a lease lasts a second or more")
        self.client = client
        self.key = key
        self.identity = identity
        self.ttl = ttl
        self.isAlone = isAlone
        self.clock = clock
        self.backoff = Backoff(base: .milliseconds(100), cap: min(ttl / 3, .seconds(2)))
        self.random = Mutex(SeededRandom(seed: seed))
        self.logger = logger
    }

    /// Stands for election until the task is cancelled.
    ///
    /// - Parameter lead: Acts for one term. Cancelled when the term is lost, or when the calling task is cancelled; it is
    ///   waited for before the next campaign, or before the lease is given back. Returning gives the term up.
    public func run(_ lead: @escaping @Sendable (Leadership) async -> Void) async {
        var failures = 0
        while !Task.isCancelled {
            do throws(EtcdError) {
                if let term = try await self.campaign() {
                    failures = 0
                    await self.serve(term, lead)
                    continue
                }
                failures = 0
            } catch {
                failures += 1
                if Task.isCancelled { break }
                self.logger.warning("election: \(error)", metadata: ["failures": "\(failures)"])
                let delay = self.random.withLock { self.backoff.delay(after: failures, using: &$0) }
                try? await self.clock.sleep(for: delay)
            }
        }
    }

    private struct Term: Sendable {
        var lease: Int64
        var leadership: Leadership
    }

    /// What is left of a lease that was given or kept alive when asked at `asked`: all but a tenth, for clocks that do
    /// not run alike.
    private func deadline(asked: Duration, ttl: Int64) -> Duration { asked + .seconds(ttl) * 9 / 10 }

    /// - Returns: The term that was won; nil when another leads or led until now.
    private func campaign() async throws(EtcdError) -> Term? {
        let key = Array(self.key.utf8)
        let current = try await self.client.range(RangeRequest(key: key))
        if let leader = current.kvs.first {
            guard self.isAlone else {
                await self.awaitChange(after: current.header.revision)
                return nil
            }
            try await self.removeDead(leader)
        }
        let asked = self.clock.uptime()
        let granted = try await self.client.leaseGrant(LeaseGrantRequest(ttl: self.ttl.components.seconds))
        do {
            guard let fence = try await self.claim(key, lease: granted.id) else {
                await self.revoke(granted.id)
                return nil
            }
            let deadline = self.deadline(asked: asked, ttl: granted.ttl)
            return Term(lease: granted.id, leadership: Leadership(fence: fence, deadline: deadline))
        } catch {
            // The claim may still be on its way; without its lease it is refused.
            await self.revoke(granted.id)
            throw error
        }
    }

    /// - Returns: Nil when another was faster.
    private func claim(_ key: [UInt8], lease: Int64) async throws(EtcdError) -> Fence? {
        let claim = TxnRequest(
            compare: [.version(of: key, .equal, 0)],
            success: [.put(PutRequest(key: key, value: Array(self.identity.utf8), lease: lease))])
        do {
            let response = try await self.client.txn(claim)
            return response.succeeded ? Fence(key: self.key, createRevision: response.header.revision) : nil
        } catch {
            guard error.mayHaveHappened else { throw error }
            let found = try await self.client.range(RangeRequest(key: key)).kvs.first
            guard let found, found.lease == lease else { throw error }
            return Fence(key: self.key, createRevision: found.createRevision)
        }
    }

    private func removeDead(_ leader: KeyValue) async throws(EtcdError) {
        if leader.lease != 0 {
            do {
                _ = try await self.client.leaseRevoke(LeaseRevokeRequest(id: leader.lease))
                return
            } catch { guard error.code == .notFound else { throw error } }
        }
        let isSame = Compare.createRevision(of: leader.key, .equal, leader.createRevision)
        _ = try await self.client.txn(
            TxnRequest(compare: [isSame], success: [.deleteRange(DeleteRangeRequest(key: leader.key))]))
    }

    /// Leads until the term is lost or given up, then gives the lease back.
    private func serve(_ term: Term, _ lead: @escaping @Sendable (Leadership) async -> Void) async {
        let metadata: Logger.Metadata = ["term": "\(term.leadership.fence.createRevision)"]
        self.logger.info("leads", metadata: metadata)
        await withTaskGroup { group in
            group.addTask { await lead(term.leadership) }
            for awaitEnd in [self.keepAlive, self.awaitDeadline, self.awaitLoss] {
                group.addTask {
                    await awaitEnd(term)
                    // Lost: from here on nothing may be done. Cancelled: what runs may still come to an orderly end.
                    if !Task.isCancelled { term.leadership.end() }
                }
            }
            await group.next()
            group.cancelAll()
        }
        term.leadership.end()
        self.logger.info("leads no more", metadata: metadata)
        await self.revoke(term.lease)
    }

    /// Returns when the lease is gone.
    private func keepAlive(_ term: Term) async {
        var failures = 0
        var wait = self.ttl / 3
        while !Task.isCancelled {
            guard (try? await self.clock.sleep(for: wait)) != nil else { return }
            let asked = self.clock.uptime()
            do throws(EtcdError) {
                let kept = try await self.client.leaseKeepAlive(LeaseKeepAliveRequest(id: term.lease))
                guard kept.ttl > 0 else { return }
                term.leadership.extend(to: self.deadline(asked: asked, ttl: kept.ttl), now: self.clock.uptime())
                failures = 0
                wait = self.ttl / 3
            } catch {
                guard error.code != .notFound else { return }
                failures += 1
                wait = self.random.withLock { self.backoff.delay(after: failures, using: &$0) }
            }
        }
    }

    private func awaitDeadline(_ term: Term) async {
        while !Task.isCancelled {
            let left = term.leadership.currentDeadline - self.clock.uptime()
            if left <= .zero { return }
            try? await self.clock.sleep(for: left)
        }
    }

    /// Returns when the key is gone or another's.
    private func awaitLoss(_ term: Term) async {
        let key = Array(self.key.utf8)
        var revision = term.leadership.fence.createRevision
        while !Task.isCancelled {
            await self.awaitChange(after: revision)
            do throws(EtcdError) {
                let found = try await self.client.range(RangeRequest(key: key))
                guard found.kvs.first?.createRevision == term.leadership.fence.createRevision else { return }
                revision = found.header.revision
            } catch {
                // Whether it is lost cannot be told now; the deadline will.
                let delay = self.random.withLock { self.backoff.delay(after: 1, using: &$0) }
                try? await self.clock.sleep(for: delay)
            }
        }
    }

    /// Returns when the key has changed, or when it is worth looking again.
    private func awaitChange(after revision: Int64) async {
        let request = WatchCreateRequest(key: Array(self.key.utf8), startRevision: revision + 1)
        let changed = Signal()
        let watch: @Sendable () async -> Void = {
            _ = try? await self.client.watch(request) { if !$0.events.isEmpty { changed.give() } }
            // Looking again is all there is to do; not at once, since the watch may end as fast again.
            let delay = self.random.withLock { self.backoff.delay(after: 4, using: &$0) }
            try? await self.clock.sleep(for: delay)
        }
        await race({ await race(watch, { await changed.wait() }) }, { try? await self.clock.sleep(for: self.ttl) })
    }

    private func revoke(_ lease: Int64) async {
        await uncancelled {
            await race(
                { _ = try? await self.client.leaseRevoke(LeaseRevokeRequest(id: lease)) },
                { try? await self.clock.sleep(for: self.ttl) })
        }
    }
}
