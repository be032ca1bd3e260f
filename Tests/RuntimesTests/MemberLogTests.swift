internal import Glibc
internal import Platform
internal import Testing

@testable internal import Runtimes

@Suite("Logs", .timeLimit(.minutes(1)))
struct MemberLogTests {
    @Test("A log is rotated under a writer that keeps it open, and no more than enough are kept")
    func rotation() async throws {
        try await Machine.run { machine in
            let path = machine.root + "/etcd.log"
            let writer = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            defer { close(writer) }
            let log = MemberLog(path: path, limit: 1000, kept: 3, disk: machine.disk)
            var written: [String] = []
            for round in 0..<6 {
                let text = String(repeating: "line \(round)\n", count: 200)
                #expect(unsafe write(writer, text, text.utf8.count) == text.utf8.count)
                written.append(text)
                try log.rotate()
                #expect(try machine.text(of: path).isEmpty)
                #expect(try machine.text(of: path + ".1") == text)
            }
            #expect(try machine.disk.list(machine.root) == ["etcd.log", "etcd.log.1", "etcd.log.2", "etcd.log.3"])
            #expect(try machine.text(of: path + ".3") == written[3])
            #expect(unsafe write(writer, "short\n", 6) == 6)
            try log.rotate()
            #expect(try machine.text(of: path) == "short\n")
        }
    }

    @Test("A running member's log is rotated when it is looked at, and it goes on writing")
    func running() async throws {
        let engine = TestEngine.etcd35
        try engine.require()
        try await Machine.run { machine in
            let runtime = machine.runtime { $0.logLimit = 2000 }
            let cluster = machine.cluster("c", engine.choice)
            let member = try await runtime.bootstrap(cluster, engine, members: ["a"])[0]
            _ = try await runtime.members(of: cluster)
            let log = directory(of: member.place.dataDirectory) + "/etcd.log"
            #expect(try machine.text(of: log).utf8.count < 2000)
            #expect(try machine.text(of: log + ".1").contains("listen-client-urls"))
            try await runtime.stop("a", of: cluster, grace: .seconds(10))
            let rest = try machine.text(of: log)
            #expect(rest.contains("terminated") && !rest.contains("\0"))
        }
    }

    @Test("Last words are the errors of the last run, and what is no log line")
    func lastWords() async throws {
        try await Machine.run { machine in
            let log = MemberLog(path: machine.root + "/etcd.log", limit: 1000, kept: 1, disk: machine.disk)
            #expect(try log.lastWords().isEmpty)
            let old = #"{"level":"fatal","ts":"2026-01-01T00:00:00Z","caller":"etcd/main.go:1","msg":"of an earlier run"}"#
            try machine.write(old + "\n", to: log.path)
            try log.announce("/usr/bin/etcd --name a", at: Timestamp(seconds: 0))
            #expect(try log.lastWords().isEmpty)
            let lines = [
                #"{"level":"error","msg":"one"}"#, #"{"level":"info","msg":"quiet"}"#,
                #"{"level":"warn","msg":"two","error":"why"}"#, #"{"level":"fatal","msg":"three","error":"disk full"}"#,
                "panic: four", #"{"level":"error","msg":"five"}"#,
            ]
            try machine.write(try machine.text(of: log.path) + lines.joined(separator: "\n") + "\n", to: log.path)
            #expect(try log.lastWords() == ["three: disk full", "panic: four", "five"])

            // A line cut by the window's edge is left out.
            let filler = String(repeating: #"{"level":"info","msg":"filler"}"# + "\n", count: 4000)
            try machine.write("garbage" + filler + lines[5] + "\n", to: log.path)
            #expect(try log.lastWords() == ["five"])
        }
    }
}
