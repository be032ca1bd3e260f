import Backups
import ClusterAPI
import EtcdWire
import Platform
import Runtimes
import Testing

@testable import Operator

@Suite("decide")
struct DecideTests {
    @Test("A cluster is made in one go, and its id latched", arguments: [1, 2, 3, 5, 9])
    func bootstrap(replicas: Int) {
        var play = Play(replicas: replicas)
        #expect(play.run { $0.isSettled })
        #expect(play.actionNames == ["Provision", "Start"])
        #expect(play.status.clusterID == play.model.agreements.last.map { String($0.id, radix: 16) })
        #expect(play.voters.count == replicas)
    }

    @Test("Growing goes through learners, one at a time")
    func grow() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        play.actions = []
        play.cluster.spec.replicas = 5
        #expect(play.run { $0.isSettled })
        let one = ["Provision", "AddLearner", "Start", "Promote"]
        #expect(play.actionNames == one + one)
        #expect(play.voters.count == 5)
    }

    @Test("Shrinking keeps the lowest ordinals, and the leader goes last, after leading elsewhere")
    func shrink() {
        var play = Play(replicas: 5)
        #expect(play.run { $0.isSettled })
        let third = play.model.agreements[0].entries.first { $0.name == "orders-3" }?.id ?? 0
        play.model.agreements[0].leader = third
        play.actions = []
        play.cluster.spec.replicas = 1
        #expect(play.run { $0.isSettled })
        let removed = play.actions.compactMap { action -> String? in
            if case .removeMember(let name, _, _) = action { name } else { nil }
        }
        #expect(removed == ["orders-5", "orders-4", "orders-2", "orders-3"])
        #expect(play.actionNames.contains("MoveLeader"))
        #expect(play.model.nodes.map(\.place.name) == ["orders-1"])
        #expect(play.model.movedAside.count == 4)
    }

    @Test("A change of mind midway ends at the spec, whatever was under way", arguments: 0..<24)
    func changeOfMind(after steps: Int) {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        play.cluster.spec.replicas = 5
        for _ in 0..<steps { play.step() }
        play.cluster.spec.replicas = 1
        for _ in 0..<steps { play.step() }
        play.cluster.spec.replicas = 3
        #expect(play.run { $0.isSettled }, "after \(steps) steps: \(play.status)")
        #expect(play.voters.count == 3)
    }

    @Test("A member that ended is started again, with its own data")
    func restart() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        let id = play.model[memberNamed: "orders-2"]?.memberID
        play.model.change("orders-2") { $0.pid = nil }
        play.actions = []
        #expect(play.run { $0.model[memberNamed: "orders-2"]?.pid != nil && $0.isSettled })
        #expect(play.actionNames == ["Start"])
        #expect(play.model[memberNamed: "orders-2"]?.memberID == id)
    }

    @Test("A member whose data is lost is replaced under a new id, at once")
    func lost() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        let id = play.model[memberNamed: "orders-2"]?.memberID ?? 0
        play.model.change("orders-2") { ($0.pid, $0.data) = (nil, .lost) }
        play.actions = []
        #expect(play.run { $0.isSettled && !$0.actions.isEmpty })
        #expect(!play.voters.contains { $0.id == id })
        #expect(play.model.agreements[0].removed == [id])
        #expect(play.actionNames.first == "RemoveMember")
    }

    @Test("A member that hangs is replaced once replaceAfter has passed, not before")
    func hung() {
        var play = Play(replicas: 3) { $0.recovery.memberLossReplaceAfter = .seconds(60) }
        #expect(play.run { $0.isSettled })
        play.model.change("orders-3") { $0.isHung = true }
        let since = play.now
        play.actions = []
        #expect(play.run { !$0.actions.isEmpty })
        #expect(play.now - since >= .seconds(60))
        #expect(play.run { $0.isSettled })
        #expect(play.voters.count == 3)
    }

    @Test("With a member unhealthy no member is added, and status says why")
    func blockedGrowth() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        play.model.change("orders-3") { $0.isHung = true }
        play.cluster.spec.replicas = 5
        play.actions = []
        for _ in 0..<20 { play.step() }
        #expect(play.actions.isEmpty)
        #expect(play.status.blocked.contains { $0.action == "AddMember" && $0.reason.contains("orders-3") })
    }

    @Test("Quorum that cannot come back is said, and nothing is done before approval")
    func quorumLost() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        for name in ["orders-1", "orders-2", "orders-3"] { play.model.change(name) { ($0.pid, $0.data) = (nil, .lost) } }
        play.actions = []
        #expect(play.run { $0.status.phase == .quorumLost })
        for _ in 0..<50 { play.step() }
        #expect(play.actions.isEmpty)
        #expect(play.events.count { $0.reason == "QuorumLost" } == 1)
        #expect(play.status.blocked.contains { $0.unblockedWhen == "quorate restore orders --approve" })
        #expect(play.status.conditions.first { $0.type == "Available" }?.status == .false)
    }

    @Test("An approved restore brings the last snapshot back under a new cluster id, and grows")
    func restore() {
        var play = Play(replicas: 3) { $0.backup = BackupSpec() }
        #expect(play.run { $0.isSettled })
        play.requests.snapshots = [EtcdSnapshot(metadata: ObjectMeta(name: "s1"), spec: EtcdSnapshotSpec(clusterRef: "orders"))]
        for _ in 0..<10 { play.model.put() }
        #expect(play.run { $0.requests.snapshots.isEmpty })
        let kept = play.model.snapshots.last?.contents.revision ?? 0
        for _ in 0..<5 { play.model.put() }
        play.step()
        let old = play.status.clusterID
        for name in ["orders-1", "orders-2", "orders-3"] { play.model.change(name) { ($0.pid, $0.data) = (nil, .lost) } }
        #expect(play.run { $0.status.phase == .quorumLost })
        var restore = EtcdRestore(metadata: ObjectMeta(name: "r1"), spec: EtcdRestoreSpec(clusterRef: "orders"))
        play.requests.restores = [restore]
        #expect(play.run { $0.requests.restores.first?.status.phase == .awaitingApproval })
        let report = play.requests.restores.first?.status.report
        #expect(report?.possiblyLost == (kept + 1)...(kept + 5))
        restore = play.requests.restores[0]
        restore.spec.approved = true
        play.requests.restores = [restore]
        #expect(play.run { $0.isSettled && $0.requests.restores.isEmpty })
        #expect(play.status.clusterID != old)
        #expect(play.model.agreements.last?.revision ?? 0 >= kept)
        #expect(play.model.movedAside.count == 3)
    }

    @Test("A damaged newest snapshot is passed over for the next older one")
    func damagedSnapshot() {
        var play = Play(replicas: 1) { $0.backup = BackupSpec() }
        #expect(play.run { $0.isSettled })
        for name in ["a", "b"] {
            play.model.put()
            play.requests.snapshots = [
                EtcdSnapshot(metadata: ObjectMeta(name: name), spec: EtcdSnapshotSpec(clusterRef: "orders"))
            ]
            #expect(play.run { $0.requests.snapshots.isEmpty })
        }
        let newest = play.model.snapshots.last?.uri ?? ""
        let broken = Action.verifySnapshot(uri: newest).description
        play.memory.failures[broken] = .init(reason: "SnapshotDamaged", message: "", first: play.now, last: play.now, count: 3)
        play.requests.restores = [EtcdRestore(metadata: ObjectMeta(name: "r"), spec: EtcdRestoreSpec(clusterRef: "orders"))]
        #expect(play.run { $0.requests.restores.first?.status.report != nil })
        #expect(play.requests.restores.first?.status.report?.artifact.uri == play.model.snapshots.first?.uri)
    }

    @Test("Deletion stops the members and keeps the data; Delete deletes it")
    func deletion() {
        for policy in DeletionPolicy.allCases {
            var play = Play(replicas: 3) { $0.deletionPolicy = policy }
            #expect(play.run { $0.isSettled })
            play.actions = []
            play.cluster.metadata.deletionTimestamp = play.now
            #expect(play.run { $0.actions.last == .forget })
            #expect(play.model.nodes.allSatisfy { $0.pid == nil })
            #expect(play.model.nodes.isEmpty == (policy != .retain))
            #expect(play.model.snapshots.isEmpty == (policy != .snapshotThenDelete))
        }
    }

    @Test("Data that was kept is brought back, never begun anew")
    func adoption() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        let id = play.status.clusterID
        for name in ["orders-1", "orders-2", "orders-3"] { play.model.change(name) { $0.pid = nil } }
        play.cluster.status = EtcdClusterStatus()
        play.memory = ClusterMemory()
        #expect(play.run { $0.isSettled })
        #expect(play.status.clusterID == id)
    }

    @Test("What cannot be seen is not acted on")
    func blindness() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        var input = play.input
        input.observed = ObservedCluster()
        input.observed.runtimeFailure = "/proc cannot be read"
        let decision = decide(input)
        #expect(decision.action == nil)
        #expect(decision.status.conditions.first { $0.type == "Available" }?.status == .unknown)
    }

    @Test("NOSPACE: compact, defragment followers then the leader, disarm")
    func noSpace() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        play.model.agreements[0].noSpace = true
        for name in ["orders-1", "orders-2", "orders-3"] { play.model.change(name) { $0.dbSize = 3 << 30 } }
        play.actions = []
        #expect(play.run { !$0.model.agreements[0].noSpace && $0.isSettled })
        #expect(play.actionNames == ["Compact", "Defragment", "Defragment", "Defragment", "DisarmNoSpace"])
        let leader = play.status.leader ?? ""
        #expect(play.actions[3].description == "Defragment \(leader)")
    }

    @Test("Periodic compaction keeps the history of the retention")
    func compaction() {
        var play = Play(replicas: 1) { $0.maintenance.compaction = .periodic(retention: .seconds(60)) }
        #expect(play.run { $0.isSettled })
        play.actions = []
        let began = play.now
        for _ in 0..<100 {
            play.model.put()
            play.step()
        }
        let compactions = play.actions.compactMap { action -> Int64? in
            if case .compact(let revision, _) = action { revision } else { nil }
        }
        #expect(!compactions.isEmpty && compactions.count <= Int((play.now - began).inSeconds / 60) + 1)
        #expect(compactions == compactions.sorted())
    }

    @Test("Changed options reach every member by a rolling restart, the leader last")
    func rollingRestart() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        let leader = play.status.leader ?? ""
        play.actions = []
        play.cluster.spec.options.heartbeatInterval = .milliseconds(200)
        play.cluster.spec.options.electionTimeout = .seconds(2)
        let isUpdated: (Play) -> Bool = { play in
            play.isSettled && play.model.nodes.allSatisfy { $0.tuning?.heartbeatInterval == .milliseconds(200) }
        }
        let ended = play.run(until: isUpdated)
        #expect(ended)
        #expect(play.actionNames == ["Restart", "Restart", "MoveLeader", "Restart"])
        #expect(play.actions.last?.description == "Restart \(leader) with new options")
    }

    @Test("The archive's lag and window are told, and each of its troubles once")
    func archive() {
        var play = Play(replicas: 3) { spec in
            spec.backup = BackupSpec()
            spec.backup?.archive = ArchiveSpec()
        }
        #expect(play.run { $0.isSettled })
        let clusterID = play.status.clusterID ?? ""
        let commit = play.model.observe().probes.compactMap { $0.status?.raftIndex }.max() ?? 0
        let opened = play.now - .seconds(100)
        func turn(base: UInt64, position: UInt64, _ change: (inout ArchiveObservation) -> Void = { _ in }) -> Decision {
            var input = play.input
            var archive = ArchiveObservation(
                base: LogPosition(index: base, term: 1), position: LogPosition(index: position, term: 1),
                clusterID: clusterID, openedAt: opened)
            archive.completeUntil = play.now - .seconds(9)
            change(&archive)
            input.observed.archive = archive
            let decision = decide(input)
            play.cluster.status = decision.status
            return decision
        }
        func ready(_ decision: Decision) -> String? {
            decision.status.conditions.first { $0.type == "BackupReady" }?.reason
        }

        let whole = turn(base: 0, position: commit).status.backup
        #expect(whole.archiveLag == ArchiveLag(revisions: 0, seconds: 0))
        #expect(whole.recoveryWindow == RecoveryWindow(earliest: opened, latest: play.now - .seconds(9)))
        // A controller that was just started has not looked yet: it does not go on telling what another saw.
        let unseen = decide(play.input).status.backup
        #expect(unseen.archiveLag == nil && unseen.recoveryWindow == whole.recoveryWindow)
        // It begins in the midst of the log, and no snapshot is there from which it could go on.
        #expect(turn(base: 1, position: commit).status.backup.recoveryWindow == nil)

        let behind = turn(base: 0, position: commit - 1)
        #expect(behind.status.backup.archiveLag == ArchiveLag(revisions: 1, seconds: 9))
        #expect(ready(behind) == "ArchiveBehind")
        #expect(behind.events.map(\.reason) == ["ArchiveBehind"])
        #expect(turn(base: 0, position: commit - 1).events.isEmpty)
        let disagrees = turn(base: 0, position: commit) { $0.disagreement = "revision 7" }
        #expect(ready(disagrees) == "ArchiveDisagrees" && disagrees.events.map(\.reason) == ["ArchiveDisagrees"])
    }

    @Test("plan tells the steps that the controller then takes")
    func planMatches() {
        var play = Play(replicas: 3)
        #expect(play.run { $0.isSettled })
        play.cluster.spec.replicas = 5
        let plan = Planner.plan(play.input)
        play.actions = []
        #expect(play.run { $0.isSettled })
        #expect(plan.steps.map(\.action) == play.actions.map(\.description))
        #expect(plan.steps.allSatisfy { $0.toleranceAfter >= 1 })
    }
}
