internal import Backups
internal import ClusterAPI
internal import EtcdClient
internal import EtcdWire
public import Platform
internal import Recovery
internal import Synchronization

/// The archives of all clusters that want one, followed beside the reconcilers while this controller leads.
///
/// Each cluster's log is read from the data directory of one member; the cluster's watch stream is followed beside it, and
/// must tell the same. What to follow is said again at each look at a cluster, and what is not said any more is let go.
public final class LogArchives: Sendable {
    private let disk: any Disk
    private let clock: any WallClock
    private let state = Mutex(State())

    private struct State {
        var leads = false
        var followed: [String: Following] = [:]
    }

    private struct Following {
        var follower: LogArchiveFollower
        var tasks: [Task<Void, Never>]
    }

    /// What is to be followed for one cluster.
    struct Source: Sendable, Hashable {
        var cluster: String
        /// The directory that holds the cluster's archives.
        var root: String
        /// The directory of a member's log.
        var log: String
        /// Client URLs of the members that run.
        var endpoints: [String]
        /// What that member said of its log, if it leads.
        var commit: LogArchiver.Commit?
        var maxLag: Duration
        /// What is to stay in the archives; nil while that is not certain.
        var kept: KeptSnapshots?
    }

    public init(disk: any Disk, clock: any WallClock) {
        (self.disk, self.clock) = (disk, clock)
    }

    /// From here on, what is asked for is followed: nobody else does, for this controller leads.
    public func begin() {
        self.state.withLock { $0.leads = true }
    }

    /// Lets go of everything, so that another controller may go on.
    public func end() async {
        let all = self.state.withLock { state in
            defer { state = State() }
            return Array(state.followed.values)
        }
        for following in all { await Self.stop(following) }
    }

    /// Lets go of one cluster's archive.
    func end(_ key: String) async {
        guard let following = self.state.withLock({ $0.followed.removeValue(forKey: key) }) else { return }
        await Self.stop(following)
    }

    private static func stop(_ following: Following) async {
        for task in following.tasks { task.cancel() }
        await following.follower.close()
    }

    /// Says what to follow, and how that stands.
    /// - Parameter key: The cluster's own among all clusters.
    func follow(_ key: String, _ source: Source, _ connector: any EtcdConnector) async -> ArchiveObservation? {
        let follower = self.state.withLock { state -> LogArchiveFollower? in
            guard state.leads else { return nil }
            if let following = state.followed[key] { return following.follower }
            let follower = LogArchiveFollower(source, disk: self.disk)
            let tasks = [
                Task { [clock] in await Self.copy(follower, clock) },
                Task { [clock] in await Self.listen(follower, connector, clock) },
            ]
            state.followed[key] = Following(follower: follower, tasks: tasks)
            return follower
        }
        guard let follower else { return nil }
        return await follower.redirect(to: source)
    }

    private static func copy(_ follower: LogArchiveFollower, _ clock: any WallClock) async {
        while !Task.isCancelled {
            let pause = await follower.round(now: clock.now())
            try? await clock.sleep(for: pause)
        }
    }

    /// Follows the watch stream in strides: each is told what happened since the last in few responses, and is ended once it
    /// was told all. Following it as it goes costs a response for every write, and many times what the archive costs.
    private static func listen(
        _ follower: LogArchiveFollower, _ connector: any EtcdConnector, _ clock: any WallClock
    ) async {
        while !Task.isCancelled {
            if let (endpoints, revision) = await follower.nextWatch() {
                let request = WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: revision, fragment: true)
                await Self.stride(request, connector.connect(to: endpoints, timeout: .seconds(5)), follower, clock)
            }
            try? await clock.sleep(for: .seconds(1))
        }
    }

    private static func stride(
        _ request: WatchCreateRequest, _ connection: any EtcdConnection, _ follower: LogArchiveFollower, _ clock: any WallClock
    ) async {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Whatever ends the stream, the next one begins where this one came to.
                try? await connection.watch(request) { response in
                    if await follower.told(response, at: clock.now()) { end.finish() }
                }
                end.finish()
            }
            for await _ in ends {}
            group.cancelAll()
        }
    }
}

