import ClusterAPI
import Platform
import Reconcile
import Runtimes
import Testing

@testable import Operator

@Suite("Names of what the controller asks for")
struct NameTests {
    private static func isReadable<Object: Resource & StoredObject>(_ object: Object) -> Bool {
        (try? Object(stored: object.storedBytes(), modRevision: 1))?.metadata.name == object.metadata.name
            && (1...63).contains(object.metadata.name.utf8.count)
    }

    @Test(
        "Scheduled and final snapshots and automatic restores can be read back, however long the cluster's name",
        arguments: 1...63)
    func lengths(length: Int) throws {
        let name = String(repeating: "n", count: length)
        var play = Play(name, replicas: 1) { spec in
            var backup = BackupSpec()
            backup.schedule = "0 3 * * *"
            spec.backup = backup
            spec.recovery.quorumLossMode = .automatic
            spec.deletionPolicy = .snapshotThenDelete
        }
        var snapshots: [EtcdSnapshot] = []
        for _ in 0..<60 where snapshots.isEmpty { snapshots += play.step().snapshots }
        #expect(try Self.isReadable(#require(snapshots.first)))

        var deleted = play
        #expect(deleted.run { $0.isSettled })
        deleted.cluster.metadata.deletionTimestamp = deleted.now
        deleted.actions = []
        #expect(deleted.run { $0.actionNames.contains("Forget") })
        let final = deleted.actions.compactMap { action -> String? in
            if case .takeSnapshot(let name, _, _) = action { name } else { nil }
        }
        #expect(final.count == 1 && final.allSatisfy { (1...63).contains($0.utf8.count) })

        #expect(play.run { $0.isSettled && $0.requests.snapshots.isEmpty })
        play.model.change("\(name)-1") { ($0.pid, $0.data) = (nil, .lost) }
        var restores: [EtcdRestore] = []
        for _ in 0..<300 where restores.isEmpty { restores += play.step().restores }
        #expect(try Self.isReadable(#require(restores.first)))
    }
}
