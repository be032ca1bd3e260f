import AsyncHTTPClient
import ClusterAPI
import EmbeddedStore
import EtcdClient
import EtcdWire
import Logging
import NIOHTTP1
import Operator
import Platform
import Reconcile
import Testing
import YAML

@testable import Console

@Suite struct ListWatchTests {
    @Test func listsAndSelects() async throws {
        try await Server.run { server async throws in
            for name in ["b", "a"] {
                let labels = #","labels":{"team":"\#(name)"}"#
                _ = try await server.send(.POST, Server.clusters, clusterText(name, metadata: labels))
            }
            func names(_ query: String) async throws -> [String] {
                let items = try await server.get(Server.clusters + query).json["items"]?.sequence ?? []
                return items.compactMap { $0.text(at: ["metadata", "name"]) }
            }
            #expect(try await names("") == ["a", "b"])
            #expect(try await names("?fieldSelector=metadata.name%3Db") == ["b"])
            #expect(try await names("?labelSelector=team!%3Db") == ["a"])
            #expect(try await names("?labelSelector=!team") == [])
            let all = try await server.get("/apis/quorate.dev/v1alpha1/etcdclusters")
            #expect(all.json["kind"]?.string == "EtcdClusterList" && all.json["items"]?.sequence?.count == 2)
            let revision = try #require(Int64(all.json.text(at: ["metadata", "resourceVersion"]) ?? ""))
            #expect(try await server.store.range(RangeRequest(key: [1])).header.revision == revision)
            #expect(try await server.get("\(Server.clusters)?labelSelector=a%20in%20(b)").code == 400)
        }
    }

