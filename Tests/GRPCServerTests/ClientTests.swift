import GRPCServer
import NIOCore
import NIOHTTP1
import Platform
import Synchronization
import TestSupport
import Testing

/// Just enough of etcd for its own client to be content: answers with bytes that are always the same.
private final class StubStore: Sendable {
    /// `header { cluster_id: 1 member_id: 2 revision: 3 raft_term: 4 }` as field 1 of an answer.
    static let header: [UInt8] = [0x0A, 8, 0x08, 1, 0x10, 2, 0x18, 3, 0x20, 4]
    /// `KeyValue { key: "k", create_revision: 3, mod_revision: 3, version: 1, value: "v" }` as field 2.
    static let pair: [UInt8] = [0x12, 12, 0x0A, 1, 0x6B, 0x10, 3, 0x18, 3, 0x20, 1, 0x2A, 1, 0x76]

    /// Whom puts came from.
    let putters = Mutex<[String]>([])

    func add(to table: inout MethodTable) {
        table.unary("/etcdserverpb.KV/Put") { _, call in
            self.putters.withLock { $0.append(call.peer) }
            return .message(Self.header)
        }
        table.unary("/etcdserverpb.KV/Range") { request, _ in
            // A range of many keys, with field 2 (`range_end`), has 1,000 pairs.
            let bytes = request.array
            let isMany = bytes.count > 4 && bytes.contains(0x12)
            return .message(Self.header + (0..<(isMany ? 1_000 : 1)).flatMap { _ in Self.pair } + [0x20, 1])
        }
    }
}

@Suite("Clients of others", .serialized)
struct ClientTests {
    private static let h2load = "/usr/bin/h2load"
    private static let hasH2load = environment("CI") != nil || exists(Self.h2load)

    @Test("etcdctl puts and gets, and is told what is not served", arguments: EtcdVersion.enabled)
    func etcdctl(version: EtcdVersion) async throws {
        let etcd = try EtcdBinary.find(version)
        let store = StubStore()
        try await LiveServer.run(more: store.add) { _, port in
            func run(_ arguments: String...) async throws -> Command.Output {
                try await Command.run(etcd.etcdctl, ["--endpoints=127.0.0.1:\(port)"] + arguments)
            }
            #expect(try await run("put", "k", "v").text == "OK\n")
            #expect(try await run("get", "k").text == "k\nv\n")
            let json = try await run("get", "k", "-w", "json")
            #expect(json.text.contains(#""revision":3,"raft_term":4"#) && json.text.contains(#""value":"dg==""#))
            let refused = try await run("lease", "grant", "5")
            #expect(refused.status != 0 && refused.text.contains("unknown service etcdserverpb.Lease"))
            let large = try await run("put", "k", String(repeating: "x", count: 100_000))
            #expect(large.text == "OK\n")
        }
    }

    @Test("1,000 quick calls of Go's client, with its pings between them, over one connection", arguments: EtcdVersion.enabled)
    func quickCalls(version: EtcdVersion) async throws {
        let etcd = try EtcdBinary.find(version)
        let store = StubStore()
        try await LiveServer.run(more: store.add) { _, port in
            let directory = try TemporaryDirectory()
            // Copies the 1,000 pairs of a range, one put after another.
            let mirror = try ChildProcess(
                etcd.etcdctl, ["--endpoints=127.0.0.1:\(port)", "make-mirror", "127.0.0.1:\(port)"],
                output: directory.path + "/output")
            defer { mirror.killAndWait() }
            let putters = try await poll(within: .seconds(30), "1,000 puts: \(directory.read("output"))") {
                let putters = store.putters.withLock { $0 }
                return putters.count >= 1_000 ? putters : nil
            }
            #expect(Set(putters).count == 1)
        }
    }

    @Test("h2load: thousands of calls, all answered", .enabled(if: Self.hasH2load, "h2load is not installed"))
    func load() async throws {
        try await LiveServer.run { _, port in
            let directory = try TemporaryDirectory()
            let message = Client.message([UInt8](repeating: 7, count: 100))
            try write(message, to: directory.path + "/message")
            for path in ["Echo", "Deferred"] {
                let output = try await Command.run(
                    Self.h2load,
                    [
                        "-n", "3000", "-c", "10", "-m", "20", "-t", "1", "-d", directory.path + "/message",
                        "-H", "content-type: application/grpc", "-H", "te: trailers",
                        "http://127.0.0.1:\(port)/test.Live/\(path)",
                    ])
                #expect(output.text.contains("3000 succeeded, 0 failed"), "\(output.text)")
            }
        }
    }
}
