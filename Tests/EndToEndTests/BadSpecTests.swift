internal import ClusterAPI
internal import TestSupport
internal import Testing

extension EndToEnd {
    @Suite("Bad specs", .enabled(if: EtcdVersion.v35.isEnabled))
    struct BadSpecTests {
        /// A line of the spec, mistaken.
        struct Mistake: Sendable, CustomStringConvertible {
            var line: Int
            var text: String
            /// Where the mistake begins.
            var place: String

            var description: String { "\(self.line): \(self.text)" }

            var column: Int {
                let characters = Array(self.text)
                let place = Array(self.place)
                let start = characters.indices.first { characters[$0...].starts(with: place) } ?? -1
                return start + 1
            }

            func applied(to text: String) -> String {
                var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                lines[self.line - 1] = self.text
                return lines.joined(separator: "\n")
            }
        }

        static let mistakes = [
            Mistake(line: 2, text: "kind: EtcdClutser", place: "EtcdClutser"),
            Mistake(line: 4, text: "  name: Orders_1", place: "Orders_1"),
            Mistake(line: 6, text: "  replicas: three", place: "three"),
            Mistake(line: 6, text: "  replicas: 0", place: "0"),
            Mistake(line: 6, text: "  replica: 3", place: "replica"),
            Mistake(line: 6, text: "\treplicas: 3", place: "\t"),
            Mistake(line: 8, text: "    type: etcd", place: "etcd"),
            Mistake(line: 9, text: "    version: 3.5.x", place: "3.5.x"),
            Mistake(line: 12, text: "    store: *elsewhere", place: "*elsewhere"),
            Mistake(line: 13, text: "    schedule: \"61 * * * *\"", place: "\"61"),
            Mistake(line: 16, text: "    quorumLoss: {mode: Approve, waitFor: soon}", place: "soon"),
            Mistake(line: 18, text: "  replicas: 5", place: "replicas"),
        ]

        @Test("Each mistake is told with its place, and the running cluster is left alone", .timeLimit(.minutes(3)))
        func mistakes() async throws {
            // The directory, not the file: it will be emptied too.
            try await Stage.play(.etcd35, specs: ["specs"]) { stage in
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                let good = stage.spec().text
                for mistake in Self.mistakes {
                    let place = "\(Spec.path):\(mistake.line):\(mistake.column):"
                    let seen = stage.controller.log.count
                    try Files.write(mistake.applied(to: good), to: "\(stage.path)/\(Spec.path)")
                    let answer = try await stage.quorate("validate", Spec.path)
                    #expect(answer.exitCode == 2, "\(mistake)")
                    #expect(answer.text.contains(place), "\(mistake): \(answer.text) names not \(place)")
                    try await poll(within: .seconds(10), "the controller tells of \(place)") {
                        stage.controller.log.dropFirst(seen).contains(place) ? () : nil
                    }
                    try await Self.expectUntouched(cluster, stage)
                }
                var better = stage.spec()
                better.keepLast = 3
                try stage.write(better)
                try await stage.awaits("a good spec is applied again") {
                    $0.spec.backup?.retention.keepLast == 3 && $0.isSettled(3)
                }
                try await Self.expectNothingDeleted(cluster, stage)
            }
        }

        /// A spec that goes takes nothing with it; nor does a directory of specs that is empty, or gone.
        private static func expectNothingDeleted(_ cluster: EtcdCluster, _ stage: Stage) async throws {
            try Files.remove("\(stage.path)/\(Spec.path)")
            try await poll(within: .seconds(10), "the controller notes that the file is gone") {
                stage.controller.log.contains("\(Spec.path) is gone") ? () : nil
            }
            try Files.remove("\(stage.path)/specs")
            try await poll(within: .seconds(10), "the controller notes that the directory is gone") {
                stage.controller.log.contains("specs: no such file or directory") ? () : nil
            }
            let after = try #require(try await stage.cluster())
            #expect(after.metadata.deletionTimestamp == nil)
            #expect(after.pids == cluster.pids)
            // Nor does a controller that starts without any.
            stage.controller.kill()
            try await stage.controller.startAndWait()
            let again = try await stage.awaits("the new controller has looked") { $0.isSettled(3) }
            #expect(again.pids == cluster.pids)
            #expect(again.pids.values.allSatisfy(Processes.isAlive))
        }

        private static func expectUntouched(_ cluster: EtcdCluster, _ stage: Stage) async throws {
            let now = try #require(try await stage.cluster())
            #expect(now.pids == cluster.pids)
            #expect(now.metadata.generation == cluster.metadata.generation)
            #expect(now.spec == cluster.spec)
            #expect(now.pids.values.allSatisfy(Processes.isAlive))
        }
    }
}
