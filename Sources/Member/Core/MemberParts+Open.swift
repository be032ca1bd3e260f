internal import EtcdWire
internal import Platform
internal import Raft
internal import Store
internal import WriteAheadLog

extension MemberParts {
    /// A new member of a new cluster: the log begins with an entry for each of the cluster's first members, the same at all of
    /// them.
    static func begin(
        _ place: MemberPlace, _ configuration: MemberConfiguration, _ circumstances: Circumstances
    ) throws(MemberError) -> MemberParts {
        guard configuration.initialClusterState == .new else {
            throw MemberError(.configuration, "--initial-cluster-state is existing, and no cluster to join was found")
        }
        let members = self.firstMembers(configuration)
        // The settings were checked: one of them is this member.
        guard let own = members.first(where: { $0.name == configuration.name }) else {
            throw MemberError(.configuration, "--initial-cluster: has no member named \(configuration.name)")
        }
        guard own.peerURLs == configuration.initialAdvertisePeerURLs.sorted() else {
            throw MemberError(
                .configuration,
                "--initial-cluster has \(own.peerURLs.joined(separator: ",")) for \(own.name), and "
                    + "--initial-advertise-peer-urls \(configuration.initialAdvertisePeerURLs.joined(separator: ","))")
        }
        let identity = MemberIdentity(memberID: own.id, clusterID: MemberIdentity.clusterID(of: members.map(\.id)))
        let log = try self.newLog(place, identity)
        let storage = MemoryStorage()
        var raft = try self.raft(identity, configuration, circumstances, storage, applied: 0)
        try self.bootstrap(&raft, members)
        let backend = try place.openDatabase()
        let files = MemberFiles(
            log: log, place: place, backend: backend, quotaBytes: configuration.quotaBytes, lastSnapshot: 0,
            hardState: HardState(), uptime: circumstances.uptime)
        let store = try self.store(backend, identity, configuration, circumstances.uptime)
        return MemberParts(
            store: store, raft: raft, storage: storage, files: files, identity: identity,
            firstRequestID: circumstances.firstRequestID)
    }

    /// Those that a new cluster begins with, by their ids.
    private static func firstMembers(_ configuration: MemberConfiguration) -> [ClusterMember] {
        configuration.initialCluster
            .map { member in
                let urls = member.peerURLs.sorted()
                let id = MemberIdentity.memberID(peerURLs: urls, token: configuration.initialClusterToken)
                return ClusterMember(id: id, peerURLs: urls, name: member.name)
            }
            .sorted { $0.id < $1.id }
    }

    private static func bootstrap(_ raft: inout RaftNode, _ members: [ClusterMember]) throws(MemberError) {
        let changes = members.map { ConfChange(kind: .addNode, nodeID: $0.id, context: $0.json()) }
        do throws(ConfChangeRefused) { try raft.bootstrap(changes) } catch { throw MemberError(.configuration, "\(error)") }
    }

    /// Whether a log was made for a new cluster, and the machine stopped before anything stood in it: then nothing was ever
    /// said either, and the cluster begins now.
    private static func hasNotBegun(
        _ contents: LogContents, _ start: WALSnapshot, _ applied: UInt64, _ members: [ClusterMember],
        _ identity: MemberIdentity
    ) -> Bool {
        contents.lastIndex == 0 && start.index == 0 && applied == 0 && contents.state == HardState()
            && MemberIdentity.clusterID(of: members.map(\.id)) == identity.clusterID
    }

    /// A new member of a cluster that runs: it knows nothing, and is told all by the cluster's leader.
    static func join(
        _ cluster: ClusterToJoin, _ place: MemberPlace, _ configuration: MemberConfiguration, _ circumstances: Circumstances
    ) throws(MemberError) -> MemberParts {
        let identity = MemberIdentity(memberID: cluster.memberID, clusterID: cluster.clusterID)
        let log = try self.newLog(place, identity)
        let storage = MemoryStorage()
        let raft = try self.raft(identity, configuration, circumstances, storage, applied: 0)
        let backend = try place.openDatabase()
        let files = MemberFiles(
            log: log, place: place, backend: backend, quotaBytes: configuration.quotaBytes, lastSnapshot: 0,
            hardState: HardState(), uptime: circumstances.uptime)
        let store = try self.store(backend, identity, configuration, circumstances.uptime)
        return MemberParts(
            store: store, raft: raft, storage: storage, files: files, identity: identity,
            firstRequestID: circumstances.firstRequestID)
    }

    private static func newLog(_ place: MemberPlace, _ identity: MemberIdentity) throws(MemberError) -> WriteAheadLog {
        try place.makeDirectories()
        let metadata = WALMetadata(nodeID: identity.memberID, clusterID: identity.clusterID)
        do throws(WALError) {
            return try WriteAheadLog.create(
                place.log, metadata: metadata.encoded(), disk: place.disk, configuration: place.logConfiguration)
        } catch {
            throw MemberError(error)
        }
    }