    @Test func tablesHaveTheColumnsOfTheManual() async throws {
        try await Server.run { server async throws in
            _ = try await server.send(.POST, Server.clusters, clusterText("orders"))
            let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
            let table = try await server.get(Server.clusters, accept: accept).json
            #expect(table["kind"]?.string == "Table")
            let columns = table["columnDefinitions"]?.sequence ?? []
            let names = columns.filter { $0["priority"]?.int == 0 }.compactMap { $0["name"]?.string?.uppercased() }
            #expect(
                names == ["NAME", "READY", "QUORATE", "LEADER", "REVISION", "DB SIZE", "LAST SNAPSHOT", "PHASE", "AGE"])
            let row = try #require(table["rows"]?[0])
            #expect(row["cells"]?.sequence?.count == columns.count)
            #expect(row["cells"]?[0]?.string == "orders" && row["cells"]?[1]?.string == "0/3")
            #expect(row["object"]?["kind"]?.string == "PartialObjectMetadata")
            let one = try await server.get("\(Server.clusters)/orders", accept: accept).json
            #expect(one["rows"]?.sequence?.count == 1)
        }
    }

    @Test func watchesTellEveryChange() async throws {
        try await Server.run { server async throws in
            _ = try await server.send(.POST, Server.clusters, clusterText("a"))
            var seen: [String] = []
            try await server.watch("\(Server.clusters)?watch=true") { type, object in
                seen.append("\(type) \(object.text(at: ["metadata", "name"]) ?? "")")
                switch seen.count {
                case 1: _ = try await server.send(.POST, Server.clusters, clusterText("b"))
                case 2: _ = try await server.send(.PUT, "\(Server.clusters)/b", clusterText("b", replicas: 1))
                case 3:
                    var cluster = try await server.cluster("b")
                    cluster.metadata.finalizers = []
                    _ = try await ObjectStore(server.store).update(cluster)
                    _ = try await server.send(.DELETE, "\(Server.clusters)/b")
                default: break
                }
                return seen.count < 5
            }
            #expect(seen == ["ADDED a", "ADDED b", "MODIFIED b", "MODIFIED b", "DELETED b"])
        }
    }

    @Test func watchesGoOnFromARevision() async throws {
        try await Server.run { server async throws in
            _ = try await server.send(.POST, Server.clusters, clusterText("a"))
            let revision = try await server.cluster("a").metadata.resourceVersion
            _ = try await server.send(.POST, Server.clusters, clusterText("b"))
            _ = try await server.send(
                .POST, Server.snapshots,
                """
                {"apiVersion":"quorate.dev/v1alpha1","kind":"EtcdSnapshot","metadata":{"name":"s"},"spec":{"clusterRef":"a"}}
                """)
            var seen: [String] = []
            let path = "\(Server.clusters)?watch=true&resourceVersion=\(revision)&timeoutSeconds=1"
            try await server.watch(path) { type, object in
                seen.append("\(type) \(object.text(at: ["metadata", "name"]) ?? "")")
                return true
            }
            #expect(seen == ["ADDED b"], "and the watch ended by itself")
        }
    }

    /// More than may be open at once: each is closed when its reader goes.
    @Test func abandonedWatchesAreClosed() async throws {
        try await Server.run { server async throws in
            _ = try await server.send(.POST, Server.clusters, clusterText("a"))
            for index in 0..<(Responder.watchLimit + 20) {
                var seen = 0
                try await server.watch("\(Server.clusters)?watch=true") { type, _ in
                    #expect(type == "ADDED", "watch \(index)")
                    seen += 1
                    return false
                }
                #expect(seen == 1, "watch \(index)")
            }
        }
    }

    @Test func whatWasCompactedIsGone() async throws {
        try await Server.run { server async throws in
            for replicas in [1, 3, 5] {
                let body = clusterText("a", replicas: replicas)
                _ = try await server.send(replicas == 1 ? .POST : .PUT, Server.clusters + (replicas == 1 ? "" : "/a"), body)
            }
            let revision = try await server.store.range(RangeRequest(key: [1])).header.revision
            _ = try await server.store.compact(CompactionRequest(revision: revision))
            var seen: [Node] = []
            try await server.watch("\(Server.clusters)?watch=1&resourceVersion=1") { type, object in
                #expect(type == "ERROR")
                seen.append(object)
                return true
            }
            #expect(seen.count == 1 && seen.first?["code"]?.int == 410 && seen.first?["reason"]?.string == "Expired")
        }
    }

    @Test func eventsComeInBothShapes() async throws {
        try await Server.run { server async throws in
            let time = Timestamp(seconds: 1_795_388_576)
            let event = Event(
                regarding: "EtcdCluster/orders", type: .warning, reason: "QuorumLost", message: "2 of 3 are gone", time: time)
            let key = ObjectKey.eventPrefix(namespace: "default", kind: "EtcdCluster", name: "orders") + "QuorumLost-1"
            try await ObjectStore(server.store).putEvent(key: key, value: event.json(), ttl: .seconds(60))
            let selector = "?fieldSelector=involvedObject.name%3Dorders,involvedObject.uid%3Dabc"
            let core = try await server.get("/api/v1/namespaces/default/events\(selector)").json
            let item = try #require(core["items"]?[0])
            #expect(item["apiVersion"]?.string == "v1" && item["reason"]?.string == "QuorumLost")
            #expect(item.text(at: ["involvedObject", "kind"]) == "EtcdCluster")
            let native = try await server.get("/api/v1/namespaces/default/events?regarding=EtcdCluster%2Forders").json
            #expect(try Event(document: try #require(native["items"]?[0]), file: "") == event)
            let others = try await server.get("/api/v1/namespaces/default/events?regarding=EtcdCluster%2Fother").json
            #expect(others["items"]?.sequence?.isEmpty == true)
        }
    }

    /// A reader that takes nothing is ended, and the store never waits for it.
    @Test func slowReadersAreEnded() async throws {
        try await Server.run { server async throws in
            let listing = Listing(store: server.store, clock: SystemClock(), logger: .init(label: "test"))
            let request = try APIRequest(method: "GET", target: "\(Server.clusters)?watch=true&resourceVersion=1")
            let collection = ObjectCollection.resources(EtcdCluster.self)
            guard case .watch(let stream) = try await listing.answer(request, collection, namespace: "default") else {
                Issue.record("no watch")
                return
            }
            let (hold, holder) = AsyncStream.makeStream(of: Void.self)
            let (ended, end) = AsyncStream.makeStream(of: Void.self)
            let (never, keep) = AsyncStream.makeStream(of: Void.self)
            let lines = Mutable<[[UInt8]]>([])
            let reading = Task {
                try await stream.run(stop: {
                    // Cancelled once nothing more is put into the backlog.
                    for await _ in never {}
                    end.finish()
                }) { line in
                    if lines.value.isEmpty { for await _ in hold {} }
                    lines.value.append(line)
                }
            }
            var cluster = EtcdCluster(metadata: ObjectMeta(name: "busy"), spec: EtcdClusterSpec())
            for step in 0..<(WatchStream.backlog + 200) {
                cluster.spec.replicas = step % 9 + 1
                let put = PutRequest(key: Array(cluster.storeKey.utf8), value: cluster.json())
                _ = try await server.store.put(put)
            }
            for await _ in ended {}
            holder.finish()
            try await reading.value
            keep.finish()
            #expect(lines.value.count <= WatchStream.backlog + 2)
            let last = try Node.read(json: try #require(lines.value.last))
            #expect(last["type"]?.string == "ERROR" && last["object"]?["code"]?.int == 410)
        }
    }
}
