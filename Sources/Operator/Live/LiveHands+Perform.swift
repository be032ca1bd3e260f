internal import Backups
public import ClusterAPI
internal import EtcdClient
internal import EtcdWire
internal import Platform
internal import Recovery
internal import Runtimes
internal import Synchronization

extension LiveHands {
    public func perform(_ action: Action, on cluster: EtcdCluster) async throws -> Outcome {
        try await self.perform(action, on: cluster) { _ in }
    }

    public func perform(
        _ action: Action, on cluster: EtcdCluster, progress: @escaping @Sendable (ActionProgress) -> Void
    ) async throws -> Outcome {
        do {
            if action == .forget { await self.archives.end(cluster.storeKey) }
            return try await self.attempt(action, Places(cluster), progress)
        } catch let error as RuntimeError {
            throw ActionError(action: action.description, reason: error.reason, message: error.message)
        } catch let error as EtcdError {
            throw ActionError(action: action.description, reason: error.reason, message: error.explanation)
        } catch let error as BackupError {
            throw ActionError(action: action.description, reason: error.reason, message: error.message)
        } catch let error as RecoveryError {
            throw ActionError(action: action.description, reason: error.code.reason, message: error.description)
        }
    }

    private func attempt(_ action: Action, _ places: Places, _ report: @escaping Report) async throws -> Outcome {
        switch action {
        case .provision(let members):
            for member in members { _ = try await self.runtime.provision(member, of: places.cluster) }
        case .start(let members):
            try await self.start(members, places)
        case .stop(let members, let grace):
            try await self.stop(members, grace, places)
        case .restart(let member, _, let grace):
            // Looked for first: a member that runs is not stopped for an engine that is not there.
            try await self.runtime.checkEngine(of: places.cluster)
            try await self.runtime.stop(member.name, of: places.cluster, grace: grace)
            _ = try await self.runtime.start(member.name, of: places.cluster, with: member.options)
        case .retire(let member, let label):
            return .movedAside(path: try await self.runtime.retire(member, of: places.cluster, label: label))
        case .takeSnapshot(let name, let labels, let endpoint):
            return .snapshot(try await self.takeSnapshot(name, labels, endpoint, places, report))
        case .removeSnapshot(let manifest):
            try await self.store(places.backups).remove(manifest)
        case .verifySnapshot(let uri):
            return .snapshot(try await self.verify(uri, places, report))
        case .resolveTarget(let question):
            return .resolved(try await self.resolve(question, places, report))
        case .restore(let member, let uri, let options):
            try await self.restore(member, uri, options, places, report)
        case .deleteData:
            try await self.runtime.deleteData(of: places.cluster)
        case .forget:
            break
        default:
            try await self.call(action)
        }
        return .done
    }

    /// The actions that are calls to etcd.
    private func call(_ action: Action) async throws {
        switch action {
        case .addLearner(_, let peerURL, let via):
            _ = try await self.connect(via).memberAdd(MemberAddRequest(peerURLs: [peerURL], isLearner: true))
        case .promote(_, let id, let via):
            _ = try await self.connect(via).memberPromote(MemberPromoteRequest(id: id))
        case .removeMember(_, let id, let via):
            _ = try await self.connect(via).memberRemove(MemberRemoveRequest(id: id))
        case .moveLeader(_, let id, let leader):
            _ = try await self.connect([leader]).moveLeader(MoveLeaderRequest(targetID: id))
        case .compact(let revision, let via):
            try await self.compact(revision, via)
        case .defragment(_, let endpoint):
            // Defragmenting stops the member's writes for as long as its database takes to copy.
            _ = try await self.connector.connect(to: [endpoint], timeout: .seconds(600)).defragment()
        case .disarmNoSpace(let via):
            let request = AlarmRequest(action: .deactivate, memberID: 0, alarm: .noSpace)
            _ = try await self.connect(via).alarm(request)
        default:
            preconditionFailure("\(action.name) is no call to etcd")
        }
    }

    private func connect(_ endpoints: [String]) -> any EtcdConnection {
        self.connector.connect(to: endpoints, timeout: Self.callTimeout)
    }

