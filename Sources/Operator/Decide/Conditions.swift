internal import Backups
internal import ClusterAPI
internal import EtcdWire
internal import Platform

/// The verdicts on a cluster. Unreachable is Unknown, never the last value kept.
struct Conditions {
    let draft: Draft
    let status: EtcdClusterStatus

    func all() -> [Condition] {
        [
            self.available(), self.progressing(), self.degraded(), self.quorate(), self.allMembersReady(),
            self.allMembersUpdated(),
            self.backupReady(),
            self.schedulesReady(), self.alarmsActive(), self.clusterIDMismatch(), self.recovering(), self.paused(),
        ]
    }

    private var view: ClusterView { self.draft.view }
    private var isBlind: Bool { self.draft.input.observed.runtimeFailure != nil }

    private func make(_ type: String, _ value: Condition.Status, _ reason: String, _ message: String) -> Condition {
        let before = self.draft.cluster.status.conditions.first { $0.type == type }
        let since = before?.status == value ? before?.lastTransitionTime : nil
        return Condition(
            type: type, status: value, reason: reason, message: message,
            observedGeneration: self.draft.cluster.metadata.generation, lastTransitionTime: since ?? self.draft.now)
    }

    private func available() -> Condition {
        if self.isBlind { return self.make("Available", .unknown, "RuntimeUnreadable", self.draft.why) }
        if self.view.isQuorate {
            return self.make("Available", .true, "QuorumAvailable", "The cluster serves reads and writes.")
        }
        if let failure = self.failure { return self.make("Available", .false, failure.reason, failure.message) }
        if self.status.phase == .quorumLost { return self.make("Available", .false, "QuorumLost", self.draft.why) }
        let reason = self.status.clusterID == nil ? "Creating" : "NoLeader"
        return self.make("Available", .false, reason, self.draft.why)
    }

    /// The failure that stands in the way now, if one does. One that came once or twice is shown as blocked, and as an
    /// event, but is no verdict on the cluster yet.
    private var failure: ClusterMemory.Failure? {
        let standing = self.draft.memory.failures.filter { _, failure in
            failure.reason == "EngineMissing" || failure.count >= 3 && !failure.isTooEarly(at: self.draft.now)
        }
        return standing.keys.sorted().compactMap { standing[$0] }.max { $0.last < $1.last }
    }

    private func progressing() -> Condition {
        if let operation = self.status.operation {
            let ready = self.status.readyReplicas
            return self.make(
                "Progressing", .true, operation.type.rawValue,
                "\(operation.intent) Step: \(operation.step). \(ready) of \(self.draft.spec.replicas) members are ready.")
        }
        return self.make("Progressing", .false, "AsSpecified", "No change is in flight.")
    }

    private func degraded() -> Condition {
        if self.isBlind { return self.make("Degraded", .unknown, "RuntimeUnreadable", self.draft.why) }
        let sick = self.status.members.filter { $0.state == .unhealthy }
        if !sick.isEmpty {
            let names = sick.map { $0.errors.isEmpty ? $0.name : "\($0.name) (\($0.errors[0]))" }
            return self.make("Degraded", .true, "UnhealthyMembers", names.joined(separator: "; "))
        }
        if let failure = self.failure { return self.make("Degraded", .true, failure.reason, failure.message) }
        if self.status.readyReplicas < self.draft.spec.replicas {
            return self.make(
                "Degraded", .true, "TooFewMembers",
                "\(self.status.readyReplicas) of \(self.draft.spec.replicas) members are ready.")
        }
        return self.make("Degraded", .false, "Healthy", "Every member is healthy.")
    }

    private func quorate() -> Condition {
        if self.isBlind { return self.make("Quorate", .unknown, "RuntimeUnreadable", self.draft.why) }
        if self.view.isQuorate {
            let following = self.view.voters.count(where: \.isHealthy)
            return self.make("Quorate", .true, "Quorate", "\(following) of \(self.view.voters.count) voters follow the leader.")
        }
        if self.status.clusterID == nil, self.status.phase != .quorumLost {
            return self.make("Quorate", .false, "Creating", "The cluster is being made.")
        }
        return self.make("Quorate", .false, "QuorumLost", self.draft.why)
    }

