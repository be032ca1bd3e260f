public import Backups
public import ClusterAPI
internal import Platform
internal import Runtimes

extension Draft {
    // MARK: Beginning

    /// Takes up the oldest restore that was approved; the others get a report of what they would do.
    mutating func beginRestore() -> Bool {
        guard self.operation?.type != .restore else { return false }
        // One that got further than stopping was begun, and is no longer to begin.
        let begun: Set<RestorePhase> = [.movingAside, .restoring, .starting, .growing]
        let askers = Set(self.input.requests.restores.map(\.metadata.name))
        self.memory.resolved = self.memory.resolved.filter { askers.contains($0.key) || $0.key.isEmpty }
        for restore in self.input.requests.restores where !begun.contains(restore.status.phase) {
            // What waits for a person was looked for already.
            if !restore.spec.approved, restore.isShown { continue }
            if self.awaitsArchive(restore) { return self.wait("The archive is about to have what the cluster has.") }
            let wantsAll = self.bringsBackAll(restore)
            switch self.choice(for: restore.spec.source, of: restore, wantsAll: wantsAll) {
            case .known(let choice):
                if restore.spec.approved { return self.begin(restore, with: choice) }
                self.preview(restore, choice)
            case .ask(let action, let why): return self.act(action, why: why)
            case .missing(let message): self.write(restore, .failed, message)
            }
        }
        return false
    }

    mutating func beginBootstrapRestore(from source: RestoreSource) -> Bool {
        switch self.choice(for: source, of: nil, wantsAll: false) {
        case .known(let choice):
            let revision = choice.resolved?.revision ?? choice.manifest.contents.revision
            self.event("RecoveryPlanned", "The cluster is made from \(choice.manifest.uri), revision \(revision).")
            self.beginOperation(choice, for: source.target, restore: nil, type: "bootstrap")
            return self.continueRestore()
        case .ask(let action, let why): return self.act(action, why: why)
        case .missing(let message):
            self.block("Bootstrap", message, until: "the snapshot is there, or spec.bootstrap.restore is taken out")
            return self.wait(message, for: .seconds(1))
        }
    }

    /// A snapshot that was read wholly.
    func artifact(for uri: String?, then next: (SnapshotManifest) -> RestoreAnswer) -> RestoreAnswer {
        let why = "A restore was asked for from a snapshot not read yet."
        if let uri {
            if let verified = self.memory.verified[uri] { return next(verified) }
            if let failure = self.memory.failures[Action.verifySnapshot(uri: uri).retryKey], failure.count >= 3 {
                return .missing(failure.message)
            }
            return .ask(.verifySnapshot(uri: uri), why: why)
        }
        guard let listing = self.input.observed.snapshots else { return .missing(self.unreadableStore) }
        // The newest that reads whole; one found damaged is passed over, and the next older one taken.
        for manifest in listing.snapshots.reversed() {
            if self.memory.verified[manifest.uri] != nil { return next(manifest) }
            let action = Action.verifySnapshot(uri: manifest.uri)
            if self.memory.failures[action.retryKey]?.count ?? 0 < 3 { return .ask(action, why: why) }
        }
        return .missing("there is no whole snapshot of this cluster")
    }

    private mutating func begin(_ restore: EtcdRestore, with choice: RestoreChoice) -> Bool {
        let target = choice.resolved.map { ", up to \($0.words)" } ?? ""
        self.event(
            "RecoveryApproved", "Restore \(restore.metadata.name) begins from \(choice.manifest.uri)\(target).", .warning)
        self.beginOperation(
            choice, for: restore.spec.source.target, restore: restore.metadata.name, type: "inPlace",
            wantsAll: self.bringsBackAll(restore)
                && (choice.resolved == nil || choice.manifest.labels.clusterID == self.status.clusterID))
        // The object says no more than "stopping" before the operation is stored: a crash in between begins it again.
        self.report(.stopping)
        return self.wait("The restore \(restore.metadata.name) begins.", for: .milliseconds(10))
    }

    /// Whether what is left of the members and the archive is brought back with the snapshot: when the cluster is lost, and
    /// nobody asked for one snapshot.
    private func bringsBackAll(_ restore: EtcdRestore) -> Bool {
        restore.spec.source.from == nil && self.status.phase == .quorumLost
    }

