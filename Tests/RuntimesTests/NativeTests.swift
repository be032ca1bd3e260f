internal import Glibc
internal import Platform
internal import Testing

@testable internal import Runtimes

/// What is particular to members that `quorate` itself runs.
@Suite("Native members", .serialized, .timeLimit(.minutes(2)))
struct NativeTests {
    @Test("A member whose program was replaced or removed is found, told apart, and stopped")
    func upgraded() async throws {
        let engine = TestEngine.native
        try engine.require()
        try await Machine.run { machine in
            let program = machine.root + "/bin/quorate"
            try machine.disk.makeDirectory(machine.root + "/bin")
            try await machine.copyProgram(engine.directory + "/quorate", to: program)
            let runtime = machine.runtime { $0.nativeProgram = program }
            var choice = engine.choice
            choice.binaryDirectory = nil
            let cluster = machine.cluster("c", choice)
            let member = try await runtime.bootstrap(cluster, engine, members: ["a"])[0]
            let pid = try #require(member.pid)
            #expect(executable(of: String(pid)) == program && member.engine == .native)

            try machine.disk.remove(program)
            // The kernel shows it as deleted; the name that it had is what counts.
            #expect(executable(of: String(pid)) == program)
            let upgraded = machine.runtime { $0.nativeProgram = program }
            let found = try await upgraded.members(of: cluster)[0]
            #expect(found.pid == pid && found.engine == .native && found.tuning != nil && found.data == .present)
            await fails(.engineMissing) { try await upgraded.checkEngine(of: cluster) }
            try await upgraded.stop("a", of: cluster, grace: .seconds(10))
            #expect(!exists(pid) || Ending.reap(pid) != nil)
            #expect(try await runtime.members(of: cluster)[0].lastWords == nil)
        }
    }

    @Test("Data goes from etcd to native and back, on the same place")
    func there() async throws {
        for engine in [TestEngine.etcd35, .native] { try engine.require() }
        try await Machine.run { machine in
            let runtime = machine.runtime()
            var place: MemberPlace?
            for (round, engine) in [TestEngine.etcd35, .native, .etcd35, .native].enumerated() {
                let cluster = machine.cluster("c", engine.choice)
                if place == nil { place = try await runtime.bootstrap(cluster, engine, members: ["a"])[0].place }
                let here = try #require(place)
                let member = try await runtime.start("a", of: cluster, with: options([here], state: .existing))
                #expect(member.engine == engine.choice.type && member.place == here)
                try await runtime.healthy([here], engine)
                let answer = try await runtime.etcdctl(engine, [here], ["put", "round-\(round)", engine.rawValue])
                #expect(answer.ending == .exited(0))
                let all = try await runtime.etcdctl(engine, [here], ["get", "--prefix", "round-", "--print-value-only"])
                #expect(all.output.split(separator: "\n").count == round + 1)
                try await runtime.stop("a", of: cluster, grace: .seconds(10))
            }
        }
    }

    @Test("What a controller was told by its environment is not told to members")
    func environment() {
        let given = [
            "QUORATE_SERVER": "http://127.0.0.1:1", "ETCD_NAME": "other", "NOTIFY_SOCKET": "/run/x", "PATH": "/bin",
            "TZ": "UTC",
        ]
        for type in EngineType.allCases {
            let engine = Engine(type: type, path: "/x", version: "3.5.1")
            #expect(memberEnvironment(given, engine: engine) == ["PATH": "/bin", "TZ": "UTC"])
        }
    }

    @Test("Of a trap the words that say why are kept, and not its trace")
    func trap() async throws {
        try await Machine.run { machine in
            let log = MemberLog(path: machine.root + "/etcd.log", limit: 1000, kept: 1, disk: machine.disk)
            try log.announce("quorate member --name a", at: Timestamp(seconds: 0))
            let lines = [
                #"{"level":"info","ts":"2026-01-01T00:00:00Z","logger":"member","msg":"serving"}"#,
                "Store/Store.swift:12: Fatal error: a revision went back", "", "*** Signal 4: Backtracing from 0x1",
                "0 f at /x",
            ]
            try machine.write(try machine.text(of: log.path) + lines.joined(separator: "\n") + "\n", to: log.path)
            #expect(try log.lastWords() == ["Store/Store.swift:12: Fatal error: a revision went back"])
        }
    }
}

extension Machine {
    /// A copy that can be run.
    func copyProgram(_ source: String, to target: String) async throws {
        let result = try await self.runtime().run("/bin/cp", [source, target], timeLimit: .seconds(30))
        try #require(result.ending == .exited(0), "\(result.output)")
    }
}
