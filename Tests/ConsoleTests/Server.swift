import AsyncHTTPClient
import ClusterAPI
import EtcdClient
import EmbeddedStore
import Logging
import NIOCore
import NIOHTTP1
import Platform
import Reconcile
import Synchronization
import Testing
import YAML

@testable import Console

/// A plan that tells what it was asked.
struct EchoPlanner: PlanProvider {
    func plan(for cluster: EtcdCluster, proposed: EtcdClusterSpec?) async throws -> Plan {
        let proposal = proposed.map { "\($0.replicas)" } ?? "none"
        return Plan(steps: [], blocked: [], summary: "\(cluster.spec.replicas) -> \(proposal)")
    }
}

struct Reply: Sendable {
    var code: Int
    var bytes: [UInt8]

    var text: String { String(decoding: self.bytes, as: UTF8.self) }
    var json: Node { (try? Node.read(json: self.bytes)) ?? .null }
    var reason: String? { self.json["reason"]?.string }
}

/// A server on a real port of this machine, on an embedded store of a simulated disk.
struct Server: Sendable {
    let store: EmbeddedStore
    let url: String
    let metrics: MetricsRegistry
    let unready: Mutable<[String]>

    static let clusters = "/apis/quorate.dev/v1alpha1/namespaces/default/etcdclusters"
    static let snapshots = "/apis/quorate.dev/v1alpha1/namespaces/default/etcdsnapshots"

    static func run<Value: Sendable>(
        _ body: @escaping @Sendable (Server) async throws -> Value
    ) async throws -> Value {
        let store = try await EmbeddedStore.open(directory: "/store", disk: SimulatedDisk(seed: 1))
        let (addresses, source) = AsyncStream.makeStream(of: ListenAddress.self)
        let (metrics, unready) = (MetricsRegistry(), Mutable<[String]>([]))
        let console = ConsoleServer(
            store: store, metrics: metrics, planner: EchoPlanner(), readiness: { unready.value },
            listen: try ListenAddress("127.0.0.1:0"), version: "1.2.3",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { source.yield($0) }
        let running = Task { try await console.run() }
        let address = await addresses.first { _ in true }
        let server = Server(store: store, url: "http://\(try #require(address))", metrics: metrics, unready: unready)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(server))
        } catch {
            result = .failure(error)
        }
        running.cancel()
        _ = await running.result
        try await store.close()
        return try result.get()
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: String? = nil, type: String = "application/json",
        headers: [(String, String)] = []
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: self.url + path)
        request.method = method
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let body {
            request.headers.replaceOrAdd(name: "content-type", value: type)
            request.body = .bytes(Array(body.utf8))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Reply(code: Int(response.status.code), bytes: Array(bytes.readableBytesView))
    }

    func get(_ path: String, accept: String = "application/json") async throws -> Reply {
        try await self.send(.GET, path, headers: [("accept", accept)])
    }

    /// The objects of a watch's lines, with their types, until the watch ends or `body` returns false.
    func watch(_ path: String, _ body: (_ type: String, _ object: Node) async throws -> Bool) async throws {
        let request = HTTPClientRequest(url: self.url + path)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        var rest: [UInt8] = []
        for try await part in response.body {
            rest += part.readableBytesView
            while let end = rest.firstIndex(of: 0x0A) {
                let line = try Node.read(json: Array(rest[..<end]))
                rest.removeSubrange(...end)
                guard try await body(line["type"]?.string ?? "", line["object"] ?? .null) else { return }
            }
        }
    }

    func cluster(_ name: String) async throws -> EtcdCluster {
        try EtcdCluster(json: try await self.get("\(Self.clusters)/\(name)").bytes)
    }
}

final class Mutable<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { self.state = Mutex(value) }

    var value: Value {
        get { self.state.withLock { $0 } }
        set { self.state.withLock { $0 = newValue } }
    }
}

func clusterText(_ name: String, replicas: Int = 3, metadata: String = "", rest: String = "") -> String {
    """
    {"apiVersion":"quorate.dev/v1alpha1","kind":"EtcdCluster","metadata":{"name":"\(name)"\(metadata)},
    "spec":{"replicas":\(replicas),"engine":{"type":"Etcd"}}\(rest)}
    """
}