    /// A member that ran before. Its database has the entries up to some index; raft begins at the newest snapshot record
    /// before that, and hands out again what follows, which the store passes over as far as it has it.
    static func reopen(
        _ place: MemberPlace, _ configuration: MemberConfiguration, _ circumstances: Circumstances
    ) throws(MemberError) -> MemberParts {
        let (summary, identity) = try self.readLog(place)
        try place.makeDirectories()
        var backend = try place.openDatabase()
        var store = try self.store(backend, identity, configuration, circumstances.uptime)
        if let newest = summary.validSnapshots.last, newest.index > store.appliedIndex {
            // A crash came between noting that a leader's state was taken and taking it.
            backend = try place.takeReceived(newest.index, instead: backend)
            store = try self.store(backend, identity, configuration, circumstances.uptime)
        }
        guard let start = summary.validSnapshots.last(where: { $0.index <= store.appliedIndex }) else {
            throw MemberError(
                .corrupt,
                "\(place.database): holds the entries up to \(store.appliedIndex), and the log does not go back to them")
        }
        let (log, contents): (WriteAheadLog, LogContents)
        let state: RaftSnapshot
        do throws(WALError) {
            (log, contents) = try WriteAheadLog.open(
                place.log, after: start, disk: place.disk, configuration: place.logConfiguration)
            state = start.index == 0 ? RaftSnapshot() : try place.snapshots.load(start)
        } catch {
            throw MemberError(error)
        }
        guard max(contents.lastIndex, start.index) >= store.appliedIndex else {
            throw MemberError(
                .corrupt,
                "\(place.log): ends with entry \(contents.lastIndex), but the database holds those up to \(store.appliedIndex)")
        }
        let storage = MemoryStorage(hardState: contents.state, snapshot: state, entries: contents.entries)
        var raft = try self.raft(identity, configuration, circumstances, storage, applied: start.index)
        let first = configuration.initialClusterState == .new ? self.firstMembers(configuration) : []
        if self.hasNotBegun(contents, start, store.appliedIndex, first, identity) { try self.bootstrap(&raft, first) }
        let files = MemberFiles(
            log: log, place: place, backend: backend, quotaBytes: configuration.quotaBytes, lastSnapshot: start.index,
            hardState: contents.state, uptime: circumstances.uptime)
        return MemberParts(
            store: store, raft: raft, storage: storage, files: files, identity: identity,
            firstRequestID: circumstances.firstRequestID)
    }

    private static func readLog(_ place: MemberPlace) throws(MemberError) -> (LogContents, MemberIdentity) {
        let summary: LogContents
        do throws(WALError) { summary = try LogReader.read(place.log, disk: place.disk) } catch { throw MemberError(error) }
        guard let metadata = try? WALMetadata(decoding: summary.metadata) else {
            throw MemberError(.corrupt, "\(place.log): the log's metadata is malformed")
        }
        return (summary, MemberIdentity(memberID: metadata.nodeID, clusterID: metadata.clusterID))
    }

    static func store(
        _ backend: BoltBackend, _ identity: MemberIdentity, _ configuration: MemberConfiguration, _ uptime: Duration
    ) throws(MemberError) -> Store {
        // Leases live at least one and a half elections, in whole seconds.
        let minimum = (configuration.electionTimeout.nanoseconds * 3 / 2 + 999_999_999) / 1_000_000_000
        #if QUORATE_PLANTED_BUGS
            var options = Store.Options(
                clusterID: identity.clusterID, memberID: identity.memberID, minimumLeaseTTL: minimum,
                maximumTxnOps: configuration.maximumTxnOps)
            options.bug = configuration.bug
        #else
            let options = Store.Options(
                clusterID: identity.clusterID, memberID: identity.memberID, minimumLeaseTTL: minimum,
                maximumTxnOps: configuration.maximumTxnOps)
        #endif
        do throws(StoreError) {
            return try Store(backend: backend, options: options, uptime: uptime)
        } catch {
            throw MemberError(.corrupt, error.message)
        }
    }

    private static func raft(
        _ identity: MemberIdentity, _ configuration: MemberConfiguration, _ circumstances: Circumstances,
        _ storage: MemoryStorage, applied: UInt64
    ) throws(MemberError) -> RaftNode {
        var raft = RaftNode.Configuration(id: identity.memberID, seed: circumstances.seed)
        raft.electionTicks = Int(configuration.electionTimeout / configuration.heartbeatInterval)
        raft.preVote = configuration.preVote
        raft.applied = applied
        #if QUORATE_PLANTED_BUGS
            raft.bug = configuration.bug
        #endif
        do throws(RaftRefusal) {
            return try RaftNode(configuration: raft, storage: storage)
        } catch {
            throw MemberError(.corrupt, "\(error)")
        }
    }
}
