internal import ClusterAPI
internal import Glibc
internal import TestSupport
internal import Testing

extension EndToEnd {
    @Suite("Members lost", .enabled(if: EtcdVersion.v35.isEnabled))
    struct LossTests {
        @Test(
            "A member killed comes back; one without its data is replaced under a new id", .timeLimit(.minutes(3)),
            arguments: StageEngine.among(.native))
        func members(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                let writer = Writer(stage.connector, cluster.endpoints)
                await writer.write(0..<300)

                // The leader, since its loss is the harder.
                let leader = try #require(cluster.status.members.first { $0.name == cluster.status.leader })
                kill(try #require(leader.pid), SIGKILL)
                let back = try await stage.awaits("the killed member is back") {
                    $0.isSettled(3) && $0.pids[leader.name] != nil && $0.pids[leader.name] != leader.pid
                }
                #expect(back.memberNames == cluster.memberNames, "under the same ids")

                let killed = try #require(back.status.members.first { $0.name != back.status.leader })
                kill(try #require(killed.pid), SIGKILL)
                let replaced = try await Self.destroy(killed, stage, back)
                // This one's process still runs, on files that have no names any more.
                let running = try #require(replaced.status.members.first { $0.name == replaced.status.leader })
                let last = try await Self.destroy(running, stage, replaced)
                #expect(!Processes.isAlive(try #require(running.pid)), "the old process is gone")

                #expect(try await stage.memberList(last.endpoints) == last.memberNames)
                #expect(try await writer.missing(at: last.endpoints) == [])
                for member in last.status.members {
                    #expect(try await writer.missing(at: [member.endpoint]) == [], "\(member.name) has all")
                }
            }
        }

        /// `rm -rf` of a member's data; waits until another member is there in its stead.
        private static func destroy(_ member: MemberStatus, _ stage: Stage, _ before: EtcdCluster) async throws -> EtcdCluster {
            try Files.remove(member.dataDirectory)
            let after = try await stage.awaits("\(member.name) is replaced") {
                $0.isSettled(3) && $0.memberNames[member.id] == nil
            }
            #expect(Set(after.memberNames.keys).subtracting(before.memberNames.keys).count == 1)
            #expect(after.status.clusterID == before.status.clusterID)
            return after
        }

        @Test(
            "Two of three lost with their disks: the third's log has what no snapshot has", .timeLimit(.minutes(3)),
            arguments: StageEngine.among(.etcd35, .native))
        func survivor(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                let writer = Writer(stage.connector, cluster.endpoints)
                await writer.write(0..<300)
                let taken = try await stage.quorate("snapshot", "orders", "--wait", timeout: .seconds(60))
                #expect(taken.exitCode == 0, "\(taken.text)")
                await writer.write(300..<800)
                let before = try await stage.awaits("the snapshot is told of") { $0.status.backup.lastSnapshot != nil }

                let survivor = try #require(before.status.members.first { $0.role == "Follower" })
                if let pid = stage.controller.pid { kill(pid, SIGSTOP) }
                for member in before.status.members where member.name != survivor.name {
                    kill(try #require(member.pid), SIGKILL)
                    try Files.remove(member.dataDirectory)
                }
                if let pid = stage.controller.pid { kill(pid, SIGCONT) }
                try await stage.awaits("quorum is lost") { $0.status.phase == .quorumLost }
                let asked = try await stage.quorate("restore", "orders", timeout: .seconds(60))
                #expect(asked.exitCode == 3 && asked.text.contains("logs of surviving members"), "\(asked.text)")
                let done = try await stage.quorate("restore", "orders", "--approve", timeout: .seconds(90))
                #expect(done.exitCode == 0, "\(done.text)")
                let sources = done.text.split(separator: "\n").filter { $0.hasPrefix("From ") }
                #expect(
                    sources.contains { $0.contains("/removed/\(survivor.name)-") },
                    "the report says what came from where: \(done.text)")

                let restored = try await stage.awaitsSettled(3)
                #expect(restored.status.clusterID != before.status.clusterID)
                try await LifeTests.expectKeys(0..<800, stage, restored)
                #expect(
                    restored.status.revision > before.status.revision, "no client meets a revision again that it has seen")
                try await LifeTests.expectAgreement(stage, restored)
            }
        }

        @Test(
            "All lost, and the controller killed at each step of the restore", .timeLimit(.minutes(3)),
            arguments: StageEngine.among(.etcd35))
        func everything(_ engine: StageEngine) async throws {
            try await Stage.play(engine) { stage in
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                await Writer(stage.connector, cluster.endpoints).write(0..<300)
                let taken = try await stage.quorate("snapshot", "orders", "--wait", timeout: .seconds(60))
                #expect(taken.exitCode == 0, "\(taken.text)")
                let before = try await stage.awaits("the snapshot is told of") { $0.status.backup.lastSnapshot != nil }

                // One process is left: it must be stopped, and its leftovers moved aside.
                let survivor = try #require(before.status.members.first)
                for member in before.status.members {
                    if member.name != survivor.name { kill(try #require(member.pid), SIGKILL) }
                    try Files.remove(member.dataDirectory)
                }
                try await stage.awaits("quorum is lost") { $0.status.phase == .quorumLost }
                let asked = try await stage.quorate("restore", "orders", timeout: .seconds(60))
                #expect(asked.exitCode == 3, "\(asked.text)")
                // The command follows the controller it asked; it is killed, so the object is what counts.
                async let approval = stage.quorate("restore", "orders", "--approve", timeout: .seconds(90))
                for step in ["MoveAside", "Restore", "Start"] {
                    #expect(try await ScaleTests.killController(stage, at: step, of: .restore, to: 3), "\(step)")
                }
                #expect(try await ScaleTests.killController(stage, at: "AddLearner", of: .scaleUp, to: 3))
                _ = try await approval
                let restored = try await stage.awaitsSettled(3)
                #expect(restored.status.clusterID != before.status.clusterID)
                try await LifeTests.expectAgreement(stage, restored)
                try await LifeTests.expectKeys(0..<300, stage, restored)
                let report = try await poll(within: .seconds(20), "the restore is reported") {
                    let answer = try await stage.quorate("get", "er", "-o", "json")
                    return answer.text.contains(#""phase":"Succeeded""#) || answer.text.contains(#""phase": "Succeeded""#)
                        ? answer.text : nil
                }
                #expect(report.contains("lastSeenRevision"))
            }
        }
    }
}