/// One cluster's archive and the watch stream that it is compared with, on a thread that may block.
actor LogArchiveFollower {
    private static let thread = WorkerThread(named: "archives")

    private let archiver: LogArchiver
    private var source: LogArchives.Source
    private var agreement = WatchAgreement()
    /// The revision that the watch stream goes on from; 0 for the next that comes.
    private var nextRevision: Int64 = 0
    /// The revision at which the stream that runs now has told all; and what it told of a revision that is not whole yet.
    private var goal: Int64 = 0
    private var events: [WatchEvent] = []
    /// Whether the archive has caught up, so that all that the stream tells from now on is to come.
    private var isReady = false
    private var observation: ArchiveObservation?
    private var isClosed = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe Self.thread.asUnownedSerialExecutor() }

    init(_ source: LogArchives.Source, disk: any Disk) {
        self.source = source
        self.archiver = LogArchiver(root: source.root, cluster: source.cluster, disk: disk)
    }

    func close() {
        self.isClosed = true
        self.archiver.close()
    }

    func redirect(to source: LogArchives.Source) -> ArchiveObservation? {
        self.source = source
        return self.observation
    }

    /// Copies what is new.
    /// - Returns: How long to wait before the next round.
    func round(now: Timestamp) -> Duration {
        let pause = min(max(self.source.maxLag / 8, .milliseconds(100)), .seconds(1))
        guard !self.isClosed else { return pause }
        do throws(ArchiveError) {
            let progress = try self.archiver.round(
                following: self.source.log, commit: self.source.commit, now: now)
            let proof = try self.source.kept.map { kept throws(ArchiveError) in try self.archiver.retain(kept) }
            self.note(progress, proof ?? nil)
            return progress.position.index < progress.commit ? .zero : pause
        } catch {
            if self.observation == nil {
                let nowhere = LogPosition(index: 0, term: 0)
                self.observation = ArchiveObservation(base: nowhere, position: nowhere, clusterID: "", openedAt: now)
            }
            self.observation?.failure = error.message
            return max(pause, .seconds(1))
        }
    }

    private func note(_ progress: LogArchiver.Progress, _ proof: TimeMark?) {
        var observation = ArchiveObservation(
            base: progress.base, position: progress.position, clusterID: String(progress.clusterID, radix: 16),
            openedAt: progress.openedAt)
        (observation.completeUntil, observation.began) = (progress.completeUntil, progress.began)
        (observation.disagreement, observation.proof) = (self.observation?.disagreement, proof)
        if progress.position.index >= progress.commit { self.isReady = true }
        do throws(WatchAgreement.Disagreement) {
            if self.isReady { try self.agreement.add(progress.entries, completeUntil: progress.completeUntil) }
        } catch {
            observation.disagreement = error.description
        }
        self.observation = observation
    }

    /// Where the watch stream is to begin; nil while the archive has not caught up.
    func nextWatch() -> (endpoints: [String], revision: Int64)? {
        guard self.isReady, !self.source.endpoints.isEmpty else { return nil }
        return (self.source.endpoints, self.nextRevision)
    }

    /// Takes what the stream tells.
    /// - Returns: Whether that was all there was when it began.
    func told(_ response: WatchResponse, at time: Timestamp) -> Bool {
        if response.created {
            (self.goal, self.events) = (response.header.revision, [])
            if self.nextRevision == 0 { self.nextRevision = self.goal + 1 }
            return self.nextRevision > self.goal
        }
        if response.canceled {
            // History was compacted in between: what was missed cannot be compared any more.
            (self.nextRevision, self.agreement) = (0, WatchAgreement())
            return true
        }
        self.events += response.events
        guard !response.fragment else { return false }
        self.agreement.add(self.events, at: time)
        if let last = self.events.last { self.nextRevision = last.kv.modRevision + 1 }
        self.events = []
        return self.nextRevision > self.goal
    }
}
