import Backups
import ClusterAPI
import Platform
import Testing

@testable import Operator

@Suite("Restores to a moment")
struct RestoreTargetTests {
    /// A cluster of one that serves, with a snapshot at each of some revisions and more writes after the last.
    private static func play(_ revisions: [Int64] = [10, 20], seen: Int64 = 30) -> Play {
        var play = Play(replicas: 1) { $0.backup = BackupSpec() }
        _ = play.run { $0.isSettled }
        for revision in revisions {
            while play.model.agreements[0].revision < revision { play.model.put() }
            play.requests.snapshots = [
                EtcdSnapshot(metadata: ObjectMeta(name: "s\(revision)"), spec: EtcdSnapshotSpec(clusterRef: "orders"))
            ]
            _ = play.run { $0.requests.snapshots.isEmpty }
        }
        while play.model.agreements[0].revision < seen { play.model.put() }
        _ = play.run { $0.status.revision == seen && $0.isSettled }
        play.actions = []
        return play
    }

    private static func restore(_ target: TargetSpec, from: String? = nil) -> EtcdRestore {
        var restore = EtcdRestore(metadata: ObjectMeta(name: "r"), spec: EtcdRestoreSpec(clusterRef: "orders"))
        restore.spec.source = RestoreSource(from: from, target: target)
        return restore
    }

    /// What becomes of a restore that is asked for, until it waits or failed.
    private static func ask(_ restore: EtcdRestore, _ play: inout Play) -> EtcdRestoreStatus? {
        play.requests.restores = [restore]
        var last: EtcdRestoreStatus?
        for _ in 0..<100 {
            for written in play.step().restores { last = written.status }
            if last?.phase == .failed || last?.phase == .awaitingApproval { return last }
        }
        return last
    }

    @Test("It is tried out and shown first; approved, it is done, and the newest snapshot before it is taken")
    func revision() {
        var play = Self.play()
        let old = play.status.clusterID
        let shown = Self.ask(Self.restore(.revision(25)), &play)
        #expect(shown?.phase == .awaitingApproval)
        #expect(play.actionNames == ["ResolveTarget"], "nothing is touched")
        let report = shown?.report
        #expect(report?.target == .revision(25) && report?.revision == 25 && report?.possiblyLost == 26...30)
        #expect(report?.artifact.revision == 20 && report?.resolved == "revision 25")
        #expect(report?.summary.contains("would be gone") == true)
        for _ in 0..<20 { play.step() }
        #expect(play.actionNames == ["ResolveTarget"], "what is shown is not looked for again")

        play.requests.restores[0].spec.approved = true
        #expect(play.run { $0.isSettled && $0.requests.restores.isEmpty && $0.status.clusterID != old })
        let done = play.actions.compactMap { action -> (String, RestoreOptions)? in
            if case .restore(_, let uri, let options) = action { (uri, options) } else { nil }
        }
        #expect(done.map(\.0) == [play.model.snapshots[1].uri] && done.map(\.1.target) == [.revision(25)])
        #expect(play.model.agreements.last?.revision == 25)
    }

