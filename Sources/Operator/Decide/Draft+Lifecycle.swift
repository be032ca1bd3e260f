internal import Backups
internal import ClusterAPI
internal import Platform

extension Draft {
    /// The spec is gone: stop what runs; data stays unless the policy says otherwise.
    mutating func deletion() -> Bool {
        guard self.cluster.metadata.deletionTimestamp != nil else { return false }
        self.status.phase = .deleting
        if self.operation?.type != .delete {
            self.begin(.delete, step: "Stop", intent: "Delete the cluster; its data: \(self.spec.deletionPolicy.rawValue).")
        }
        if let failure = self.input.observed.runtimeFailure {
            self.block("Delete", failure, until: "the machine's processes can be seen")
            return self.wait(failure, for: .seconds(1))
        }
        if self.spec.deletionPolicy == .snapshotThenDelete, self.finalSnapshotIsMissing {
            return self.takeFinalSnapshot()
        }
        let running = self.view.members.filter(\.isRunning).map(\.name)
        if !running.isEmpty {
            self.step("Stop")
            return self.act(.stop(members: running, grace: .seconds(10)), why: "The cluster was deleted.")
        }
        if self.spec.deletionPolicy != .retain, self.view.members.contains(where: { $0.process != nil }) {
            self.step("DeleteData")
            return self.act(.deleteData, why: "deletionPolicy is \(self.spec.deletionPolicy.rawValue).")
        }
        self.step("Forget")
        return self.act(.forget, why: "Nothing of the cluster runs any more.")
    }

    private var finalSnapshotName: String {
        DerivedName.name(self.name, "final-\((self.cluster.metadata.deletionTimestamp ?? self.now).namePart)")
    }

    private var finalSnapshotIsMissing: Bool {
        guard self.view.members.contains(where: { $0.process != nil }) else { return false }
        return !(self.input.observed.snapshots?.snapshots.contains { $0.name == self.finalSnapshotName } ?? false)
    }

    private mutating func takeFinalSnapshot() -> Bool {
        self.step("Snapshot")
        guard self.view.isQuorate else {
            self.block(
                "Delete", "no quorum, so no last snapshot can be taken",
                until: "quorum is back, or deletionPolicy is Retain or Delete")
            return self.restartMembers() || self.wait("Waiting for quorum to take the last snapshot.", for: .seconds(1))
        }
        guard let leader = self.view.leader, let endpoint = self.view[leader]?.endpoint else { return self.wait("No leader.") }
        return self.act(
            .takeSnapshot(
                name: self.finalSnapshotName,
                labels: .init(
                    cluster: self.name, clusterID: self.status.clusterID ?? "", member: leader, takenAt: self.now),
                endpoint: endpoint),
            why: "deletionPolicy is SnapshotThenDelete.")
    }

    mutating func pause() -> Bool {
        guard self.spec.paused else {
            if self.status.phase == .paused { self.status.phase = .running }
            return false
        }
        self.status.phase = .paused
        self.block("Everything", "spec.paused is true", until: "quorate resume \(self.name)")
        return self.wait("The cluster is paused.", for: Self.steadyInterval)
    }

    /// What cannot be seen is not acted on: no conclusion is drawn from an empty answer.
    mutating func blindness() -> Bool {
        guard let failure = self.input.observed.runtimeFailure else { return false }
        self.block("Everything", failure, until: "the machine's processes and directories can be read")
        return self.wait(failure, for: .seconds(1))
    }

    /// Restores that are over with, before anything else is decided.
    mutating func fillRequests() {
        self.finishGrownRestores()
    }
}
