internal import ClusterAPI
internal import TestSupport
internal import Testing

extension EndToEnd {
    @Suite("Moved to another engine", .enabled(if: EtcdVersion.v35.isEnabled))
    struct EngineTests {
        @Test(
            "From etcd to native members and back under load: no write is lost, and all members are alike",
            .timeLimit(.minutes(3)))
        func thereAndBack() async throws {
            try await Stage.play(.etcd35) { stage in
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                let writer = Writer(stage.connector, cluster.endpoints)
                try await whilst([{ await writer.run() }]) {
                    for engine in [StageEngine.native, .etcd35] {
                        let moved = try await Self.move(stage, to: engine)
                        #expect(moved.memberNames == cluster.memberNames, "members keep their ids")
                        #expect(moved.endpoints == cluster.endpoints)
                        try await Self.expectAlike(stage, moved)
                    }
                }
                #expect(try await writer.missing(at: cluster.endpoints) == [])
                #expect(writer.acknowledged > Writer.rate, "\(writer.failures) writes failed")
            }
        }

        /// Asks for another engine, and waits until every member runs it. There are always two of the three that serve.
        private static func move(_ stage: Stage, to engine: StageEngine) async throws -> EtcdCluster {
            var spec = stage.spec()
            spec.engine = engine
            try stage.write(spec)
            var fewest = 3
            let kind = engine == .native ? Engine.Kind.native : .etcd
            let moved = try await stage.awaits("every member runs \(engine)") { cluster in
                fewest = min(fewest, cluster.status.members.count { $0.state == .ready })
                return cluster.isSettled(3) && cluster.spec.engine.kind == kind
                    && cluster.status.members.allSatisfy { $0.engine == kind.rawValue }
            }
            #expect(fewest >= 2)
            return moved
        }

        /// What members hold at a revision is the same, by etcd's own tool.
        private static func expectAlike(_ stage: Stage, _ cluster: EtcdCluster) async throws {
            let lines = try await stage.etcdctl(cluster.endpoints, "endpoint", "hashkv", "--rev", "\(cluster.status.revision)")
                .split(separator: "\n").filter { $0.hasPrefix("http") }
            let hashes = Set(lines.compactMap { $0.split(separator: ",").last?.trimmed })
            #expect(lines.count == 3 && hashes.count == 1, "\(lines)")
        }
    }
}
