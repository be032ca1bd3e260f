internal import ClusterAPI
internal import EtcdClient
internal import Glibc
internal import TestSupport
internal import Testing
internal import YAML

extension EndToEnd {
    @Suite("Everyday operations", .enabled(if: EtcdVersion.v35.isEnabled))
    struct OperationTests {
        @Test(
            "Snapshots by hand and their retention, pause and plan, delete and return", .timeLimit(.minutes(3)),
            arguments: StageEngine.among(.native))
        func everyday(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                var spec = stage.spec()
                spec.keepLast = 2
                try stage.write(spec)
                let cluster = try await stage.awaitsSettled(3)
                let writer = Writer(stage.connector, cluster.endpoints)
                await writer.write(0..<200)
                try await Self.snapshots(stage)
                try await Self.pause(stage, spec)
                try await Self.deleteAndReturn(stage, writer)
                try await Self.expectStillness(stage)
            }
        }

        private static func snapshots(_ stage: Stage) async throws {
            for _ in 1...3 {
                let taken = try await stage.quorate("snapshot", "orders", "--wait", timeout: .seconds(60))
                #expect(taken.exitCode == 0 && taken.text.contains("SHA-256"), "\(taken.text)")
                // Names are made of the time, by the second.
                try await Task.sleep(for: .seconds(1))
            }
            let backups = "\(stage.path)/backups/orders"
            try await poll(within: .seconds(20), "two snapshots are kept: \(Files.list(backups))") {
                Files.list(backups).count { $0.hasSuffix(".snapshot") } == 2 ? () : nil
            }
            let last = try #require(try await stage.cluster()?.status.backup.lastSnapshot)
            #expect(Files.exists(String(last.uri.dropFirst("file://".count))), "the newest is kept")
        }

        private static func pause(_ stage: Stage, _ spec: Spec) async throws {
            #expect(try await stage.quorate("pause", "orders").exitCode == 0)
            try await stage.awaits("it is paused") { $0.status.phase == .paused }
            let before = try #require(try await stage.cluster())
            var larger = spec
            (larger.replicas, larger.paused) = (5, true)
            try stage.write(larger)
            let waiting = try await stage.awaits("the spec is taken in, and nothing done") {
                $0.spec.replicas == 5 && $0.status.observedGeneration == $0.metadata.generation
            }
            #expect(waiting.pids == before.pids)
            let plan = try await stage.quorate("plan", "-f", Spec.path)
            #expect(plan.exitCode == 0, "\(plan.text)")
            try stage.write(spec)
            try await stage.awaits("the spec is as before") { $0.spec.replicas == 3 && !$0.spec.paused }
            let settled = try await stage.awaitsSettled(3)
            #expect(settled.pids == before.pids)

            // What would be done is told, and not done.
            larger.paused = false
            try Files.write(larger.text, to: "\(stage.path)/larger.yaml")
            let planned = try await stage.quorate("plan", "-f", "larger.yaml")
            #expect(
                planned.exitCode == 0 && planned.text.contains("orders-4") && planned.text.contains("orders-5"),
                "\(planned.text)")
            #expect(try await stage.cluster()?.spec.replicas == 3)

            #expect(try await stage.quorate("pause", "orders").exitCode == 0)
            try await stage.awaits("it is paused") { $0.status.phase == .paused }
            #expect(try await stage.quorate("resume", "orders").exitCode == 0)
            try await stage.awaitsSettled(3)
        }

        /// Deleting stops the members and keeps their data; the same spec brings the same cluster back.
        private static func deleteAndReturn(_ stage: Stage, _ writer: Writer) async throws {
            let before = try #require(try await stage.cluster())
            let asked = try await stage.quorate("delete", "ec", "orders")
            #expect(asked.exitCode == 3, "without a terminal nobody can be asked: \(asked.text)")
            let deleted = try await stage.quorate("delete", "ec", "orders", "--yes")
            #expect(deleted.exitCode == 0, "\(deleted.text)")
            try await poll(within: .seconds(30), "the cluster is gone") {
                await stage.get("\(Stage.clusters)/orders")?.status == 404 ? () : nil
            }
            for pid in before.pids.values { #expect(!Processes.isAlive(pid)) }
            for member in before.status.members { #expect(Files.exists(member.dataDirectory), "\(member.name)'s data is kept") }

            let applied = try await stage.quorate("apply", "-f", Spec.path)
            #expect(applied.exitCode == 0, "\(applied.text)")
            let back = try await stage.awaitsSettled(3)
            #expect(back.status.clusterID == before.status.clusterID)
            #expect(back.memberNames == before.memberNames)
            #expect(try await writer.missing(at: back.endpoints) == [])
        }

        /// A cluster that needs nothing costs its store nothing: no revision passes.
        private static func expectStillness(_ stage: Stage) async throws {
            func revision() async throws -> String {
                let list = try #require(await stage.get(Stage.clusters))
                return try #require(try Node.read(json: Array(list.text.utf8))["metadata"]?["resourceVersion"]?.string)
            }
            var last = try await revision()
            var since = ContinuousClock.now
            try await poll(within: .seconds(45), every: .milliseconds(500), "fifteen seconds without a write to the store") {
                let now = try await revision()
                if now != last { (last, since) = (now, .now) }
                return ContinuousClock.now - since > .seconds(15) ? () : nil
            }
        }
    }
}
