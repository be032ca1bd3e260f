internal import ClusterAPI
internal import TestSupport
internal import Testing
internal import YAML

extension EndToEnd {
    @Suite("The console", .enabled(if: EtcdVersion.v35.isEnabled))
    struct ConsoleTests {
        @Test("Health, metrics, lists and watches", .timeLimit(.minutes(2)))
        func console() async throws {
            try await Stage.play(.native) { stage in
                #expect(await stage.get("/healthz")?.status == 200)
                #expect(await stage.get("/readyz")?.status == 200)
                #expect(await stage.get("\(Stage.clusters)/orders")?.status == 404)
                try stage.write(stage.spec(replicas: 1))
                try await stage.awaitsSettled(1)
                try await Self.metrics(stage)
                try await Self.list(stage)
                try await Self.watches(stage)
                try await Self.commands(stage)
            }
        }

        private static func metrics(_ stage: Stage) async throws {
            let wanted = [
                "quorate_leader 1", #"quorate_cluster_members_desired{cluster="orders"} 1"#,
                #"quorate_cluster_members{cluster="orders",state="Ready"} 1"#, #"quorate_cluster_quorate{cluster="orders"} 1"#,
            ]
            try await poll(within: .seconds(10), "the metrics tell of the cluster") {
                let lines = await stage.get("/metrics")?.text.split(separator: "\n").map(String.init) ?? []
                return wanted.allSatisfy(lines.contains) ? () : nil
            }
        }

        private static func list(_ stage: Stage) async throws {
            for path in [Stage.clusters, "/apis/quorate.dev/v1alpha1/etcdclusters"] {
                let answer = try #require(await stage.get(path))
                let list = try Node.read(json: Array(answer.text.utf8))
                #expect(list["kind"]?.string == "EtcdClusterList")
                #expect(list["apiVersion"]?.string == "quorate.dev/v1alpha1")
                #expect(list["items"]?.sequence?.count == 1)
                #expect(list["items"]?[0]?["metadata"]?["name"]?.string == "orders")
            }
            // What kubectl asks first.
            let groups = try #require(await stage.get("/apis/quorate.dev/v1alpha1"))
            let names =
                try Node.read(json: Array(groups.text.utf8))["resources"]?.sequence?.compactMap { $0["name"]?.string } ?? []
            #expect(Set(["etcdclusters", "etcdsnapshots", "etcdrestores"]).isSubset(of: names))
        }

        private static func watches(_ stage: Stage) async throws {
            async let change = stage.follows(Stage.clusters) { change in
                change["type"]?.string == "MODIFIED" && change["object"]?["spec"]?["paused"]?.bool == true
            }
            let output = "\(stage.path)/watch"
            let watch = try ChildProcess(
                "/usr/bin/env",
                Quorate.environment(stage.path) + [
                    "QUORATE_SERVER=\(stage.controller.url)", QuorateBinary.path, "get", "ec", "--watch",
                ], output: output)
            defer { watch.killAndWait() }
            try await poll(within: .seconds(10), "the table is shown") { Files.read(output).contains("Running") ? () : nil }
            #expect(try await stage.quorate("pause", "orders").exitCode == 0)
            #expect(try await change)
            try await poll(within: .seconds(10), "the change is shown: \(Files.read(output))") {
                Files.read(output).contains("Paused") ? () : nil
            }
            #expect(try await stage.quorate("resume", "orders").exitCode == 0)
            try await stage.awaitsSettled(1)
        }

        private static func commands(_ stage: Stage) async throws {
            let table = try await stage.quorate("get", "ec", "-o", "wide")
            #expect(table.exitCode == 0 && table.text.contains("orders") && table.text.contains("1/1"), "\(table.text)")
            let json = try await stage.quorate("get", "ec", "orders", "-o", "json")
            #expect(try EtcdCluster(json: Array(json.text.utf8)).metadata.name == "orders")
            let described = try await stage.quorate("describe", "ec", "orders")
            #expect(described.exitCode == 0 && described.text.contains("ClusterCreated"), "\(described.text)")
            #expect(try await stage.quorate("get", "ec", "nobody").exitCode == 1)
            #expect(try await stage.quorate("get", "everything").exitCode == 2)
            let version = try await stage.quorate("version")
            #expect(version.exitCode == 0)
        }
    }
}
