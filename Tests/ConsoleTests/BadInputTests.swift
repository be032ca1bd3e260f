import EmbeddedStore
import Logging
import Platform
import Reconcile
import Testing
import YAML

@testable import Console

/// Whatever comes in, an answer goes out.
@Suite struct BadInputTests {
    @Test(arguments: 1...8) func noRequestStopsTheServer(_ seed: Int) async throws {
        let store = try await EmbeddedStore.open(directory: "/store", disk: SimulatedDisk(seed: 1))
        let api = API(
            store: store, clock: SystemClock(), metrics: MetricsRegistry(), planner: EchoPlanner(), readiness: { [] },
            version: "0", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var random = SeededRandom(seed: UInt64(seed))
        let paths = [
            "/", "/apis", "/apis/quorate.dev/v1alpha1", "/api/v1/namespaces/default/events", Server.clusters,
            Server.clusters + "/a", Server.clusters + "/a/status", Server.clusters + "/a/plan",
            "/apis/quorate.dev/v1alpha1/namespaces/" + "x/etcdclusters/..%2f..%2fevil", "/%", "/%zz", "/%ff",
            "/apis/quorate.dev/v1alpha1/namespaces", "/apis/quorate.dev/v1alpha1/namespaces/default",
        ]
        let queries = [
            "", "?watch=true&timeoutSeconds=99999999999999999999", "?resourceVersion=-1&watch=1", "?fieldSelector==,=",
            "?labelSelector=!,!!,=x", "?a=1&a=2", "?&&==&", "?dryRun=All", "?labelSelector=%ff", "?includeObject=None",
        ]
        let bodies = [
            clusterText("a"), clusterText("a", replicas: 99), "", "null", "[]", "{}", "{\"metadata\":null}",
            "{\"metadata\":[]}",
            "{\"metadata\":{\"name\":7,\"namespace\":{}}}", "{\"preconditions\":{\"uid\":\"x\"}}", "\u{0}",
            String(repeating: "[", count: 5000), "&a *a", "a: b: c",
        ]
        let types = [
            "", "application/json", "application/merge-patch+json", "application/apply-patch+yaml", "application/yaml", ";",
            "x",
        ]
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "", "\u{1F980}"]
        for _ in 0..<400 {
            func pick(_ from: [String]) -> String { from[Int.random(in: 0..<from.count, using: &random)] }
            var body = Array(pick(bodies).utf8)
            if random.chance(0.3), !body.isEmpty {
                body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            let target = pick(paths) + pick(queries)
            let method = pick(methods)
            do throws(StatusError) {
                let request = try APIRequest(
                    method: method, target: target, accept: random.chance(0.3) ? "application/json;as=Table" : "",
                    contentType: pick(types), body: body)
                guard case .json(let code, let document) = await api.answer(request), code >= 400 else { continue }
                #expect(document["kind"]?.string == "Status" && document["code"]?.int == Int128(code), "seed \(seed)")
                #expect(code != 500 && code != 503, "seed \(seed): \(method) \(target): \(document)")
            } catch {
                #expect(error.code == 400, "seed \(seed): \(target)")
            }
        }
        try await store.close()
    }
}