    @Test("A deletion that was shown is what is undone, even if the controller forgot, or the key was deleted again")
    func deletion() {
        var play = Self.play()
        let shown = Self.ask(Self.restore(.beforeDelete("k")), &play)
        #expect(shown?.report?.revision == 20, "the model finds the newest snapshot")
        play.memory = ClusterMemory()
        play.actions = []
        play.requests.restores[0].spec.approved = true
        #expect(play.run { $0.requests.restores.isEmpty })
        guard case .resolveTarget(let question)? = play.actions.first(where: { $0.name == "ResolveTarget" }) else {
            Issue.record("the base is looked for again: \(play.actionNames)")
            return
        }
        #expect(question.target == .revision(20))
        #expect(
            play.actions.contains {
                if case .restore(_, _, let options) = $0 { options.target == .revision(20) } else { false }
            })
    }

    @Test("What cannot be reached is refused, and nothing is touched")
    func refusals() {
        func message(_ restore: EtcdRestore, _ change: (inout Play) -> Void = { _ in }) -> String {
            var play = Self.play()
            change(&play)
            let status = Self.ask(restore, &play)
            #expect(status?.phase == .failed)
            #expect(!play.actionNames.contains { $0 != "ResolveTarget" && $0 != "VerifySnapshot" })
            return status?.message ?? ""
        }
        #expect(message(Self.restore(.revision(31))).hasPrefix("revision 31 was not seen yet: the highest is 30"))
        #expect(message(Self.restore(.revision(31))).contains("no recovery window"))
        let early = Timestamp(seconds: 1_700_000_000)
        #expect(message(Self.restore(.time(early))).contains("is before the oldest snapshot"))
        let window = RecoveryWindow(earliest: Timestamp(seconds: 1_799_999_000), latest: Timestamp(seconds: 1_799_999_900))
        for time in [window.earliest - .seconds(1), window.latest + .seconds(1)] {
            let told = message(Self.restore(.time(time))) { play in
                play.cluster.spec.backup?.archive = ArchiveSpec()
                play.cluster.status.backup.recoveryWindow = window
            }
            #expect(told.hasSuffix("the recovery window is 2027-01-15T07:43:20Z to 2027-01-15T07:58:20Z"), "\(told)")
        }
        let late = Self.restore(.time(Timestamp(seconds: 1_900_000_000)))
        #expect(message(late).contains("is still to come"))
        let compacted = message(Self.restore(.revision(3))) { play in
            for index in play.model.snapshots.indices { play.model.snapshots[index].contents.compactRevision = 5 }
        }
        #expect(compacted.hasPrefix("revision 3 was compacted"))
        #expect(message(Self.restore(.beforeDelete("k"))) { $0.model.snapshots = [] }.contains("quorate snapshot orders"))
        #expect(message(Self.restore(.revision(9), from: "file:///nowhere")).contains("no such snapshot"))
    }

    @Test("A revision from before an earlier restore is looked for in the snapshots of that life")
    func earlierLife() {
        var play = Self.play()
        let first = play.status.clusterID
        #expect(Self.ask(Self.restore(.revision(25)), &play) != nil)
        play.requests.restores[0].spec.approved = true
        #expect(play.run { $0.isSettled && $0.requests.restores.isEmpty && $0.status.clusterID != first })
        // As a restore moves revisions on.
        play.model.agreements[play.model.agreements.count - 1].revision = 1_000
        play.model.agreements[play.model.agreements.count - 1].compacted = 1_000
        play.requests.snapshots = [
            EtcdSnapshot(metadata: ObjectMeta(name: "second"), spec: EtcdSnapshotSpec(clusterRef: "orders"))
        ]
        #expect(play.run { $0.requests.snapshots.isEmpty && $0.status.revision >= 1_000 })
        for (revision, life) in [(15, first), (1_000, play.status.clusterID)] as [(Int64, String?)] {
            play.actions = []
            #expect(Self.ask(Self.restore(.revision(revision)), &play)?.phase == .awaitingApproval)
            guard case .resolveTarget(let question)? = play.actions.first else {
                Issue.record("\(play.actionNames)")
                continue
            }
            #expect(question.clusterID == life, "revision \(revision)")
        }
    }

    @Test("The archive is waited for until it has what the cluster had, but not for long")
    func waiting() {
        var play = Self.play()
        play.cluster.spec.backup?.archive = ArchiveSpec()
        var restore = Self.restore(.beforeDelete("k"))
        restore.metadata.creationTimestamp = play.now
        play.requests.restores = [restore]
        func action(after seconds: Int, completeUntil: Int) -> String? {
            var input = play.input
            input.now = play.now + .seconds(seconds)
            var archive = ArchiveObservation(
                base: LogPosition(index: 0, term: 0), position: LogPosition(index: 9, term: 1),
                clusterID: play.status.clusterID ?? "", openedAt: play.now - .seconds(99))
            archive.completeUntil = play.now + .seconds(completeUntil)
            input.observed.archive = archive
            return decide(input).action?.name
        }
        #expect(action(after: 2, completeUntil: -1) == nil)
        #expect(action(after: 2, completeUntil: 1) == "ResolveTarget")
        #expect(action(after: 11, completeUntil: -1) == "ResolveTarget")
    }

    @Test("A new cluster is made from a moment of another's store")
    func bootstrap() {
        var play = Self.play()
        let old = play.model.snapshots
        var spec = BootstrapSpec()
        spec.restore = RestoreSource(target: .revision(15))
        play = Play("copy", replicas: 1) { $0.bootstrap = spec }
        play.model.snapshots = old
        #expect(play.run { $0.isSettled })
        #expect(play.model.agreements.last?.revision == 15)
        #expect(play.actionNames.prefix(3) == ["ResolveTarget", "Provision", "Restore"])
    }

    @Test("A target is read back from an operation's details")
    func details() {
        let time = Timestamp(nanoseconds: 1_795_000_000_123_456_789)
        for target in [TargetSpec.latest, .revision(9), .time(time), .beforeDelete("a:b \\xff"), .beforeDelete("")] {
            #expect(TargetSpec(detail: target.detail) == target)
        }
        #expect(TargetSpec(detail: "marker:x") == nil)
    }
}
