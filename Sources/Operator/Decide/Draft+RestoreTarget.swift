internal import Backups
internal import ClusterAPI
internal import Platform
internal import Runtimes

/// What a restore is made from.
struct RestoreChoice {
    /// The snapshot that it begins with.
    var manifest: SnapshotManifest
    /// Nil for the whole snapshot, or all there is.
    var resolved: ResolvedTarget?
}

/// Whether it is known what a restore is made from.
enum RestoreAnswer {
    case known(RestoreChoice)
    /// What is to be done to know it.
    case ask(Action, why: String)
    /// Why it cannot be done.
    case missing(String)
}

extension Draft {
    /// What a restore would be made from, and where its target is.
    /// - Parameters:
    ///   - restore: That asks; nil for a cluster that is to be made.
    ///   - wantsAll: Whether what is left of the members counts too.
    func choice(for source: RestoreSource, of restore: EtcdRestore?, wantsAll: Bool) -> RestoreAnswer {
        guard source.target != .latest else {
            return self.artifact(for: source.from) { .known(RestoreChoice(manifest: $0)) }
        }
        if let refusal = self.refusal(of: source, wantsAll: wantsAll) { return .missing(refusal) }
        if let from = source.from {
            return self.artifact(for: from) { self.resolve(source, of: restore, among: [$0], wantsAll: false) }
        }
        guard let listing = self.input.observed.snapshots else { return .missing(self.unreadableStore) }
        let clusterID = self.clusterID(for: source.target, in: listing.snapshots)
        let candidates = listing.snapshots.filter { $0.labels.clusterID == clusterID }
        guard !candidates.isEmpty else {
            return .missing("there is no whole snapshot to begin with; quorate snapshot \(self.name) takes one")
        }
        return self.resolve(
            source, of: restore, among: candidates, wantsAll: wantsAll && clusterID == self.status.clusterID)
    }

    private func resolve(
        _ source: RestoreSource, of restore: EtcdRestore?, among candidates: [SnapshotManifest], wantsAll: Bool
    ) -> RestoreAnswer {
        var target = source.target
        let shown = restore?.status.report
        // What was approved is what is done, even if the key was deleted once more since.
        if case .beforeDelete = target, let shown, shown.target == target, shown.revision > 0 {
            target = .revision(shown.revision)
        }
        let logs = wantsAll ? self.view.members.compactMap(\.process).filter { $0.data == .present } : []
        let question = TargetQuestion(
            asker: restore?.metadata.name ?? "", target: target, snapshots: candidates.map(\.uri),
            clusterID: candidates[0].labels.clusterID, logs: logs.map { "\($0.place.dataDirectory)/member/wal" },
            from: source.from)
        let action = Action.resolveTarget(question)
        guard let answer = self.memory.resolved[question.asker], answer.key == question.key else {
            if let failure = self.memory.failures[action.retryKey], failure.count >= 3 {
                return .missing(failure.message + self.windowNote)
            }
            return .ask(action, why: "A restore asks for \(target), which is looked for first.")
        }
        var resolved = answer.resolved
        if let shown, target != source.target { resolved.words = shown.resolved }
        guard let snapshot = resolved.snapshot else {
            return .known(RestoreChoice(manifest: candidates[0], resolved: resolved))
        }
        guard let manifest = candidates.first(where: { $0.uri == snapshot }) else {
            return .ask(action, why: "The snapshot that the restore was to begin with is gone.")
        }
        return .known(RestoreChoice(manifest: manifest, resolved: resolved))
    }

    /// The cluster that a target is of: the store may hold snapshots from before an earlier restore too.
    private func clusterID(for target: TargetSpec, in snapshots: [SnapshotManifest]) -> String? {
        let current = snapshots.filter { $0.labels.clusterID == self.status.clusterID }
        switch target {
        case .time(let time):
            if self.status.backup.recoveryWindow != nil, !current.isEmpty { return self.status.clusterID }
            return (snapshots.last { $0.labels.takenAt <= time } ?? snapshots.first)?.labels.clusterID
        case .revision(let revision):
            if current.contains(where: { $0.contents.compactRevision <= revision }) { return self.status.clusterID }
            return (snapshots.last { $0.contents.revision <= revision } ?? snapshots.first)?.labels.clusterID
        case .beforeDelete, .latest:
            return (current.last ?? snapshots.last)?.labels.clusterID
        }
    }

    /// Why a target cannot be reached, as far as that can be told without looking.
    private func refusal(of source: RestoreSource, wantsAll: Bool) -> String? {
        switch source.target {
        case .time(let time):
            if time > self.now { return "\(time.rfc3339) is still to come\(self.windowNote)" }
            guard source.from == nil else { return nil }
            if let window = self.status.backup.recoveryWindow {
                // Of a cluster that is lost, the logs that are left go further than the archive.
                let isOutside = time < window.earliest || time > window.latest && !wantsAll
                return isOutside ? "\(time.rfc3339) is outside of what can be restored\(self.windowNote)" : nil
            }
            let snapshots = self.input.observed.snapshots?.snapshots ?? []
            guard let oldest = snapshots.first, time < oldest.labels.takenAt else { return nil }
            return "\(time.rfc3339) is before the oldest snapshot, of \(oldest.labels.takenAt.rfc3339)\(self.windowNote)"
        case .revision(let revision):
            guard self.status.revision > 0, revision > self.status.revision else { return nil }
            return "revision \(revision) was not seen yet: the highest is \(self.status.revision)\(self.windowNote)"
        case .beforeDelete, .latest: return nil
        }
    }

    /// Names what can be reached, for the end of a sentence.
    private var windowNote: String {
        if let window = self.status.backup.recoveryWindow {
            return "; the recovery window is \(window.earliest.rfc3339) to \(window.latest.rfc3339)"
        }
        return
            "; there is no recovery window, since the log is not archived: only what is in a snapshot can be brought back"
    }

    var unreadableStore: String {
        "the backup store cannot be read: \(self.input.observed.backupFailure ?? "none is configured")"
    }

    /// Whether the archive is still to get what the cluster had when a restore was asked for; it is not waited for long.
    func awaitsArchive(_ restore: EtcdRestore) -> Bool {
        guard restore.spec.source.target != .latest, self.view.isQuorate, let archive = self.input.observed.archive,
            archive.failure == nil, let asked = restore.metadata.creationTimestamp
        else { return false }
        let until = archive.completeUntil ?? archive.openedAt
        return until < asked && self.now - asked < .seconds(10)
    }
}
