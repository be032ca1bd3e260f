internal import ClusterAPI
internal import EtcdClient
internal import EtcdWire
internal import Glibc
internal import TestSupport
internal import Testing

extension EndToEnd {
    @Suite("Created, scaled, lost and brought back")
    struct LifeTests {
        /// One life of a cluster, on each engine.
        @Test("Created, snapshot, scaled, restored", .timeLimit(.minutes(4)), arguments: StageEngine.among(.etcd34, .native))
        func life(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                var spec = stage.spec()
                spec.schedule = "0 0 1 1 *"
                try stage.write(spec)
                let cluster = try await stage.awaitsSettled(3)
                try await Self.expectAgreement(stage, cluster)
                // The first snapshot of a cluster that has none is due at once.
                let first = try await stage.awaits("there is a first snapshot") { $0.status.backup.lastSnapshot != nil }
                try await Self.expectAccepted(stage, try #require(first.status.backup.lastSnapshot))

                let writer = Writer(stage.connector, cluster.endpoints)
                await writer.write(0..<500)
                let taken = try await stage.quorate("snapshot", "orders", "--wait", timeout: .seconds(60))
                #expect(taken.exitCode == 0, "\(taken.text)")
                let second = try await stage.awaits("the second snapshot is the last") {
                    $0.status.backup.lastSnapshot.map { $0.uri != first.status.backup.lastSnapshot?.uri } ?? false
                }
                try await Self.expectAccepted(stage, try #require(second.status.backup.lastSnapshot))
                // These are written after the snapshot: a restore may lose them, and says so.
                await writer.write(500..<520)

                spec.replicas = 1
                try stage.write(spec)
                let shrunk = try await stage.awaitsSettled(1)
                try await Self.expectAgreement(stage, shrunk)
                #expect(try await writer.missing(at: shrunk.endpoints) == [])
                spec.replicas = 3
                try stage.write(spec)
                let grown = try await stage.awaitsSettled(3)
                try await Self.expectAgreement(stage, grown)
                #expect(try await writer.missing(at: grown.endpoints) == [])

                try await Self.loseAll(stage, grown)
                let restored = try await Self.restore(stage, grown)
                try await Self.expectKeys(0..<500, stage, restored)
                try await Self.expectAgreement(stage, restored)
            }
        }

        // MARK: What is expected

        /// etcd's own tools see what the status says.
        static func expectAgreement(_ stage: Stage, _ cluster: EtcdCluster) async throws {
            let rows = try await stage.etcdctl(cluster.endpoints, "endpoint", "status").split(separator: "\n").map { line in
                line.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
            }
            #expect(rows.count == cluster.status.members.count)
            #expect(Set(rows.map { $0[1] }) == Set(cluster.status.members.map(\.id)))
            #expect(rows.count { $0[4] == "true" } == 1, "one leads: \(rows)")
            #expect(Set(rows.map { $0[6] }).count == 1, "one term: \(rows)")
            #expect(rows.allSatisfy { $0[2].hasPrefix(stage.engine.version.rawValue + ".") })
            #expect(try await stage.memberList(cluster.endpoints) == cluster.memberNames)
            let leader = cluster.status.members.first { $0.name == cluster.status.leader }
            #expect(rows.first { $0[4] == "true" }?[1] == leader?.id)
        }

        /// The engine's own tool reads the snapshot, and finds in it what the status says.
        static func expectAccepted(_ stage: Stage, _ artifact: SnapshotArtifact) async throws {
            let path = String(artifact.uri.dropFirst("file://".count))
            let tool = stage.engine == .etcd34 ? stage.tools.etcdctl : stage.tools.etcdutl
            let output = try await Command.run(tool, ["snapshot", "status", path])
            #expect(output.status == 0, "\(output.text)")
            let fields = output.text.split(separator: ",").map(\.trimmed)
            #expect(fields.count > 1 && fields[1] == String(artifact.revision), "\(output.text) is not \(artifact.revision)")
        }

        static func expectKeys(_ numbers: Range<Int>, _ stage: Stage, _ cluster: EtcdCluster) async throws {
            let kept = try await Writer.stored(stage.connector, cluster.endpoints)
            let missing = numbers.filter { kept[Writer.key($0)] != Writer.value($0) }
            #expect(missing.isEmpty, "\(missing.count) keys of the snapshot are not there")
        }

        // MARK: What is done

        /// `kill -9` of all members, and `rm -rf` of all their data; waits until that is known.
        static func loseAll(_ stage: Stage, _ cluster: EtcdCluster) async throws {
            // Held still, it can not start one member again while another goes.
            if let pid = stage.controller.pid { kill(pid, SIGSTOP) }
            defer { if let pid = stage.controller.pid { kill(pid, SIGCONT) } }
            for pid in cluster.pids.values { kill(pid, SIGKILL) }
            for member in cluster.status.members { try Files.remove(member.dataDirectory) }
        }

        /// Has the last snapshot restored the way a person does, and checks all that is said of it.
        static func restore(_ stage: Stage, _ before: EtcdCluster) async throws -> EtcdCluster {
            let lost = try await stage.awaits("quorum is lost") {
                $0.status.phase == .quorumLost && $0.condition("Quorate")?.status == .false
            }
            #expect(lost.condition("Available")?.status == .false)
            let last = try #require(lost.status.backup.lastSnapshot)
            let asked = try await stage.quorate("restore", "orders", timeout: .seconds(60))
            #expect(asked.exitCode == 3, "\(asked.text)")
            #expect(asked.text.contains("What may be lost: revisions \(last.revision + 1) to "), "\(asked.text)")
            #expect(asked.text.contains("--approve"))
            #expect(try await stage.cluster()?.status.phase == .quorumLost, "nothing is done before it is approved")

            let done = try await stage.quorate("restore", "orders", "--approve", timeout: .seconds(90))
            #expect(done.exitCode == 0, "\(done.text)")
            #expect(done.text.contains("revisions \(last.revision + 1) to "), "the report names what is lost: \(done.text)")
            let restored = try await stage.awaitsSettled(before.spec.replicas)
            #expect(restored.status.clusterID != before.status.clusterID)
            #expect(Set(restored.memberNames.keys).isDisjoint(with: before.memberNames.keys))
            return restored
        }
    }
}
