internal import Backups
internal import Platform
internal import Recovery
internal import Runtimes

extension LiveHands {
    /// Writes the data of the first member of the cluster that is brought back: the snapshot, and where a cluster was lost,
    /// all that its members' logs and its archive hold after it.
    func restore(
        _ member: String, _ uri: String, _ options: RestoreOptions, _ places: Places,
        _ report: @escaping @Sendable (ActionProgress) -> Void
    ) async throws {
        let disk = self.disk
        let origin = DataOrigin(source: uri, token: options.token)
        let archives = "\(places.backups)/archive"
        try await self.runtime.fill(member, of: places.cluster, from: origin) { place, path in
            try await blocking {
                let sources = try Self.sources(uri, options, archives: archives, disk) { done, total in
                    report(ActionProgress(phase: "verifying", done: done, total: total))
                }
                let only = NewCluster.Member(name: member, peerURLs: [place.peerURL])
                let cluster = NewCluster(name: member, members: [only], token: options.token)
                var request = RestoreRequest(from: sources, to: path, cluster: cluster)
                request.lastSeen = options.lastSeen
                let restored = try Restore.run(request, disk: disk) { progress in
                    report(ActionProgress(phase: "\(progress.step.rawValue)", done: progress.done, total: progress.total))
                }
                // What a run writes beside the directory is kept with the member instead.
                try? disk.remove("\(path).report.json")
                return String(decoding: RestoredData(restored).encoded(), as: UTF8.self)
            }
        }
    }

    /// What is read: the snapshot, and of the cluster that was lost every log that is left. A snapshot of another cluster,
    /// as one from before an earlier restore is, says nothing of what follows: then what is left stands by itself.
    private static func sources(
        _ uri: String, _ options: RestoreOptions, archives: String, _ disk: any Disk,
        progress: @escaping (Int64, Int64) -> Void
    ) throws -> [String] {
        let snapshot = try SnapshotLocation.parse(uri).path
        let (_, sha256) = try SnapshotFile.verify(snapshot, disk, progress: progress)
        if let expected = options.sha256, expected != sha256 {
            throw BackupError(.damaged, "\(snapshot): its image has SHA-256 \(sha256), not \(expected) as when it was listed")
        }
        guard let lost = options.lostCluster else { return [snapshot] }
        let survivors = try lost.survivors.map { "\($0)/data" }.filter { try disk.stat("\($0)/member/wal") != nil }
        let names = try disk.stat(archives) == nil ? [] : try disk.list(archives)
        let logs = survivors + names.filter { $0.hasPrefix("\(lost.id)-") }.map { "\(archives)/\($0)" }
        let isOfLost = options.snapshotClusterID.isEmpty || options.snapshotClusterID == lost.id
        return isOfLost || survivors.isEmpty ? [snapshot] + (isOfLost ? logs : []) : logs
    }
}

/// Runs work that blocks on a thread of its own.
private func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        startThread(named: "restore") { continuation.resume(with: Result { try work() }) }
    }
}
