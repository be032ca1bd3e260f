import EtcdClient
import EtcdWire
import TestSupport
import Testing

/// What clients do costs a member no more memory than its limits say, whatever they do.
@Suite("Bounded memory", .serialized)
struct MemoryTests {
    private static let megabyte = 1 << 20

    /// What a watch may cost, its key of a few bytes included: its entries in the tables of its stream, the member and the
    /// store, and the event that waits for it.
    private static let bytesOfWatch = 1024

    @Test("Watchers by the thousand", .timeLimit(.minutes(10)))
    func watchers() async throws {
        let count = Environment.number("QUORATE_CHAOS_WATCHERS") ?? 5000
        let perStream = 1000
        let cluster = try await ChaosCluster([.ours])
        let member = cluster.members[0]
        let connection = cluster.patientConnection(to: 0)
        let before = try member.memory()
        let streams = try await onThread {
            try (0..<(count / perStream)).map { number in
                let stream = try RawWatchStream(to: member.clientPort)
                for watch in 0..<perStream {
                    // Half of them watch one key, and half a range of their own.
                    let own = Array("\(number * perStream + watch)/".utf8)
                    let isShared = watch % 2 == 0
                    try stream.watch(WatchCreateRequest(key: isShared ? [1] : own, rangeEnd: isShared ? [] : own + [255]))
                }
                try stream.read(created: perStream, events: 0)
                return stream
            }
        }
        let created = try member.memory()
        for round in 1...5 {
            _ = try await connection.put(PutRequest(key: [1], value: [UInt8(round)]))
            try await onThread {
                for stream in streams { try stream.read(created: perStream, events: perStream / 2 * round) }
            }
        }
        let told = try member.memory()
        let text = "\(count) watchers: \(before >> 10) KiB before, \(created >> 10) with them, \(told >> 10) after five events"
        if Environment.number("QUORATE_CHAOS_WATCHERS") != nil { print(text) }
        #expect(max(created, told) < before + count * Self.bytesOfWatch + 8 * Self.megabyte, "\(text)")
        await cluster.stop()
    }

    /// A stream's bytes that wait turn its watches off at the high mark of 1 MiB; up to 256 KiB stand before the socket. On top
    /// may come the events of one batch, of 1 MiB here, and what buffers grow by.
    private static let bytesOfReader = 4 * Self.megabyte

    @Test("Readers that stop reading", .timeLimit(.minutes(10)), arguments: [false, true])
    func readers(_ readsLittle: Bool) async throws {
        let rounds = Environment.number("QUORATE_CHAOS_WRITES") ?? 160
        let readers = 30
        // Two members with the same writes: what the one needs more is the readers' doing.
        let cluster = try await ChaosCluster([.ours])
        let other = try await ChaosCluster([.ours])
        let port = cluster.members[0].clientPort
        let streams = try await onThread {
            try (0..<readers).map { _ in
                let stream = try RawWatchStream(to: port, readsLittle: readsLittle)
                try stream.watch(WatchCreateRequest(key: [0], rangeEnd: [0]))
                try stream.read(created: 1, events: 0)
                return stream
            }
        }
        let value = [UInt8](repeating: 7, count: 256 << 10)
        for cluster in [cluster, other] {
            let connection = cluster.patientConnection(to: 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<4 {
                    group.addTask {
                        for round in 0..<(rounds / 4) {
                            _ = try await connection.put(PutRequest(key: [UInt8(client), UInt8(round & 7)], value: value))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let (with, without) = (try cluster.members[0].memory(), try other.members[0].memory())
        let sent = rounds / 4 * 4 * value.count
        let text =
            "\(readers) readers that stop, \(sent >> 10) KiB written: \(with >> 10) KiB, and \(without >> 10) without them"
        if Environment.number("QUORATE_CHAOS_WRITES") != nil { print(text) }
        // The members' logs, kept in memory, differ by what the allocator makes of them.
        let bound = readers * Self.bytesOfReader + sent
        precondition(readers * sent > 4 * bound, "so little is written that the test could not fail")
        #expect(with < without + bound, "\(text)")
        // And they go on where they stopped: one may tell for all.
        if !readsLittle { try await onThread { try streams[0].read(created: 1, events: rounds / 4 * 4) } }
        await cluster.stop()
        await other.stop()
    }
}

extension ChaosMember {
    /// Bytes of memory that are its own: files that it maps are not among them.
    func memory() throws -> Int {
        let status = TemporaryDirectory.readText("/proc/\(self.pid ?? 0)/status")
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") }),
            let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { throw TestSupportError("no memory of \(self.name) in: \(status)") }
        return kilobytes << 10
    }
}
