internal import ClusterAPI
internal import EtcdClient
internal import EtcdWire
internal import Glibc
internal import TestSupport
internal import Testing

extension EndToEnd {
    @Suite("Scaled under load", .enabled(if: EtcdVersion.v35.isEnabled))
    struct ScaleTests {
        /// 3 -> 5 -> 1 -> 3 by editing the file.
        private static let sizes = [5, 1, 3]

        @Test(
            "No acknowledged key is lost, and one change is in flight at a time", .timeLimit(.minutes(4)),
            arguments: StageEngine.among(.native))
        func underLoad(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                try await Self.load(stage, cluster) {
                    for size in Self.sizes {
                        try stage.write(stage.spec(replicas: size))
                        let settled = try await stage.awaitsSettled(size)
                        #expect(try await stage.memberList(settled.endpoints) == settled.memberNames)
                    }
                }
            }
        }

        /// The controller is killed at each kind of step, and a new one takes up what it finds.
        @Test(
            "The controller killed midway, again and again", .timeLimit(.minutes(4)),
            arguments: StageEngine.among(.etcd35))
        func controllerKilled(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                try await Self.load(stage, cluster) {
                    try stage.write(stage.spec(replicas: 5))
                    for step in ["Provision", "Start", "AddLearner", "Promote"] {
                        #expect(try await Self.killController(stage, at: step, of: .scaleUp, to: 5), "\(step)")
                    }
                    _ = try await stage.awaitsSettled(5)
                    try stage.write(stage.spec(replicas: 1))
                    for step in ["RemoveMember", "Retire", "RemoveMember"] {
                        #expect(try await Self.killController(stage, at: step, of: .scaleDown, to: 1), "\(step)")
                    }
                    // Not if the leader is the one that stays.
                    _ = try await Self.killController(stage, at: "MoveLeader", of: .scaleDown, to: 1)
                    _ = try await stage.awaitsSettled(1)
                    try stage.write(stage.spec(replicas: 3))
                    #expect(try await Self.killController(stage, at: "Promote", of: .scaleUp, to: 3))
                    let settled = try await stage.awaitsSettled(3)
                    #expect(try await stage.memberList(settled.endpoints) == settled.memberNames)
                }
            }
        }

        /// Writes and samples all the while, then checks that all is there.
        private static func load(_ stage: Stage, _ cluster: EtcdCluster, _ body: () async throws -> Void) async throws {
            let writer = Writer(stage.connector, cluster.endpoints)
            let sampler = Sampler(stage, telling: writer)
            let endpoints = cluster.endpoints
            try await whilst([{ await writer.run() }, { await sampler.run(endpoints) }], body)
            let settled = try #require(try await stage.cluster())
            #expect(try await writer.missing(at: settled.endpoints) == [])
            #expect(writer.acknowledged > Writer.rate, "\(writer.failures) writes failed")
            #expect(sampler.complaints == [])
            // Two voters came, four went, two came: as many changes, each seen by itself.
            #expect(sampler.changes >= 8)
            #expect(sampler.closeShare > 0.5, "the sampler was too slow to see changes apart")
        }

        /// `kill -9` when a step was written down, and a new controller; the members that ran run on.
        /// - Returns: False when all was done and that step had not come.
        static func killController(
            _ stage: Stage, at step: String, of type: OperationType, to replicas: Int
        ) async throws -> Bool {
            guard try await stage.comes(to: step, of: type, before: replicas) else { return false }
            let before = try await stage.cluster()?.pids ?? [:]
            stage.controller.kill()
            let alive = before.filter { Processes.isAlive($0.value) }
            try await stage.controller.startAndWait()
            let after = try await stage.awaits("the new controller has looked") { cluster in
                alive.keys.allSatisfy { name in cluster.status.members.contains { $0.name == name } }
                    || cluster.status.operation == nil
            }
            for (name, pid) in alive where after.pids[name] != nil {
                #expect(after.pids[name] == pid, "\(name) was started again though it ran, at \(step)")
            }
            return true
        }
    }
}
