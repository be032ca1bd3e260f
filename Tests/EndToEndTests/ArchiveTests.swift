internal import ClusterAPI
internal import EtcdClient
internal import EtcdWire
internal import TestSupport
internal import Testing
internal import YAML

extension EndToEnd {
    @Suite("The archive of the log", .enabled(if: !EtcdVersion.enabled.isEmpty))
    struct ArchiveTests {
        @Test(
            "Every write reaches it, whoever leads, and whether the controller runs or not", .timeLimit(.minutes(3)),
            arguments: StageEngine.among(.etcd34, .native))
        func archive(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                var spec = stage.spec()
                spec.archive = "1s"
                try stage.write(spec)
                let cluster = try await stage.awaitsSettled(3)
                let writer = Writer(stage.connector, cluster.endpoints)
                await writer.write(0..<300)
                try await Self.awaitsComplete(stage, cluster)

                // Another leads, and so another's log is followed.
                let leader = try #require(cluster.status.members.first { $0.role == "Leader" })
                let other = try #require(cluster.status.members.first { $0.role == "Follower" })
                let id = try #require(UInt64(other.id, radix: 16))
                let connection = stage.connector.connect(to: [leader.endpoint], timeout: .seconds(5))
                _ = try await connection.moveLeader(MoveLeaderRequest(targetID: id))
                await writer.write(300..<600)

                stage.controller.kill()
                await writer.write(600..<900)
                try await stage.controller.startAndWait()
                let end = try await Self.awaitsComplete(stage, cluster)
                #expect(end.status.backup.recoveryWindow != nil)
                try await Self.expectEntries(0..<900, stage)
                if engine != .etcd34 { try await Self.undoDeletion(stage, end) }
            }
        }

        /// A key is deleted by mistake, and the live cluster goes back to just before: with all that was written until then.
        private static func undoDeletion(_ stage: Stage, _ cluster: EtcdCluster) async throws {
            let connection = stage.connector.connect(to: cluster.endpoints, timeout: .seconds(5))
            func put(_ key: String) async throws -> Int64 {
                try await connection.put(PutRequest(key: Array(key.utf8), value: Array("of \(key)".utf8))).header.revision
            }
            let taken = try await stage.quorate("snapshot", "orders", "--wait", timeout: .seconds(60))
            #expect(taken.exitCode == 0, "\(taken.text)")
            _ = try await put("precious")
            let last = try await put("before")
            _ = try await connection.deleteRange(DeleteRangeRequest(key: Array("precious".utf8)))
            let seen = try await put("after")
            try await Self.awaitsComplete(stage, cluster)

            let asked = try await stage.quorate("restore", "orders", "--before-delete", "precious", timeout: .seconds(60))
            #expect(asked.exitCode == 3, "\(asked.text)")
            for words in [
                "before the last deletion of precious", "precious was deleted last by revision \(last + 1)",
                "What may be lost: revisions \(last + 1) to \(seen).",
            ] {
                #expect(asked.text.contains(words), "\(words): \(asked.text)")
            }
            #expect(try await stage.cluster()?.isSettled(3) == true, "nothing was done yet")
            let done = try await stage.quorate(
                "restore", "orders", "--before-delete", "precious", "--approve", timeout: .seconds(90))
            #expect(done.exitCode == 0, "\(done.text)")
            #expect(done.text.contains("revision \(last) is brought back"), "\(done.text)")

            let restored = try await stage.awaitsSettled(3)
            #expect(restored.status.clusterID != cluster.status.clusterID)
            for key in ["precious", "before"] {
                let value = try await stage.etcdctl(restored.endpoints, "get", key, "--print-value-only")
                #expect(value == "of \(key)\n", "\(key)")
            }
            #expect(try await stage.etcdctl(restored.endpoints, "get", "after", "--print-value-only").isEmpty)
            try await LifeTests.expectKeys(0..<900, stage, restored)
        }

        /// Waits until the archive lacks nothing that is acknowledged now.
        @discardableResult
        private static func awaitsComplete(_ stage: Stage, _ cluster: EtcdCluster) async throws -> EtcdCluster {
            let connection = stage.connector.connect(to: cluster.endpoints, timeout: .seconds(5))
            let revision = try await connection.range(RangeRequest(key: [0])).header.revision
            return try await stage.awaits("the archive holds revision \(revision)") { cluster in
                cluster.status.revision >= revision && cluster.status.backup.archiveLag?.revisions == 0
            }
        }

        /// The archive, read from the disk, holds the put of every key.
        private static func expectEntries(_ numbers: Range<Int>, _ stage: Stage) async throws {
            let root = "\(stage.path)/backups/orders/archive"
            let archives = Files.list(root)
            #expect(archives.count == 1, "one archive goes on: \(archives)")
            let archive = "\(root)/\(try #require(archives.first))"
            let answer = try await stage.quorate("inspect", archive, "--entries", "--json", timeout: .seconds(60))
            #expect(answer.exitCode == 0, "\(answer.text.suffix(2000))")
            let missing = numbers.filter { !answer.text.contains("\"put \(Writer.key($0)) ") }
            #expect(missing.isEmpty, "\(missing.count) of \(numbers.count) puts are not archived: \(missing.prefix(10))")
        }
    }
}