    private func allMembersReady() -> Condition {
        let ready = self.status.readyReplicas
        if ready == self.draft.spec.replicas, self.status.members.count == ready {
            return self.make("AllMembersReady", .true, "AllMembersReady", "\(ready) members are ready.")
        }
        return self.make("AllMembersReady", .false, "NotAllMembersReady", "\(ready) of \(self.draft.spec.replicas) are ready.")
    }

    private func allMembersUpdated() -> Condition {
        let outdated = self.draft.outdated
        if outdated.isEmpty {
            return self.make(
                "AllMembersUpdated", .true, "AllMembersUpdated", "Every member runs the engine of the spec, with its options.")
        }
        let others = outdated.filter { self.draft.runsOtherEngine($0) }
        if !others.isEmpty, let refusal = self.draft.downgradeRefusal {
            return self.make("AllMembersUpdated", .false, "DowngradeRefused", refusal)
        }
        let what = others.isEmpty ? "with older options" : "another engine than \(self.draft.engineWords), or older options"
        let names = outdated.map(\.name).joined(separator: ", ")
        return self.make(
            "AllMembersUpdated", .false, "NotAllMembersUpdated", "\(names) run \(what); they are restarted one at a time.")
    }

    private func backupReady() -> Condition {
        if let failure = self.draft.input.observed.backupFailure {
            return self.make("BackupReady", .unknown, "StoreUnreadable", failure)
        }
        if let failure = self.status.backup.lastFailure {
            return self.make("BackupReady", .false, "SnapshotFailed", failure)
        }
        if let damaged = self.draft.input.observed.snapshots?.damaged, let name = damaged.keys.sorted().first {
            return self.make("BackupReady", .false, "DamagedSnapshot", "\(name): \(damaged[name] ?? "")")
        }
        if let problem = self.draft.archiveProblem { return self.make("BackupReady", .false, problem.reason, problem.message) }
        guard let last = self.status.backup.lastSnapshot else {
            return self.make("BackupReady", .false, "NoSnapshot", "There is no snapshot yet.")
        }
        return self.make("BackupReady", .true, "SnapshotSucceeded", "The last one holds revision \(last.revision).")
    }

    private func schedulesReady() -> Condition {
        let unknown = self.draft.unknownZones
        guard !unknown.isEmpty else { return self.make("SchedulesReady", .true, "SchedulesReady", "") }
        return self.make(
            "SchedulesReady", .false, "UnknownTimeZone",
            "This machine does not know \(unknown.joined(separator: " and ")); nothing runs by that schedule.")
    }

    private func alarmsActive() -> Condition {
        let alarms = self.status.members.flatMap { member in
            member.errors.filter { $0.contains("alarm") }.map { "\(member.name): \($0)" }
        }
        return alarms.isEmpty
            ? self.make("AlarmsActive", .false, "NoAlarm", "")
            : self.make("AlarmsActive", .true, "AlarmRaised", alarms.joined(separator: "; "))
    }

    private func clusterIDMismatch() -> Condition {
        guard let expected = self.status.clusterID else { return self.make("ClusterIDMismatch", .unknown, "NoClusterID", "") }
        let others = self.view.members.filter { member in
            guard let id = member.answer?.header.clusterID, id != 0 else { return false }
            return String(id, radix: 16) != expected
        }
        return others.isEmpty
            ? self.make("ClusterIDMismatch", .false, "OneCluster", "Every member that answers is of cluster \(expected).")
            : self.make(
                "ClusterIDMismatch", .true, "AnotherCluster",
                "\(others.map(\.name).joined(separator: ", ")) answer for another cluster than \(expected).")
    }

    private func recovering() -> Condition {
        if let operation = self.status.operation, operation.type == .restore {
            return self.make("Recovering", .true, operation.step, operation.intent)
        }
        if self.status.phase == .quorumLost {
            let mode = self.draft.spec.recovery.quorumLossMode
            let message =
                mode == .approve
                ? "quorate restore \(self.draft.name) shows what can be had back; with --approve it is done."
                : "recovery.quorumLoss.mode is \(mode.rawValue)."
            return self.make("Recovering", .false, mode == .approve ? "AwaitingApproval" : mode.rawValue, message)
        }
        return self.make("Recovering", .false, "NotNeeded", "")
    }

    private func paused() -> Condition {
        self.draft.spec.paused
            ? self.make("Paused", .true, "SpecPaused", "quorate resume \(self.draft.name) goes on.")
            : self.make("Paused", .false, "NotPaused", "")
    }
}
