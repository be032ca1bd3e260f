internal import Platform
internal import Testing

@testable internal import Runtimes

@Suite("Restoring", .serialized, .timeLimit(.minutes(2)))
struct RestoreTests {
    @Test("A snapshot becomes the data of a member, and its keys are back", arguments: TestEngine.allCases)
    func restore(_ engine: TestEngine) async throws {
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
            let image = "head -c -32 '\(snapshot)' | sha256sum"
            let sum = try await runtime.run("/bin/sh", ["-c", image], timeLimit: .seconds(10)).output.prefix(64)
            let options = RestoreOptions(token: "restored", sha256: sum.uppercased())

            await fails(.refused) {
                try await runtime.restore("a", of: cluster, from: snapshot, with: options)
            }
            try await runtime.stop("a", of: cluster, grace: .seconds(10))
            await fails(.refused) {
                try await runtime.restore("a", of: cluster, from: snapshot, with: options)
            }
            _ = try await runtime.retire("a", of: cluster, label: "restore")

            let place = try await runtime.provision("b", of: cluster)
            // What an attempt that was cut short left behind.
            try machine.write("half", to: cluster.dataDirectory + "/b/restore-1/member/snap/db")
            try await runtime.restore("b", of: cluster, from: snapshot, with: options)
            try await runtime.restore("b", of: cluster, from: snapshot, with: options)
            let restored = try await machine.runtime().members(of: cluster)
            #expect(restored == [MemberProcess(place: place, pid: nil, startedAt: nil, data: .present)])
            #expect(try machine.disk.list(cluster.dataDirectory + "/b") == ["data", "lock", "place.json"])

            _ = try await runtime.start("b", of: cluster, with: optionsAfterRestore(place))
            try await runtime.healthy([place], engine)
            let keys = try await runtime.etcdctl(engine, [place], ["get", "--prefix", "key", "--keys-only"]).output
            #expect(Set(keys.split(separator: "\n")).count == 20)
            #expect(try await runtime.etcdctl(engine, [place], ["get", "key7"]).output == "key7\nvalue7\n")
        }
    }

    @Test("A snapshot that is damaged, another, or none is refused and leaves nothing", arguments: TestEngine.allCases)
    func damaged(_ engine: TestEngine) async throws {
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("orders", engine.choice)
            let old = try await runtime.bootstrap(cluster, engine, members: ["a"])[0].place
            let snapshot = machine.root + "/snapshot.db"
            let saved = try await runtime.etcdctl(engine, [old], ["snapshot", "save", snapshot])
            try #require(saved.ending == .exited(0), "\(saved.output)")
            let whole = try #require(try machine.disk.contents(of: snapshot, limit: 1 << 24))
            _ = try await runtime.provision("b", of: cluster)

            var flipped = whole
            flipped[whole.count / 2] ^= 1
            let bad: [String: [UInt8]] = [
                "cut": Array(whole.prefix(whole.count / 2)), "flipped": flipped, "no-hash": Array(whole.dropLast(32)),
                "text": Array("not a snapshot".utf8), "empty": [],
            ]
            for (name, bytes) in bad.sorted(by: { $0.key < $1.key }) {
                let path = "\(machine.root)/\(name).db"
                try machine.disk.replace(path, with: bytes)
                await fails(.badSnapshot, "\(name)") {
                    try await runtime.restore("b", of: cluster, from: path, with: RestoreOptions(token: "t", sha256: nil))
                }
            }
            let wrong = RestoreOptions(token: "t", sha256: String(repeating: "0", count: 64))
            for path in [snapshot, machine.root + "/none.db", machine.root] {
                await fails(.badSnapshot, "\(path)") {
                    try await runtime.restore("b", of: cluster, from: path, with: wrong)
                }
            }
            #expect(try await runtime.members(of: cluster)[1].data == .empty)
            let right = RestoreOptions(token: "t", sha256: nil)
            try await runtime.restore("b", of: cluster, from: snapshot, with: right)
            #expect(try await runtime.members(of: cluster)[1].data == .present)
        }
    }
}

private func optionsAfterRestore(_ place: MemberPlace) -> StartOptions {
    options([place], state: .existing, token: "restored")
}
