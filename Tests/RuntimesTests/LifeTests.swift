internal import Glibc
internal import Platform
internal import Testing

@testable internal import Runtimes

/// Members' whole lives, with real etcd.
@Suite("Life of members", .serialized, .timeLimit(.minutes(2)))
struct LifeTests {
    @Test("A cluster of three starts, and is found again as it is by another runtime", arguments: TestEngine.allCases)
    func threeMembers(_ engine: TestEngine) async throws {
        try engine.require()
        try await Machine.run { machine in
            // A descriptor that is not closed on exec, and options of etcd in the environment: neither reaches a member.
            try machine.write("", to: machine.root + "/leak")
            let leak = unsafe open(machine.root + "/leak", O_RDONLY)
            defer { close(leak) }
            let runtime = machine.runtime {
                $0.environment["ETCD_NAME"] = "somebody-else"
                $0.environment["ETCD_LISTEN_METRICS_URLS"] = "http://127.0.0.1:1"
                $0.environment["NOTIFY_SOCKET"] = "/run/nobody"
            }
            let cluster = machine.cluster("orders", engine.choice)
            let members = try await runtime.bootstrap(cluster, engine, members: ["orders-0", "orders-1", "orders-2"])
            #expect(members.map(\.place.name) == ["orders-0", "orders-1", "orders-2"])
            #expect(members.allSatisfy { $0.data == .present && $0.lastWords == nil })
            #expect(Set(members.compactMap(\.pid)).count == 3)

            let now = SystemClock().now()
            for member in members {
                let pid = try #require(member.pid)
                #expect(getsid(pid) == pid && getpgid(pid) == pid && getsid(pid) != getsid(0))
                let started = try #require(member.startedAt)
                #expect((-60.0...60.0).contains((now - started).inSeconds))
                let files = try links(of: pid)
                #expect(files.first { $0.number == 0 }?.target == "/dev/null")
                let log = directory(of: member.place.dataDirectory) + "/etcd.log"
                #expect(files.filter { $0.target == log }.map(\.number) == [1, 2])
                #expect(!files.contains { $0.target.hasSuffix("/leak") })
                let environment = try machine.text(of: "/proc/\(pid)/environ").split(separator: "\0")
                #expect(!environment.contains { $0.hasPrefix("ETCD_NAME") || $0.hasPrefix("NOTIFY_SOCKET") })
                #expect(environment.contains { $0.hasPrefix("PATH=") })
            }
            let again = try await machine.runtime().members(of: cluster)
            #expect(again.map(\.pid) == members.map(\.pid))
            #expect(again.map(\.place) == members.map(\.place))

            // Starting what runs changes nothing, whoever asks.
            let same = try await machine.runtime().start(
                "orders-1", of: cluster, with: options(members.map(\.place), state: .existing))
            #expect(same.pid == members[1].pid)
        }
    }

