internal import Glibc
internal import Platform
internal import Testing

@testable internal import Runtimes

/// Places, their ports, and what is refused; no engine runs here.
@Suite("Places", .timeLimit(.minutes(1)))
struct PlaceTests {
    @Test("Fifty members made at once by two controllers share no port, and keep what they were given")
    func concurrent() async throws {
        try await Machine.run { machine in
            let runtimes = [machine.runtime(), machine.runtime()]
            let places = try await withThrowingTaskGroup(of: MemberPlace.self) { group in
                for index in 0..<50 {
                    // Each member twice, once from each controller.
                    group.addTask {
                        let cluster = machine.cluster("c\(index % 5)")
                        return try await runtimes[index % 2].provision("m\(index % 25 / 5)", of: cluster)
                    }
                }
                return try await group.reduce(into: Set<MemberPlace>()) { $0.insert($1) }
            }
            #expect(places.count == 25)
            #expect(Set(places.flatMap { [$0.clientURL, $0.peerURL] }).count == 50)
            let ports = try machine.disk.list(machine.root + "/ports").compactMap { Int($0) }
            #expect(ports.count == 50 && ports.allSatisfy(machine.ports.contains))
        }
    }

    @Test("A port on which somebody listens is not given, and none left is an error that says so")
    func taken() async throws {
        let range = try freePorts(4)
        let listener = try Listener(port: range.lowerBound + 2)
        try await Machine.run(ports: range) { machine in
            let runtime = machine.runtime()
            let place = try await runtime.provision("a", of: machine.cluster("c"))
            #expect(!"\(place)".contains(":\(listener.port)\""))
            let error = await fails(.noPort) { try await runtime.provision("b", of: machine.cluster("c")) }
            #expect(error?.message.contains("\(range.lowerBound) to \(range.upperBound)") == true)
            // What could not be made is no member.
            #expect(try await runtime.members(of: machine.cluster("c")).map(\.place) == [place])
            _ = listener.port
        }
    }

    @Test("A reservation whose place is gone is free again; one that a restart of the machine wiped is renewed")
    func stale() async throws {
        // Two members.
        try await Machine.run(ports: try freePorts(4)) { machine in
            let cluster = machine.cluster("c")
            let first = try await machine.runtime().provision("a", of: cluster)
            try machine.disk.removeTree(machine.root + "/ports")
            let runtime = machine.runtime()
            #expect(try await runtime.members(of: cluster).map(\.place) == [first])
            let second = try await runtime.provision("b", of: cluster)
            #expect(Set([first.clientURL, first.peerURL, second.clientURL, second.peerURL]).count == 4)
            await fails(.noPort) { try await runtime.provision("c", of: cluster) }

            try machine.disk.removeTree(cluster.dataDirectory + "/a")
            let third = try await runtime.provision("c", of: cluster)
            #expect(Set([third.clientURL, third.peerURL]) == [first.clientURL, first.peerURL])
        }
    }

    @Test("Data of unknown origin is moved aside before a member gets its place")
    func unknownData() async throws {
        try await Machine.run { machine in
            let cluster = machine.cluster("c")
            try machine.write("precious", to: cluster.dataDirectory + "/a/data/member/snap/db")
            let runtime = machine.runtime()
            _ = try await runtime.provision("a", of: cluster)
            let removed = try machine.disk.list(cluster.dataDirectory + "/removed")
            #expect(removed.count == 1 && removed[0].hasPrefix("a-unknown-"))
            #expect(try machine.text(of: "\(cluster.dataDirectory)/removed/\(removed[0])/data/member/snap/db") == "precious")
            #expect(try await runtime.members(of: cluster)[0].data == .empty)
        }
    }

    @Test("A damaged record is an error, not a missing member")
    func damaged() async throws {
        try await Machine.run { machine in
            let cluster = machine.cluster("c")
            let runtime = machine.runtime()
            _ = try await runtime.provision("a", of: cluster)
            try machine.write("{\"name\": ", to: cluster.dataDirectory + "/a/place.json")
            await fails(.disk) { try await runtime.members(of: cluster) }
            await fails(.disk) { try await runtime.provision("a", of: cluster) }
        }
    }

    @Test(
        "Names and directories that would lead elsewhere are refused", arguments: ["", ".", "..", "a/b", ".a", "removed", "é"])
    func names(_ name: String) async throws {
        try await Machine.run { machine in
            await fails(.other) { try await machine.runtime().provision(name, of: machine.cluster("c")) }
        }
    }

    @Test("A cluster's directory is absolute and not the root", arguments: ["data", "", "/", "/a/.."])
    func directories(_ path: String) async throws {
        try await Machine.run { machine in
            var cluster = machine.cluster("c")
            cluster.dataDirectory = path
            await #expect(throws: RuntimeError.self) { try await machine.runtime().members(of: cluster) }
        }
    }

    @Test("Deleting a cluster's data leaves what is not a member's, and follows no link")
    func delete() async throws {
        try await Machine.run { machine in
            let cluster = machine.cluster("c")
            let runtime = machine.runtime()
            try machine.write("mine", to: machine.root + "/elsewhere/file")
            for name in ["a", "b"] { _ = try await runtime.provision(name, of: cluster) }
            #expect(unsafe symlink(machine.root + "/elsewhere", cluster.dataDirectory + "/a/link") == 0)
            _ = try await runtime.retire("b", of: cluster, label: "old")
            try machine.write("note", to: cluster.dataDirectory + "/README")
            try await runtime.deleteData(of: cluster)
            #expect(try machine.disk.list(cluster.dataDirectory) == ["README"])
            #expect(try machine.text(of: machine.root + "/elsewhere/file") == "mine")
            #expect(try machine.disk.list(machine.root + "/ports") == ["lock"])

            try machine.disk.remove(cluster.dataDirectory + "/README")
            try await runtime.deleteData(of: cluster)
            #expect(try machine.disk.stat(cluster.dataDirectory) == nil)
            try await runtime.deleteData(of: cluster)
        }
    }

    @Test("What has no place is neither started nor restored")
    func noPlace() async throws {
        try TestEngine.etcd34.require()
        try await Machine.run { machine in
            let runtime = machine.runtime()
            let cluster = machine.cluster("c")
            await fails(.refused) { try await runtime.start("a", of: cluster, with: options([])) }
            await fails(.refused) {
                try await runtime.fill("a", of: cluster, from: DataOrigin(source: "/x", token: "t")) { _, _ in "" }
            }
            try await runtime.stop("a", of: cluster, grace: .zero)
            #expect(try await runtime.members(of: cluster).isEmpty)
        }
    }
}