    private mutating func beginOperation(
        _ choice: RestoreChoice, for target: TargetSpec, restore: String?, type: String, wantsAll: Bool = false
    ) {
        let manifest = choice.manifest
        let revision = choice.resolved?.revision ?? manifest.contents.reached
        self.begin(
            .restore, step: "Stop", member: "\(self.name)-1", intent: "Restore revision \(revision) from \(manifest.uri).")
        let lastSeen = restore == nil ? 0 : self.status.revision
        var details = [
            "uri": manifest.uri, "sha256": manifest.sha256, "token": self.newToken(), "mode": type,
            "revision": String(revision), "lastSeen": String(lastSeen), "snapshotClusterID": manifest.labels.clusterID,
        ]
        details["restore"] = restore
        if let resolved = choice.resolved {
            details["target"] = target.detail
            details["resolved"] = resolved.words
            details["timing"] = resolved.timing.joined(separator: "\n")
        }
        // Of a cluster that serves, a person wants the snapshot; of one that is lost, all that is left.
        if wantsAll { details["lostCluster"] = self.status.clusterID }
        self.operation?.details = details
        self.memory.movedAside = []
        self.status.phase = .recovering
    }

    // MARK: The steps

    /// Stop all, move all aside, place one, write its data, start it: each step looks at the machine first, so that it
    /// can be taken again after any crash. Nothing is deleted.
    mutating func continueRestore() -> Bool {
        guard let operation = self.operation, operation.type == .restore, let first = operation.member else { return false }
        self.rememberMovedAside()
        switch operation.step {
        case "Stop": return self.restoreStop()
        case "MoveAside": return self.restoreMoveAside()
        case "Restore": return self.restoreData(first)
        default: return self.restoreStart(first)
        }
    }

    private mutating func restoreStop() -> Bool {
        self.report(.stopping)
        let running = self.view.members.filter(\.isRunning).map(\.name)
        if !running.isEmpty {
            return self.act(.stop(members: running, grace: .seconds(5)), why: "What runs of the old cluster is stopped first.")
        }
        self.step("MoveAside")
        return self.restoreMoveAside()
    }

    private mutating func restoreMoveAside() -> Bool {
        self.report(.movingAside)
        if self.view.members.contains(where: \.isRunning) {
            self.step("Stop")
            return self.restoreStop()
        }
        if let next = self.view.members.first(where: { $0.process != nil }) {
            return self.act(
                .retire(member: next.name, label: self.operation?.details["restore"] ?? "restore"),
                why: "The old data is moved aside, never deleted.")
        }
        // From here on no place is an old one: this step is stored before a new one is made.
        self.step("Restore")
        self.status.clusterID = nil
        self.status.token = self.operation?.details["token"]
        self.status.members = []
        return self.wait("The old data is out of the way.", for: .milliseconds(10))
    }

    private mutating func restoreData(_ first: String) -> Bool {
        self.report(.restoring)
        guard let process = self.view[first]?.process else {
            return self.act(.provision(members: [first]), why: "The first member needs a directory and ports.")
        }
        switch process.data {
        case .present:
            self.step("Start")
            return self.restoreStart(first)
        case .lost:
            return self.act(.retire(member: first, label: "broken-restore"), why: "The restored data is gone again.")
        case .empty:
            let uri = self.operation?.details["uri"] ?? ""
            return self.act(
                .restore(member: first, uri: uri, options: self.restoreOptions),
                why: "What is brought back becomes the data of the first member.")
        }
    }

    private var restoreOptions: RestoreOptions {
        let details = self.operation?.details ?? [:]
        var options = RestoreOptions(token: details["token"] ?? self.name, sha256: details["sha256"])
        options.snapshotClusterID = details["snapshotClusterID"] ?? ""
        options.lastSeen = Int64(details["lastSeen"] ?? "") ?? 0
        options.target = self.wantedTarget(details)
        options.lostCluster = details["lostCluster"].map { id in
            RestoreOptions.LostCluster(
                id: id, survivors: (details["movedAside"] ?? "").split(separator: "\n").map(String.init))
        }
        return options
    }

