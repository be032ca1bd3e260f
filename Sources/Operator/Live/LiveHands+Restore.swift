internal import Backups
internal import ClusterAPI
internal import Platform
internal import Recovery
internal import Runtimes

extension LiveHands {
    typealias Report = @Sendable (ActionProgress) -> Void

    /// Writes the data of the first member of the cluster that is brought back: the snapshot, for a moment other than the
    /// latest the archive of its cluster, and where a cluster was lost, all that its members' logs and its archive hold.
    func restore(
        _ member: String, _ uri: String, _ options: RestoreOptions, _ places: Places, _ report: @escaping Report
    ) async throws {
        let disk = self.disk
        let origin = DataOrigin(source: uri, token: options.token)
        try await self.runtime.fill(member, of: places.cluster, from: origin) { place, path in
            try await blocking {
                let sources = try Self.sources(uri, options, disk) { done, total in
                    report(ActionProgress(phase: "verifying", done: done, total: total))
                }
                let only = NewCluster.Member(name: member, peerURLs: [place.peerURL])
                let cluster = NewCluster(name: member, members: [only], token: options.token)
                var request = RestoreRequest(from: sources, to: path, target: options.target.wanted, cluster: cluster)
                request.lastSeen = options.lastSeen
                let restored = try Restore.run(request, disk: disk, progress: Self.progress(report))
                // What a run writes beside the directory is kept with the member instead.
                try? disk.remove("\(path).report.json")
                return String(decoding: RestoredData(restored).encoded(), as: UTF8.self)
            }
        }
    }

    /// What is read: the snapshot, and of the cluster that was lost every log that is left. A snapshot of another cluster,
    /// as one from before an earlier restore is, says nothing of what follows: then what is left stands by itself.
    private static func sources(
        _ uri: String, _ options: RestoreOptions, _ disk: any Disk, progress: @escaping (Int64, Int64) -> Void
    ) throws -> [String] {
        let snapshot = try SnapshotLocation.parse(uri).path
        let (_, sha256) = try SnapshotFile.verify(snapshot, disk, progress: progress)
        if let expected = options.sha256, expected != sha256 {
            throw BackupError(.damaged, "\(snapshot): its image has SHA-256 \(sha256), not \(expected) as when it was listed")
        }
        guard let lost = options.lostCluster else {
            guard options.target != .latest else { return [snapshot] }
            return try [snapshot] + self.archives(of: options.snapshotClusterID, beside: snapshot, disk)
        }
        let survivors = try lost.survivors.map { "\($0)/data" }.filter { try disk.stat("\($0)/member/wal") != nil }
        let logs = try survivors + self.archives(of: lost.id, beside: snapshot, disk)
        let isOfLost = options.snapshotClusterID.isEmpty || options.snapshotClusterID == lost.id
        return isOfLost || survivors.isEmpty ? [snapshot] + (isOfLost ? logs : []) : logs
    }

    /// The archives of a cluster's log in the store that a snapshot is in.
    private static func archives(of clusterID: String, beside snapshot: String, _ disk: any Disk) throws -> [String] {
        let store = snapshot.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let root = "\(store)/archive"
        guard !clusterID.isEmpty, try disk.stat(root)?.isDirectory == true else { return [] }
        return try disk.list(root).filter { $0.hasPrefix("\(clusterID)-") }.map { "\(root)/\($0)" }
    }

    /// Tries a target out beside the members' data.
    func resolve(_ question: TargetQuestion, _ places: Places, _ report: @escaping Report) async throws -> ResolvedTarget {
        let disk = self.disk
        let scratch = "\(places.cluster.dataDirectory)/.target"
        return try await blocking {
            var snapshots: [String: String] = [:]
            for uri in question.snapshots { snapshots[try SnapshotLocation.parse(uri).path] = uri }
            let paths = snapshots.keys.sorted()
            let archives = try paths.first.map { try Self.archives(of: question.clusterID, beside: $0, disk) } ?? []
            let logs = try question.logs.filter { try disk.stat($0) != nil }
            let request = RestoreRequest(from: paths + archives + logs, to: scratch, target: question.target.wanted)
            let found = try Restore.resolve(request, disk: disk, progress: Self.progress(report))
            let base = found.parts.first { $0.entries == nil }?.file
            let meaning = found.meaning.map { ": \($0)" } ?? ""
            return ResolvedTarget(
                revision: found.revision, snapshot: base.flatMap { snapshots[$0] },
                words: "revision \(found.revision)\(found.index > 0 ? ", entry \(found.index)" : "")\(meaning)",
                timing: found.time?.sentences ?? [], sources: RestoredData.sentences(found))
        }
    }

    private static func progress(_ report: @escaping Report) -> ProgressReport {
        { report(ActionProgress(phase: "\($0.step.rawValue)", done: $0.done, total: $0.total)) }
    }
}

extension TargetSpec {
    /// In the words of who carries it out.
    fileprivate var wanted: RestoreTarget {
        switch self {
        case .latest: .latest
        case .revision(let revision): .revision(revision)
        case .time(let time): .time(time)
        case .beforeDelete(let key): .beforeDelete(KeyText.bytes(key))
        }
    }
}

/// Runs work that blocks on a thread of its own.
private func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        startThread(named: "restore") { continuation.resume(with: Result { try work() }) }
    }
}
