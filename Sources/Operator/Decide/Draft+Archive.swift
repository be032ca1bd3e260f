internal import Backups
internal import ClusterAPI
internal import EtcdWire
internal import Platform

extension Draft {
    /// Says in the status how the archive of the log stands, and what of time can be restored. Never takes the turn: the
    /// archive is followed beside all else.
    mutating func reportArchive() {
        guard self.spec.backup?.archive != nil else {
            (self.status.backup.archiveLag, self.status.backup.recoveryWindow) = (nil, nil)
            return
        }
        guard let archive = self.input.observed.archive else {
            // What was told before may not hold any more; what could be restored then can be restored still.
            self.status.backup.archiveLag = nil
            return
        }
        self.status.backup.archiveLag = self.lag(of: archive)
        self.status.backup.recoveryWindow = self.window(of: archive)
        let before = self.cluster.status.conditions.first { $0.type == "BackupReady" }?.reason
        if let problem = self.archiveProblem, problem.reason != before {
            self.event(problem.reason, problem.message, .warning)
        }
    }

    /// Why not every point in time can be restored, as a condition's reason and message.
    var archiveProblem: (reason: String, message: String)? {
        guard let spec = self.spec.backup?.archive, let archive = self.input.observed.archive else { return nil }
        if let disagreement = archive.disagreement {
            return ("ArchiveDisagrees", "The cluster told what its archive does not hold: \(disagreement). Take a snapshot.")
        }
        if let failure = archive.failure { return ("ArchiveFailed", failure) }
        if let lag = self.status.backup.archiveLag, .seconds(lag.seconds) > spec.maxLag {
            return ("ArchiveBehind", "The archive lacks \(lag.revisions) entries of the log, since \(lag.seconds) s.")
        }
        if let began = archive.began, self.status.backup.recoveryWindow == nil {
            return ("ArchiveInterrupted", "\(began). What lies between can be restored once a snapshot is taken.")
        }
        return nil
    }

    private func lag(of archive: ArchiveObservation) -> ArchiveLag {
        let commit = self.input.observed.probes.compactMap { $0.status?.raftIndex }.max() ?? 0
        guard commit > archive.position.index else { return ArchiveLag(revisions: 0, seconds: 0) }
        let age = self.now - (archive.completeUntil ?? archive.openedAt)
        return ArchiveLag(revisions: Int64(clamping: commit - archive.position.index), seconds: max(0, age.components.seconds))
    }

    /// From the oldest snapshot that the archive goes on from; from its own beginning where that is the log's first entry.
    private func window(of archive: ArchiveObservation) -> RecoveryWindow? {
        guard let latest = archive.completeUntil else { return nil }
        if archive.base.index == 0 { return RecoveryWindow(earliest: archive.openedAt, latest: latest) }
        let base = self.input.observed.snapshots?.snapshots.first { snapshot in
            snapshot.labels.clusterID == archive.clusterID && snapshot.contents.raftIndex >= archive.base.index
                && snapshot.contents.raftIndex <= archive.position.index
        }
        return base.map { snapshot in
            // The log's own proof is exact: a snapshot begins some time before its last entry is written.
            let isProven = archive.proof?.index == snapshot.contents.raftIndex
            let earliest = (isProven ? archive.proof?.time : nil) ?? snapshot.labels.takenAt
            return RecoveryWindow(earliest: min(earliest, latest), latest: latest)
        }
    }
}