    /// What a deletion was found to mean is not looked for again.
    private func wantedTarget(_ details: [String: String]) -> TargetSpec {
        switch details["target"].flatMap({ TargetSpec(detail: $0) }) ?? .latest {
        case .beforeDelete: .revision(Int64(details["revision"] ?? "") ?? 0)
        case let target: target
        }
    }

    private mutating func restoreStart(_ first: String) -> Bool {
        self.report(.starting)
        guard let member = self.view[first], let process = member.process, process.data == .present else {
            self.step("Restore")
            return self.restoreData(first)
        }
        if !member.isRunning {
            guard self.mayStart(first) else { return self.wait("Waiting to start \(first) again.") }
            let only = [InitialMember(name: first, peerURL: process.place.peerURL)]
            return self.act(
                .start(members: [self.memberStart(first, self.startOptions(.existing, cluster: only))]),
                why: "The restored member is started.")
        }
        guard self.view.isQuorate, let clusterID = self.view.clusterID else {
            return self.wait("Waiting for the restored member to lead.")
        }
        self.noteRestored(process.origin)
        self.status.clusterID = String(clusterID, radix: 16)
        (self.status.revision, self.memory.revision) = (self.view.revision, self.view.revision)
        self.report(.growing)
        self.event("RecoverySucceeded", "Cluster \(String(clusterID, radix: 16)): \(self.lossSummary())")
        self.operation = nil
        return self.wait("The restored member leads; the cluster grows to \(self.spec.replicas).", for: .milliseconds(10))
    }

    /// What was brought back, as it was kept with the member.
    private mutating func noteRestored(_ words: String?) {
        guard let restored = words.flatMap({ RestoredData($0) }) else { return }
        self.operation?.details["restoredRevision"] = String(restored.revision)
        self.operation?.details["startRevision"] = String(restored.startRevision)
        self.operation?.details["sources"] = restored.sources.joined(separator: "\n")
    }

    private mutating func rememberMovedAside() {
        guard !self.memory.movedAside.isEmpty else { return }
        let before = (self.operation?.details["movedAside"] ?? "").split(separator: "\n").map(String.init)
        let all = (before + self.memory.movedAside.filter { !before.contains($0) }).joined(separator: "\n")
        self.operation?.details["movedAside"] = all
        self.memory.movedAside = []
    }

    // MARK: Reporting

    /// A restore that grew to its size is done.
    mutating func finishGrownRestores() {
        let wanted = self.spec.replicas
        let ready = self.view.voters.count(where: \.isHealthy)
        let isGrown =
            self.view.isQuorate && self.view.voters.count == wanted && ready == wanted && self.operation == nil
        for restore in self.input.requests.restores where restore.status.phase == .growing {
            let message = "\(ready) of \(wanted) members are up (\(min(100, ready * 100 / max(1, wanted))) %)"
            if isGrown {
                self.write(restore, .succeeded, restore.status.report?.summary ?? "")
            } else if restore.status.message != message {
                self.write(restore, .growing, message)
            }
        }
    }

    private mutating func preview(_ restore: EtcdRestore, _ choice: RestoreChoice) {
        var restore = restore
        var report = self.makeReport(
            choice.manifest.artifact, of: restore.spec.source.target, restored: choice.resolved?.revision,
            lastSeen: self.status.revision)
        if let resolved = choice.resolved {
            (report.resolved, report.timing, report.sources) = (resolved.words, resolved.timing, resolved.sources)
        }
        if self.bringsBackAll(restore), restore.spec.source.target == .latest {
            report.summary += " What the logs of surviving members and the archive hold after it is brought back as well."
        }
        restore.status.report = report
        self.write(restore, .awaitingApproval, "Nothing is done before it is approved: quorate restore \(self.name) --approve")
    }