    /// Members are started side by side: a cluster in the making elects its first leader only once a majority runs.
    private func start(_ members: [MemberStart], _ places: Places) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for member in members {
                group.addTask { _ = try await self.runtime.start(member.name, of: places.cluster, with: member.options) }
            }
            try await group.waitForAll()
        }
    }

    private func stop(_ members: [String], _ grace: Duration, _ places: Places) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for member in members {
                group.addTask { try await self.runtime.stop(member, of: places.cluster, grace: grace) }
            }
            try await group.waitForAll()
        }
    }

    /// A revision that is compacted already is as good as compacted now.
    private func compact(_ revision: Int64, _ via: [String]) async throws {
        do {
            _ = try await self.connect(via).compact(CompactionRequest(revision: revision))
        } catch  where error.message.hasSuffix("required revision has been compacted") {}
    }

    // MARK: Snapshots

    private func takeSnapshot(
        _ name: String, _ labels: SnapshotLabels, _ endpoint: String, _ places: Places, _ report: @escaping Report
    ) async throws -> SnapshotManifest {
        let store = self.store(places.backups)
        if let done = try await store.list().snapshots.first(where: { $0.name == name }) { return done }
        let connection = self.connector.connect(to: [endpoint], timeout: Self.callTimeout)
        // The stream itself does not say whose it is: the cluster id is that of the same connection's status.
        let status = try await connection.status()
        try await store.requireSpace(for: status.dbSize)
        let writer = try await store.begin(name)
        do {
            var labels = labels
            labels.clusterID = String(status.header.clusterID, radix: 16)
            let count = ByteCount()
            try await connection.snapshot { chunk in
                try await writer.write(chunk.blob)
                let done = count.add(chunk.blob.count)
                report(ActionProgress(phase: "streaming", done: done, total: status.dbSize))
            }
            return try await writer.finish(labels)
        } catch {
            await writer.abandon()
            throw error
        }
    }

    private func verify(_ uri: String, _ places: Places, _ report: @escaping Report) async throws -> SnapshotManifest {
        let store = self.store(places.backups)
        let listing = try? await store.list()
        if let manifest = listing?.snapshots.first(where: { $0.uri == uri }) {
            try await store.verify(manifest) { done, total in
                report(ActionProgress(phase: "verifying", done: done, total: total))
            }
            return manifest
        }
        do {
            return try await self.examine(try SnapshotLocation.parse(uri).path)
        } catch {
            throw ActionError(action: "VerifySnapshot", reason: "BadSnapshot", message: "\(uri): \(error)")
        }
    }
}

extension RuntimeError {
    var reason: String {
        switch self.code {
        case .engineMissing: "EngineMissing"
        case .noPort: "NoPort"
        case .startFailed: "StartFailed"
        case .refused: "Refused"
        case .disk: "DiskFailed"
        case .badSnapshot: "BadSnapshot"
        case .other: "Other"
        }
    }
}

extension EtcdError {
    /// A call that came too late or met no one is worth another try, and says nothing of the cluster by itself.
    var reason: String {
        if Self.tooEarly[self.message] != nil { return ActionError.tooEarly }
        return self.mayHaveHappened ? "Unreachable" : "Refused"
    }

    /// The server's words, and what they mean where they do not say it.
    var explanation: String {
        Self.tooEarly[self.message].map { "\(self.description): \($0)" } ?? self.description
    }

    /// What etcd answers while a change comes too soon after the last one, and what it waits for.
    private static let tooEarly = [
        "etcdserver: unhealthy cluster": "etcd takes a change only after its members were connected for 5 s without a break",
        "etcdserver: can only promote a learner member which is in sync with leader": "the learner is still catching up",
    ]
}

extension RecoveryError.Code {
    var reason: String {
        switch self {
        case .notFound: "SnapshotNotFound"
        case .damaged: "SnapshotDamaged"
        case .unreachable: "NotReachable"
        case .refused: "Refused"
        case .disk: "DiskFailed"
        }
    }
}

extension BackupError {
    var reason: String {
        switch self.code {
        case .incomplete: "SnapshotIncomplete"
        case .damaged: "SnapshotDamaged"
        case .notFound: "SnapshotNotFound"
        case .refused: "Refused"
        case .disk: "DiskFailed"
        }
    }
}

/// Bytes that came so far.
private final class ByteCount: Sendable {
    private let count = Atomic<Int64>(0)

    func add(_ bytes: Int) -> Int64 {
        self.count.add(Int64(bytes), ordering: .relaxed).newValue
    }
}
