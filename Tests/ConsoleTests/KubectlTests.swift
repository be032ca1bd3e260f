import ClusterAPI
import EmbeddedStore
import Glibc
import Operator
import Platform
import Reconcile
import TestSupport
import Testing

@testable import Console

/// What Kubernetes' own client makes of the API.
@Suite struct KubectlTests {
    static let kubectl = ["/usr/bin/kubectl", "/usr/local/bin/kubectl"].first { (path: String) in
        unsafe access(path, X_OK) == 0
    }

    static let isRequired = unsafe getenv("CI") != nil

    @Test(.enabled(if: Self.kubectl != nil || Self.isRequired)) func followsAWholeLife() async throws {
        let kubectl = try #require(Self.kubectl, "kubectl is not installed")
        let directory = try TemporaryDirectory()
        let file = "\(directory.path)/orders.yaml"
        let spec = """
            apiVersion: quorate.dev/v1alpha1
            kind: EtcdCluster
            metadata: {name: orders, namespace: default}
            spec: {replicas: 3, engine: {type: Etcd}}
            """
        try RealDisk().open(file, .create).write(Array(spec.utf8), at: 0)
        try await Server.run { server async throws in
            func run(_ arguments: String...) async throws -> String {
                let home = ["--cache-dir", "\(directory.path)/cache", "--kubeconfig", "/dev/null"]
                let output = try await Command.run(kubectl, ["--server", server.url] + home + arguments)
                #expect(output.status == 0, "kubectl \(arguments): \(output.text)")
                return output.text
            }
            #expect(try await run("apply", "-f", file).contains("orders created"))
            #expect(try await run("apply", "-f", file).contains("orders unchanged"))
            let table = try await run("get", "ec")
            #expect(table.contains("LAST SNAPSHOT") && table.contains("orders"))
            #expect(try await run("get", "ec", "orders", "-o", "jsonpath={.spec.replicas}") == "3")
            _ = try await run("patch", "ec", "orders", "--type=merge", "-p", #"{"spec":{"replicas":5}}"#)
            _ = try await run("label", "ec", "orders", "team=a")
            #expect(try await run("get", "etcdclusters", "-l", "team=a", "-o", "name").contains("orders"))
            #expect(try await server.cluster("orders").spec.replicas == 5)
            #expect(try await run("describe", "ec", "orders").contains("Replicas:"))
            _ = try await run("apply", "--server-side", "--force-conflicts", "-f", file)
            #expect(try await server.cluster("orders").spec.replicas == 3)
            var cluster = try await server.cluster("orders")
            cluster.metadata.finalizers = []
            _ = try await ObjectStore(server.store).update(cluster)
            #expect(try await run("delete", "ec", "orders", "--timeout=10s").contains("deleted"))
        }
    }
}