    private mutating func report(_ phase: RestorePhase) {
        guard let name = self.operation?.details["restore"],
            var restore = self.input.requests.restores.first(where: { $0.metadata.name == name })
        else { return }
        let details = self.operation?.details ?? [:]
        func lines(_ name: String) -> [String] { (details[name] ?? "").split(separator: "\n").map(String.init) }
        if restore.status.startedAt == nil { restore.status.startedAt = self.now }
        let manifest = self.input.observed.snapshots?.snapshots.first { $0.uri == details["uri"] }
        let known = manifest ?? self.memory.verified[details["uri"] ?? ""]
        if let artifact = known?.artifact ?? restore.status.report?.artifact {
            let target = details["target"].flatMap { TargetSpec(detail: $0) } ?? .latest
            var restored = details["restoredRevision"].flatMap { Int64($0) }
            if target != .latest { restored = restored ?? Int64(details["revision"] ?? "") }
            var report = self.makeReport(
                artifact, of: target, restored: restored, lastSeen: Int64(details["lastSeen"] ?? "") ?? 0)
            (report.resolved, report.timing) = (details["resolved"] ?? "", lines("timing"))
            report.startRevision = Int64(details["startRevision"] ?? "") ?? 0
            (report.sources, report.movedAside) = (lines("sources"), lines("movedAside"))
            restore.status.report = report
        }
        let failure = self.memory.failures.filter { self.now - $0.value.last < .seconds(60) }.max {
            $0.value.last < $1.value.last
        }
        self.write(
            restore, phase, failure.map { "\($0.key): \($0.value.message); it is tried again" } ?? self.operation?.intent ?? "")
    }

    private mutating func write(_ restore: EtcdRestore, _ phase: RestorePhase, _ message: String) {
        var restore = restore
        restore.status.phase = phase
        restore.status.message = message
        if phase == .succeeded || phase == .failed { restore.status.completedAt = restore.status.completedAt ?? self.now }
        self.restoreWrites.removeAll { $0.metadata.name == restore.metadata.name }
        self.restoreWrites.append(restore)
    }

    private func makeReport(
        _ artifact: SnapshotArtifact, of target: TargetSpec, restored: Int64?, lastSeen: Int64
    ) -> RestoreResult {
        let revision = max(restored ?? artifact.revision, 1)
        var report = RestoreResult(
            artifact: artifact, lastSeenRevision: lastSeen,
            possiblyLost: lastSeen > revision ? (revision + 1)...lastSeen : nil,
            summary: Self.lossSummary(restored: revision, lastSeen: lastSeen, isAsked: target != .latest), movedAside: [])
        (report.target, report.revision) = (target, restored ?? 0)
        return report
    }

    private func lossSummary() -> String {
        let details = self.operation?.details ?? [:]
        return Self.lossSummary(
            restored: Int64(details["restoredRevision"] ?? details["revision"] ?? "") ?? 0,
            lastSeen: Int64(details["lastSeen"] ?? "") ?? 0, isAsked: details["target"] != nil)
    }

    /// - Parameter isAsked: Whether a moment was asked for: then what came after it is not wanted.
    static func lossSummary(restored: Int64, lastSeen: Int64, isAsked: Bool = false) -> String {
        let lost = lastSeen > restored + 1 ? "revisions \(restored + 1) to \(lastSeen)" : "revision \(lastSeen)"
        if lastSeen > restored, isAsked {
            return
                "revision \(restored) is brought back; \(lost), which came after it, would be gone, and any written after the "
                + "controller's last look."
        }
        if lastSeen > restored {
            return
                "revision \(restored) is brought back; \(lost) may be lost, and any written after the controller's last look."
        }
        return "revision \(restored) is brought back; no later revision was seen, but any written after the controller's last "
            + "look would be lost."
    }
}

extension EtcdRestore {
    /// Whether a person was shown what its target comes to.
    fileprivate var isShown: Bool {
        guard self.status.phase == .awaitingApproval, let report = self.status.report else { return false }
        return report.target == self.spec.source.target && report.revision > 0
    }
}

extension SnapshotManifest {
    /// The manifest as resources carry it.
    public var artifact: SnapshotArtifact {
        SnapshotArtifact(
            uri: self.uri, sizeBytes: self.sizeBytes, sha256: self.sha256, revision: self.contents.revision,
            raftIndex: self.contents.raftIndex, raftTerm: self.contents.raftTerm, clusterID: self.labels.clusterID,
            takenAt: self.labels.takenAt, member: self.labels.member)
    }
}
