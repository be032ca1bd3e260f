public import Backups
public import ClusterAPI
public import EtcdClient
internal import EtcdWire
public import Platform
internal import Recovery
public import Runtimes

/// The operator's hands in production: a runtime for the processes, etcd's API for the members, stores for the snapshots.
public struct LiveHands: Hands {
    let runtime: any Runtime
    let connector: any EtcdConnector
    /// The snapshot store in a directory.
    let store: @Sendable (String) -> any SnapshotStore
    /// What a snapshot file that no manifest describes turns out to be.
    let examine: @Sendable (String) async throws -> SnapshotManifest
    let archives: LogArchives
    let clock: any WallClock
    let disk: any Disk

    /// How long one member may take to answer.
    static let probeTimeout: Duration = .seconds(1)
    /// How long a change may take.
    static let callTimeout: Duration = .seconds(7)

    public init(
        runtime: any Runtime, connector: any EtcdConnector, store: @escaping @Sendable (String) -> any SnapshotStore,
        examine: @escaping @Sendable (String) async throws -> SnapshotManifest, archives: LogArchives,
        clock: any WallClock, disk: any Disk
    ) {
        self.runtime = runtime
        self.connector = connector
        self.store = store
        self.examine = examine
        self.archives = archives
        self.clock = clock
        self.disk = disk
    }

    // MARK: Observing

    public func observe(_ cluster: EtcdCluster) async -> ObservedCluster {
        var observed = ObservedCluster()
        let beganAt = self.clock.now()
        let places = Places(cluster)
        do {
            observed.processes = try await self.runtime.members(of: places.cluster)
        } catch {
            observed.runtimeFailure = error.message
        }
        observed.probes = await self.probe(observed.processes.filter { $0.pid != nil })
        observed.membership = await self.membership(of: observed)
        do {
            observed.snapshots = try await self.store(places.backups).list()
        } catch {
            observed.backupFailure = error.message
        }
        observed.archive = await self.archive(of: cluster, places, observed, beganAt)
        return observed
    }

    /// Says which member's log is to be followed: the leader's, whose knowledge of what is committed is the newest.
    private func archive(
        of cluster: EtcdCluster, _ places: Places, _ observed: ObservedCluster, _ observedAt: Timestamp
    ) async -> ArchiveObservation? {
        guard let spec = cluster.spec.backup?.archive else {
            await self.archives.end(cluster.storeKey)
            return nil
        }
        let leader = Self.leader(observed)
        let running = observed.processes.filter { $0.pid != nil && $0.data == .present }
        guard let member = running.first(where: { $0.place.name == leader }) ?? running.first else { return nil }
        let isLeader = member.place.name == leader
        let index = observed.probes.first { isLeader && $0.name == leader }?.status?.raftIndex
        let source = LogArchives.Source(
            cluster: cluster.metadata.name, root: "\(places.backups)/archive",
            log: "\(member.place.dataDirectory)/member/wal", endpoints: running.map(\.place.clientURL),
            commit: index.map { LogArchiver.Commit(index: $0, at: observedAt) }, maxLag: spec.maxLag,
            kept: observed.snapshots.flatMap(KeptSnapshots.init))
        return await self.archives.follow(cluster.storeKey, source, self.connector)
    }

    private func probe(_ running: [MemberProcess]) async -> [MemberProbe] {
        await withTaskGroup(of: MemberProbe.self) { group in
            for process in running {
                group.addTask { await self.probe(process.place) }
            }
            var probes: [MemberProbe] = []
            for await probe in group { probes.append(probe) }
            return probes.sorted { $0.name < $1.name }
        }
    }

    private func probe(_ place: MemberPlace) async -> MemberProbe {
        do {
            let status = try await self.connector.connect(to: [place.clientURL], timeout: Self.probeTimeout).status()
            return MemberProbe(name: place.name, status: status)
        } catch {
            return MemberProbe(name: place.name, status: nil, failure: error.description)
        }
    }

    /// The name of the member that leads, of those that say so the one of the newest term.
    private static func leader(_ observed: ObservedCluster) -> String? {
        observed.probes.filter { probe in
            guard let status = probe.status else { return false }
            return status.leader != 0 && status.leader == status.header.memberID
        }.max { ($0.status?.raftTerm ?? 0) < ($1.status?.raftTerm ?? 0) }?.name
    }

    /// The member list from the leader itself: another member's may be old.
    private func membership(of observed: ObservedCluster) async -> Membership? {
        guard let leader = Self.leader(observed),
            let place = observed.processes.first(where: { $0.place.name == leader })?.place
        else { return nil }
        let connection = self.connector.connect(to: [place.clientURL], timeout: Self.probeTimeout)
        guard let list = try? await connection.memberList(MemberListRequest(linearizable: true)) else { return nil }
        return Membership(clusterID: list.header.clusterID, members: list.members.sorted { $0.id < $1.id })
    }
}

extension KeptSnapshots {
    /// Nil where there are none, or one of them cannot be read: it may be the oldest.
    fileprivate init?(_ listing: SnapshotListing) {
        guard listing.damaged.isEmpty, let first = listing.snapshots.first else { return nil }
        var oldest: [UInt64: UInt64] = [:]
        for snapshot in listing.snapshots {
            guard let id = UInt64(snapshot.labels.clusterID, radix: 16) else { return nil }
            oldest[id] = min(oldest[id] ?? .max, snapshot.contents.raftIndex)
        }
        self.init(oldest: oldest, since: first.labels.takenAt)
    }
}
