internal import Platform
internal import Testing

@testable internal import Runtimes

@Suite("Data that others write", .serialized, .timeLimit(.minutes(2)))
struct RestoreTests {
    private struct Interrupted: Error {}

    @Test("What is written becomes the data of a member that starts from it", arguments: TestEngine.allCases)
    func fill(_ engine: TestEngine) async throws {
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("orders", engine.choice)
            let old = try await runtime.bootstrap(cluster, engine, members: ["a"])[0].place
            let snapshot = machine.root + "/snapshot.db"
            for index in 0..<20 {
                let put = try await runtime.etcdctl(engine, [old], ["put", "key\(index)", "value\(index)"])
                try #require(put.ending == .exited(0))
            }
            let saved = try await runtime.etcdctl(engine, [old], ["snapshot", "save", snapshot])
            try #require(saved.ending == .exited(0), "\(saved.output)")
            let origin = DataOrigin(source: snapshot, token: "restored")
            let write: @Sendable (MemberPlace, String) async throws -> String = { place, path in
                let restored = try await runtime.etcdctl(
                    engine, [old],
                    [
                        "snapshot", "restore", snapshot, "--data-dir", path, "--name", place.name, "--initial-cluster",
                        "\(place.name)=\(place.peerURL)", "--initial-advertise-peer-urls", place.peerURL,
                        "--initial-cluster-token", origin.token,
                    ])
                try #require(restored.ending == .exited(0), "\(restored.output)")
                return "from a snapshot"
            }

            await fails(.refused) { try await runtime.fill("a", of: cluster, from: origin, write: write) }
            try await runtime.stop("a", of: cluster, grace: .seconds(10))
            await fails(.refused) { try await runtime.fill("a", of: cluster, from: origin, write: write) }
            _ = try await runtime.retire("a", of: cluster, label: "restore")

            let place = try await runtime.provision("b", of: cluster)
            // What an attempt that was cut short left behind.
            try machine.write("half", to: cluster.dataDirectory + "/b/restore-1/member/snap/db")
            try await runtime.fill("b", of: cluster, from: origin, write: write)
            // Asked for again, as after a crash, nothing is written.
            try await runtime.fill("b", of: cluster, from: origin) { _, _ in throw Interrupted() }
            let restored = try await machine.runtime().members(of: cluster)
            #expect(
                restored == [
                    MemberProcess(place: place, pid: nil, startedAt: nil, data: .present, origin: "from a snapshot")
                ])
            #expect(try machine.disk.list(cluster.dataDirectory + "/b") == ["data", "lock", "place.json"])

            _ = try await runtime.start("b", of: cluster, with: optionsAfterRestore(place))
            try await runtime.healthy([place], engine)
            let keys = try await runtime.etcdctl(engine, [place], ["get", "--prefix", "key", "--keys-only"]).output
            #expect(Set(keys.split(separator: "\n")).count == 20)
            #expect(try await runtime.etcdctl(engine, [place], ["get", "key7"]).output == "key7\nvalue7\n")
        }
    }

    @Test("What could not be written whole leaves nothing")
    func interrupted() async throws {
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("orders", TestEngine.allCases[0].choice)
            let origin = DataOrigin(source: "x", token: "t")
            await fails(.refused) { try await runtime.fill("b", of: cluster, from: origin) { _, _ in "" } }
            _ = try await runtime.provision("b", of: cluster)
            await #expect(throws: Interrupted.self) {
                try await runtime.fill("b", of: cluster, from: origin) { _, path in
                    try machine.write("half", to: path + "/member/snap/db")
                    throw Interrupted()
                }
            }
            #expect(try await runtime.members(of: cluster)[0].data == .empty)
            try await runtime.fill("b", of: cluster, from: origin) { _, path in
                try machine.write("log", to: path + "/member/wal/0000000000000000-0000000000000000.wal")
                try machine.write("database", to: path + "/member/snap/db")
                return "whole"
            }
            let filled = try await runtime.members(of: cluster)[0]
            #expect(filled.data == .present && filled.origin == "whole")
        }
    }
}

private func optionsAfterRestore(_ place: MemberPlace) -> StartOptions {
    options([place], state: .existing, token: "restored")
}
