import AsyncHTTPClient
import EmbeddedStore
import Logging
import NIOCore
import NIOHTTP1
import Platform
import Reconcile
import ServiceLifecycle
import TestSupport
import Testing
import YAML

@testable import Console

@Suite struct DoorTests {
    @Test func discoveryLeadsToTheResources() async throws {
        try await Server.run { server async throws in
            #expect(try await server.get("/api").json["versions"]?[0]?.string == "v1")
            #expect(try await server.get("/apis").json["groups"]?[0]?["name"]?.string == "quorate.dev")
            #expect(try await server.get("/apis/quorate.dev").json["kind"]?.string == "APIGroup")
            let resources = try await server.get("/apis/quorate.dev/v1alpha1").json["resources"]?.sequence ?? []
            let shortNames = resources.compactMap { $0["shortNames"]?[0]?.string }
            #expect(shortNames == ["ec", "es", "er"])
            #expect(try await server.get("/version").json["version"]?.string == "1.2.3")
        }
    }

    @Test func healthAndMetrics() async throws {
        try await Server.run { server async throws in
            #expect(try await server.get("/healthz").text == "ok")
            #expect(try await server.get("/readyz").code == 200)
            server.unready.value = ["the cache is not filled"]
            let reply = try await server.get("/readyz")
            #expect(reply.code == 503 && reply.text == "the cache is not filled\n")
            server.metrics.gauge("quorate_test", "A test.").set(7)
            #expect(try await server.get("/metrics").text.contains("\nquorate_test 7\n"))
        }
    }

    @Test func whatIsNotThereIsSaid() async throws {
        try await Server.run { server async throws in
            #expect(try await server.get("/nothing").code == 404)
            #expect(try await server.get("/apis/quorate.dev/v1alpha1/etcdthings").code == 404)
            #expect(try await server.get("/apis/apps/v1/deployments").code == 404)
            #expect(try await server.get("\(Server.clusters)/a/b/c/d").code == 404)
            #expect(try await server.send(.POST, "/healthz", "{}").code == 405)
            #expect(try await server.send(.DELETE, Server.clusters).code == 405)
            #expect(try await server.send(.POST, "/apis/quorate.dev/v1alpha1/etcdclusters", clusterText("a")).code == 405)
            #expect(try await server.get("\(Server.clusters)?watch=true&resourceVersion=x").code == 400)
            #expect(try await server.send(.POST, Server.clusters, "{").code == 400)
            #expect(try await server.send(.POST, Server.clusters, "x", type: "text/html").code == 415)
            #expect(try await server.send(.PUT, "\(Server.clusters)/other", clusterText("a")).code == 400)
            let large = String(repeating: " ", count: (1 << 20) + 1)
            #expect(try await server.send(.POST, Server.clusters, large).code == 413)
        }
    }

    @Test func webPagesAreNotAnswered() async throws {
        try await Server.run { server async throws in
            #expect(try await server.send(.GET, "/version", headers: [("origin", "http://evil.example")]).code == 403)
            #expect(try await server.send(.GET, "/version", headers: [("origin", "null")]).code == 403)
            #expect(try await server.send(.GET, "/version", headers: [("host", "evil.example:7300")]).code == 403)
            #expect(try await server.send(.GET, "/version", headers: [("origin", "http://localhost:7300")]).code == 200)
            #expect(try await server.send(.GET, "/version", headers: [("host", "[::1]:7300")]).code == 200)
        }
    }

    /// On a socket's file that an earlier server left behind; and an open watch does not hold up the end.
    @Test func servesUnixSocketsUntilTheServicesEnd() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/api.sock"
        for _ in 0..<2 {
            let store = try await EmbeddedStore.open(directory: "/store", disk: SimulatedDisk(seed: 1))
            let (running, source) = AsyncStream.makeStream(of: Void.self)
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let console = ConsoleServer(
                store: store, metrics: MetricsRegistry(), planner: EchoPlanner(), readiness: { [] },
                listen: try ListenAddress("unix:\(path)"), logger: logger
            ) { _ in source.finish() }
            let services = ServiceGroup(services: [console], logger: logger)
            let group = Task { try await services.run() }
            for await _ in running {}
            let base = "http+unix://" + path.split(separator: "/").map { "%2F\($0)" }.joined()
            func get(_ path: String) async throws -> HTTPClientResponse {
                var request = HTTPClientRequest(url: base + path)
                // Or the next server would be asked over a connection to this one.
                request.headers.add(name: "connection", value: "close")
                return try await HTTPClient.shared.execute(request, timeout: .seconds(20))
            }
            #expect(try await get("/version").status == .ok)
            let response = try await get("\(Server.clusters)?watch=true")
            await services.triggerGracefulShutdown()
            // It ends one way or the other.
            _ = try? await response.body.collect(upTo: 1 << 20)
            try await group.value
            try await store.close()
        }
        #expect(try RealDisk().stat(path) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:7300", "127.0.0.1:7300"), ("[::1]:80", "[::1]:80"), ("localhost:0", "localhost:0"),
        ("127.9.9.9:1", "127.9.9.9:1"), ("unix:/run/q.sock", "unix:/run/q.sock"),
    ])
    func takesAddresses(_ text: String, _ shown: String) throws {
        #expect(try ListenAddress(text).description == shown)
    }

    @Test(arguments: [
        "", "7300", ":7300", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:-1", "unix:relative", "unix:", "0.0.0.0:7300",
        "192.168.1.1:7300", "[::]:7300", "127.evil.example:80", "127.0.0.1.example:80", "127.0.0.256:1",
    ])
    func refusesAddresses(_ text: String) {
        #expect(throws: ListenError.self) { try ListenAddress(text) }
    }

    @Test func theRefusalSaysWhy() throws {
        let error = #expect(throws: ListenError.self) { try ListenAddress("0.0.0.0:7300") }
        #expect(error?.description.contains("no authentication") == true)
        #expect(try ListenAddress("0.0.0.0:7300", allowsRemote: true) == .tcp(host: "0.0.0.0", port: 7300))
    }
}
