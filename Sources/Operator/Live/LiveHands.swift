public import Backups
public import ClusterAPI
public import EtcdClient
internal import EtcdWire
public import Runtimes

/// The operator's hands in production: a runtime for the processes, etcd's API for the members, stores for the snapshots.
public struct LiveHands: Hands {
    let runtime: any Runtime
    let connector: any EtcdConnector
    /// The snapshot store in a directory.
    let store: @Sendable (String) -> any SnapshotStore
    /// What a snapshot file that no manifest describes turns out to be.
    let examine: @Sendable (String) async throws -> SnapshotManifest

    /// How long one member may take to answer.
    static let probeTimeout: Duration = .seconds(1)
    /// How long a change may take.
    static let callTimeout: Duration = .seconds(7)

    public init(
        runtime: any Runtime, connector: any EtcdConnector, store: @escaping @Sendable (String) -> any SnapshotStore,
        examine: @escaping @Sendable (String) async throws -> SnapshotManifest
    ) {
        self.runtime = runtime
        self.connector = connector
        self.store = store
        self.examine = examine
    }

    // MARK: Observing

    public func observe(_ cluster: EtcdCluster) async -> ObservedCluster {
        var observed = ObservedCluster()
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
        return observed
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

    /// The member list from the leader itself: another member's may be old.
    private func membership(of observed: ObservedCluster) async -> Membership? {
        let leader = observed.probes.filter { probe in
            guard let status = probe.status else { return false }
            return status.leader != 0 && status.leader == status.header.memberID
        }.max { ($0.status?.raftTerm ?? 0) < ($1.status?.raftTerm ?? 0) }
        guard let leader, let place = observed.processes.first(where: { $0.place.name == leader.name })?.place else {
            return nil
        }
        let connection = self.connector.connect(to: [place.clientURL], timeout: Self.probeTimeout)
        guard let list = try? await connection.memberList(MemberListRequest(linearizable: true)) else { return nil }
        return Membership(clusterID: list.header.clusterID, members: list.members.sorted { $0.id < $1.id })
    }
}
