import Backups
import ClusterAPI
import Platform
import Testing

@testable import Operator

@Suite("Time zones of schedules")
struct ZoneTests {
    private static func play() -> Play {
        Play(replicas: 1) { spec in
            var backup = BackupSpec()
            (backup.schedule, backup.timeZone) = ("* * * * *", "Nowhere/Town")
            spec.backup = backup
            var defragmentation = DefragmentationSpec()
            (defragmentation.schedule, defragmentation.timeZone) = ("* * * * *", "Nowhere/City")
            defragmentation.minReclaim = 0
            defragmentation.minFragmentation = 0
            spec.maintenance.defragmentation = defragmentation
        }
    }

    private static func condition(_ play: Play) -> Condition? {
        play.status.conditions.first { $0.type == "SchedulesReady" }
    }

    @Test("A schedule in a zone that the machine does not know never runs, and says so; one asked for by hand does")
    func unknown() {
        var play = Self.play()
        #expect(play.run { $0.isSettled })
        let end = play.now + .seconds(300)
        play.actions = []
        while play.now < end { play.step() }
        #expect(play.actions.isEmpty && play.requests.snapshots.isEmpty)
        #expect(play.status.backup.nextScheduledTime == nil && play.status.backup.missedRuns == 0)
        let blocked = play.status.blocked.filter { ["Snapshot", "Defragment"].contains($0.action) }
        #expect(blocked.count == 2 && blocked.allSatisfy { $0.reason.contains("Nowhere/") })
        #expect(Self.condition(play)?.status == .false)
        #expect(Self.condition(play)?.reason == "UnknownTimeZone")
        #expect(Self.condition(play)?.message.contains("spec.backup.timeZone (Nowhere/Town)") == true)
        #expect(Self.condition(play)?.message.contains("spec.maintenance.defragmentation.timeZone (Nowhere/City)") == true)

        play.requests.snapshots = [EtcdSnapshot(metadata: ObjectMeta(name: "s"), spec: EtcdSnapshotSpec(clusterRef: "orders"))]
        #expect(play.run { $0.requests.snapshots.isEmpty })
        #expect(play.model.snapshots.map(\.name) == ["s"])
    }

    @Test("Once the machine knows them, the schedules run")
    func known() {
        var play = Self.play()
        #expect(play.run { $0.isSettled })
        play.zones = ["Nowhere/Town": .utc, "Nowhere/City": .utc]
        #expect(play.run { !$0.model.snapshots.isEmpty })
        #expect(play.run { $0.actionNames.contains("Defragment") })
        #expect(Self.condition(play)?.status == .true)
        #expect(play.status.blocked.isEmpty)
    }
}
