import ClusterAPI
import Console
import NIOHTTP1
import Operator
import Platform
import Reconcile
import Testing
import YAML

@Suite struct ResourceTests {
    @Test func createReadChangeDelete() async throws {
        try await Server.run { server async throws in
            let created = try await server.send(.POST, Server.clusters, clusterText("orders"))
            #expect(created.code == 201)
            #expect(created.json["metadata"]?["uid"]?.string?.count == 36)
            let read = try await server.cluster("orders")
            #expect(read.spec.replicas == 3 && read.metadata.generation == 1)
            #expect(created.json["metadata"]?["resourceVersion"]?.string == read.metadata.resourceVersion)

            let again = try await server.send(.POST, Server.clusters, clusterText("orders"))
            #expect(again.code == 409 && again.reason == "AlreadyExists")

            let put = try await server.send(.PUT, "\(Server.clusters)/orders", clusterText("orders", replicas: 5))
            #expect(put.code == 200 && put.json["metadata"]?["generation"]?.int == 2)
            let stale = clusterText("orders", replicas: 1, metadata: #","resourceVersion":"\#(read.metadata.resourceVersion)""#)
            let conflict = try await server.send(.PUT, "\(Server.clusters)/orders", stale)
            #expect(conflict.code == 409 && conflict.reason == "Conflict")

            let deleted = try await server.send(.DELETE, "\(Server.clusters)/orders")
            #expect(deleted.code == 200 && deleted.json["kind"]?.string == "EtcdCluster")
            var waiting = try await server.cluster("orders")
            #expect(waiting.metadata.deletionTimestamp != nil && waiting.metadata.finalizers == [Admission.membersFinalizer])
            // The operator's part.
            waiting.metadata.finalizers = []
            _ = try await ObjectStore(server.store).update(waiting)
            let gone = try await server.send(.DELETE, "\(Server.clusters)/orders")
            #expect(gone.code == 200 && gone.json["status"]?.string == "Success")
            let missing = try await server.get("\(Server.clusters)/orders")
            #expect(missing.code == 404 && missing.reason == "NotFound")
            #expect(missing.json["details"]?["name"]?.string == "orders")
        }
    }

    @Test func everythingThatIsWrongIsTold() async throws {
        try await Server.run { server async throws in
            let text = #"""
                {"apiVersion":"quorate.dev/v1alpha1","kind":"EtcdCluster","metadata":{"name":"Bad_Name"},
                "spec":{"replicas":42,"engine":{"type":"Etcd"},"backup":{"schedule":"61 * * * *"},"sise":1}}
                """#
            let reply = try await server.send(.POST, Server.clusters, text)
            #expect(reply.code == 422 && reply.reason == "Invalid")
            let causes = reply.json["details"]?["causes"]?.sequence ?? []
            let fields = Set(causes.compactMap { $0["field"]?.string })
            #expect(fields == ["metadata.name", "spec.replicas", "spec.backup.schedule", "spec.sise"])
            let list = try await server.get(Server.clusters)
            #expect(list.json["items"]?.sequence?.isEmpty == true)
        }
    }

    @Test func statusAndSpecHaveTheirOwnDoors() async throws {
        try await Server.run { server async throws in
            _ = try await server.send(.POST, Server.clusters, clusterText("orders"))
            let both = clusterText("orders", replicas: 5, rest: #","status":{"phase":"Running","readyReplicas":2}"#)
            _ = try await server.send(.PUT, "\(Server.clusters)/orders/status", both)
            var cluster = try await server.cluster("orders")
            #expect(cluster.status.phase == .running && cluster.spec.replicas == 3 && cluster.metadata.generation == 1)
            let other = clusterText("orders", replicas: 5, rest: #","status":{"phase":"Deleting"}"#)
            _ = try await server.send(.PUT, "\(Server.clusters)/orders", other)
            cluster = try await server.cluster("orders")
            #expect(cluster.status.phase == .running && cluster.spec.replicas == 5)
            let patch = #"{"status":{"phase":"Degraded"},"spec":{"replicas":7}}"#
            let type = "application/merge-patch+json"
            _ = try await server.send(.PATCH, "\(Server.clusters)/orders/status", patch, type: type)
            cluster = try await server.cluster("orders")
            #expect(cluster.status.phase == .degraded && cluster.spec.replicas == 5)
        }
    }

    @Test func patchesMerge() async throws {
        try await Server.run { server async throws in
            let labels = #","labels":{"a":"1","b":"2"}"#
            _ = try await server.send(.POST, Server.clusters, clusterText("orders", metadata: labels))
            let patch = #"{"metadata":{"labels":{"a":null,"c":"3"}},"spec":{"paused":true}}"#
            let path = "\(Server.clusters)/orders"
            let reply = try await server.send(.PATCH, path, patch, type: "application/merge-patch+json")
            #expect(reply.code == 200)
            let cluster = try await server.cluster("orders")
            #expect(cluster.metadata.labels == ["b": "2", "c": "3"] && cluster.spec.paused && cluster.spec.replicas == 3)
            let same = try await server.send(.PATCH, path, patch, type: "application/merge-patch+json")
            #expect(same.json["metadata"]?["resourceVersion"]?.string == cluster.metadata.resourceVersion, "nothing changed")
            #expect(try await server.send(.PATCH, path, patch).code == 415)
            #expect(try await server.send(.PATCH, path, "[]", type: "application/json-patch+json").code == 415)
            let missing = "\(Server.clusters)/none"
            #expect(try await server.send(.PATCH, missing, "{}", type: "application/merge-patch+json").code == 404)
        }
    }

    @Test func applyCreatesOrUpdates() async throws {
        func yaml(_ replicas: Int) -> String {
            """
            apiVersion: quorate.dev/v1alpha1
            kind: EtcdCluster
            metadata: {name: orders}
            spec: {replicas: \(replicas), engine: {type: Etcd}}
            """
        }
        let (three, five) = (yaml(3), yaml(5))
        try await Server.run { server async throws in
            let path = "\(Server.clusters)/orders?fieldManager=me"
            var codes: [Int] = []
            for text in [three, three, five] {
                codes.append(try await server.send(.PATCH, path, text, type: "application/apply-patch+yaml").code)
            }
            #expect(codes == [201, 200, 200])
            #expect(try await server.cluster("orders").spec.replicas == 5)
        }
    }

    @Test func dryRunsChangeNothing() async throws {
        try await Server.run { server async throws in
            let text = clusterText("orders")
            #expect(try await server.send(.POST, "\(Server.clusters)?dryRun=All", text).code == 201)
            #expect(try await server.get("\(Server.clusters)/orders").code == 404)
            _ = try await server.send(.POST, Server.clusters, text)
            let before = try await server.cluster("orders")
            let path = "\(Server.clusters)/orders?dryRun=All"
            _ = try await server.send(.PUT, path, clusterText("orders", replicas: 7))
            _ = try await server.send(.DELETE, path)
            #expect(try await server.cluster("orders") == before)
        }
    }

    @Test func writersWhoRaceAllGetThrough() async throws {
        try await Server.run { server async throws in
            _ = try await server.send(.POST, Server.clusters, clusterText("orders"))
            try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<4 {
                    group.addTask {
                        let patch = #"{"metadata":{"labels":{"l\#(index)":"x"}}}"#
                        let path = "\(Server.clusters)/orders"
                        return try await server.send(.PATCH, path, patch, type: "application/merge-patch+json").code
                    }
                }
                for try await code in group { #expect(code == 200) }
            }
            #expect(try await server.cluster("orders").metadata.labels.count == 4)
        }
    }

    @Test func plansAreAskedFor() async throws {
        try await Server.run { server async throws in
            let path = "\(Server.clusters)/orders/plan"
            #expect(try await server.get(path).code == 404)
            let first = try await server.send(.POST, path, clusterText("orders", replicas: 5))
            #expect(first.json["summary"]?.string == "5 -> none")
            _ = try await server.send(.POST, Server.clusters, clusterText("orders"))
            #expect(try await server.get(path).json["summary"]?.string == "3 -> none")
            let proposed = try await server.send(.POST, path, clusterText("orders", replicas: 5))
            #expect(proposed.json["summary"]?.string == "3 -> 5")
            #expect(try await server.cluster("orders").spec.replicas == 3)
            #expect(try await server.get("\(Server.snapshots)/x/plan").code == 404)
        }
    }
}