    @Test("A member that is killed is seen to be gone, leaves no zombie, and comes back", arguments: TestEngine.allCases)
    func killed(_ engine: TestEngine) async throws {
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("orders", engine.choice)
            let members = try await runtime.bootstrap(cluster, engine, members: ["a"])
            let place = members[0].place
            #expect(try await runtime.etcdctl(engine, [place], ["put", "key", "value"]).ending == .exited(0))

            let pid = try #require(members[0].pid)
            let process = try #require(try ProcessHandle(pid))
            kill(pid, SIGKILL)
            while !process.hasEnded { await Task.yield() }
            // It is a zombie now, which another runtime must not take for a member that runs.
            #expect(exists(pid))
            #expect(try await machine.runtime().members(of: cluster)[0].pid == nil)
            let dead = try await runtime.members(of: cluster)[0]
            #expect(dead.pid == nil && dead.data == .present)
            #expect(dead.lastWords?.contains("killed by signal 9") == true)
            #expect(!exists(pid))

            let back = try await runtime.start("a", of: cluster, with: options([place], state: .existing))
            #expect(back.pid != nil && back.pid != pid && back.lastWords == nil)
            try await runtime.healthy([place], engine)
            #expect(try await runtime.etcdctl(engine, [place], ["get", "key"]).output == "key\nvalue\n")
        }
    }

    @Test("A stopped member is gone at once, and did not end by itself; what is retired is moved aside")
    func stopAndRetire() async throws {
        let engine = TestEngine.etcd34
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("orders", engine.choice)
            let members = try await runtime.bootstrap(cluster, engine, members: ["a"])
            let pid = try #require(members[0].pid)
            await fails(.refused) { try await runtime.retire("a", of: cluster, label: "test") }
            await fails(.refused) { try await runtime.deleteData(of: cluster) }

            try await runtime.stop("a", of: cluster, grace: .seconds(10))
            #expect(!exists(pid))
            let stopped = try await runtime.members(of: cluster)[0]
            #expect(stopped.pid == nil && stopped.data == .present && stopped.lastWords == nil)
            let log = directory(of: members[0].place.dataDirectory) + "/etcd.log"
            #expect(try machine.text(of: log).contains("terminated"))
            try await runtime.stop("a", of: cluster, grace: .seconds(10))

            let removed = try #require(try await runtime.retire("a", of: cluster, label: "scale/down"))
            #expect(removed.hasPrefix("\(cluster.dataDirectory)/removed/a-scale-down-"))
            #expect(try machine.disk.stat(removed + "/data/member/snap/db") != nil)
            #expect(try machine.disk.list(machine.root + "/ports") == ["lock"])
            #expect(try await runtime.members(of: cluster).isEmpty)
            #expect(try await runtime.retire("a", of: cluster, label: "again") == nil)

            let fresh = try await runtime.provision("a", of: cluster)
            let empty = try await runtime.members(of: cluster)
            #expect(empty == [MemberProcess(place: fresh, pid: nil, startedAt: nil, data: .empty)])
        }
    }

    @Test("A member that does not answer to an orderly stop is killed after the grace")
    func stubborn() async throws {
        let engine = TestEngine.etcd34
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("orders", engine.choice)
            let pid = try #require(try await runtime.bootstrap(cluster, engine, members: ["a"])[0].pid)
            kill(pid, SIGSTOP)
            try await runtime.stop("a", of: cluster, grace: .milliseconds(50))
            #expect(!exists(pid))
        }
    }

    @Test("Data that is gone is lost, even under a process that still runs, and is never started over")
    func lost() async throws {
        let engine = TestEngine.etcd35
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("orders", engine.choice)
            let member = try await runtime.bootstrap(cluster, engine, members: ["a"])[0]
            try machine.disk.removeTree(member.place.dataDirectory)
            let lost = try await machine.runtime().members(of: cluster)[0]
            #expect(lost.data == .lost && lost.pid == member.pid)
            try await runtime.stop("a", of: cluster, grace: .milliseconds(500))
            #expect(try await runtime.members(of: cluster)[0].data == .lost)
            await fails(.refused) {
                try await runtime.start("a", of: cluster, with: options([member.place]))
            }
            #expect(try await runtime.members(of: cluster)[0].pid == nil)
        }
    }

    @Test("A member whose port is taken fails to start, and its last words say why", arguments: TestEngine.allCases)
    func portTaken(_ engine: TestEngine) async throws {
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime { $0.startWatch = .seconds(20) }
            let cluster = machine.cluster("orders", engine.choice)
            let place = try await runtime.provision("a", of: cluster)
            let port = try #require(place.clientURL.split(separator: ":").last.flatMap { Int($0) })
            let listener = try Listener(port: port)
            let error = await fails(.startFailed) {
                try await runtime.start("a", of: cluster, with: options([place]))
            }
            #expect(error?.message.lowercased().contains("address already in use") == true, "\(error as Any)")
            let ended = try await runtime.members(of: cluster)[0]
            #expect(ended.pid == nil && ended.lastWords?.contains("exited with code 1") == true)
            _ = listener.port
        }
    }

    @Test("Two controllers that start a member at once start it once")
    func startedOnce() async throws {
        let engine = TestEngine.etcd34
        try engine.require()
        try await Machine.run { machine in
            let runtimes = [machine.runtime(), machine.runtime()]
            let cluster = machine.cluster("orders", engine.choice)
            let place = try await runtimes[0].provision("a", of: cluster)
            let pids = try await withThrowingTaskGroup(of: Int32?.self) { group in
                for index in 0..<6 {
                    group.addTask {
                        try await runtimes[index % 2].start("a", of: cluster, with: options([place])).pid
                    }
                }
                return try await group.reduce(into: Set<Int32?>()) { $0.insert($1) }
            }
            #expect(pids.count == 1)
            let scan = try ProcessTable().scan(for: [place.dataDirectory])
            #expect(scan[place.dataDirectory]?.count == 1)
        }
    }

    @Test("A member outlives the controller that started it, whatever became of what it wrote down")
    func outlives() async throws {
        let engine = TestEngine.etcd34
        try engine.require()
        try await Machine.run { machine in
            let root = machine.root
            let choice = engine.choice.binaryDirectory ?? ""
            await #expect(processExitsWith: .signal(SIGKILL)) { [root = root as String, choice = choice as String] in
                var settings = ProcessRuntime.Settings()
                settings.portDirectory = root + "/ports"
                let runtime = ProcessRuntime(settings: settings)
                let engine = EngineChoice(type: .etcd, version: "3.4", binaryDirectory: choice)
                let cluster = ClusterPlace(name: "c", dataDirectory: root + "/c", host: "127.0.0.1", engine: engine)
                let place = try await runtime.provision("a", of: cluster)
                _ = try await runtime.start("a", of: cluster, with: options([place]))
                kill(getpid(), SIGKILL)
            }
            let cluster = machine.cluster("c", engine.choice)
            let runtime = machine.runtime()
            let found = try await runtime.members(of: cluster)[0]
            let pid = try #require(found.pid)
            try await runtime.healthy([found.place], engine)
            #expect(try await runtime.members(of: cluster)[0].data == .present)
            #expect(getppid() != pid && getsid(pid) == pid)
            try await runtime.stop("a", of: cluster, grace: .seconds(10))
            #expect(try await runtime.members(of: cluster)[0].pid == nil)
        }
    }

    @Test("A process is a member only by its program and its data directory")
    func mistaken() async throws {
        let table = ProcessTable()
        #expect(try table.running(getpid(), on: "/nowhere/data") == nil)
        try await Machine.run { machine in
            // The same command line, but not etcd's.
            let runtime = machine.runtime()
            let data = machine.root + "/c/a/data"
            let sleeper = Command(
                program: "/bin/sh", arguments: ["-c", "sleep 60", "etcd", "--data-dir", data], environment: [:],
                directory: "/", output: .file(machine.root + "/out"))
            let pid = try sleeper.spawn()
            defer {
                kill(-pid, SIGKILL)
                _ = Ending.await(pid)
            }
            #expect(try ProcessTable().scan(for: [data]).isEmpty)
            try await runtime.stop("a", of: machine.cluster("c"), grace: .zero)
            #expect(Ending.reap(pid) == nil)
        }
    }
}

/// The open files of a process.
private func links(of pid: Int32) throws -> [(number: Int, target: String)] {
    try RealDisk().list("/proc/\(pid)/fd").compactMap { name in
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe readlink("/proc/\(pid)/fd/\(name)", bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard count > 0, let number = Int(name) else { return nil }
        return (number, String(decoding: buffer[..<count], as: UTF8.self))
    }.sorted { $0.0 < $1.0 }
}
