internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// One key that ten thousand watch, on one member.
enum FanoutBenchmark: Benchmark {
    static let name = "fanout"

    private static let key = Array("/registry/benchmarks/default/watched".utf8)
    private static let connections = 10
    private static let watches = 10_000
    /// Puts in flight.
    private static let writers = 4

    private struct Figure {
        var rates: [Double] = []
        /// CPU seconds an event.
        var costs: [Double] = []
        var megabytes = 0.0

        var cells: [String] {
            [self.rates.median.formatted(0), (self.costs.median * 1e6).formatted(2), self.megabytes.formatted(0)]
        }
    }

    static func run(_ settings: Settings) async throws -> Table {
        try FileManager.default.createDirectory(atPath: settings.directory, withIntermediateDirectories: true)
        var (ours, theirs) = (Figure(), Figure())
        for _ in 0..<settings.rounds {
            try await self.measure(settings, .quorate, into: &ours)
            try await self.measure(settings, .etcd, into: &theirs)
        }
        var table = Table(
            title: "One key, \(self.watches) watches, 256-byte values, one member",
            columns: ["", "events/s", "CPU us", "MB"])
        table.rows = [["quorate"] + ours.cells, ["etcd 3.5"] + theirs.cells]
        let ratio = ours.rates.median / theirs.rates.median
        table.rows.append([
            "ratio", ratio.formatted(1) + "x", (ours.costs.median / theirs.costs.median).formatted(2) + "x",
            (ours.megabytes / theirs.megabytes).formatted(2) + "x",
        ])
        table.notes = [
            "\(self.connections) connections with one stream each; \(self.writers) puts in flight for \(settings.seconds) s,",
            "then until all is told. CPU: of the member, an event. Medians of \(settings.rounds) rounds in turns.",
            "MB: the most resident memory after a round.",
        ]
        return table
    }

    private static func measure(_ settings: Settings, _ engine: EtcdServer.Engine, into figure: inout Figure) async throws {
        let server = try await EtcdServer(settings, engine: engine)
        let readers = try (0..<self.connections).map { _ in
            try WatchReader(port: server.port, watches: self.watches / self.connections, of: self.key)
        }
        try await self.wait(readers) { readers.reduce(0) { $0 + $1.created } >= self.watches }
        let (start, before) = (ContinuousClock.now, server.cpuSeconds)
        let end = start + .seconds(settings.seconds)
        let (connection, request) = (server.connection, PutRequest(key: self.key, value: [UInt8](repeating: 0x76, count: 256)))
        let puts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<self.writers {
                group.addTask {
                    var count = 0
                    while ContinuousClock.now < end {
                        _ = try await connection.put(request)
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        let expected = puts * self.watches
        try await self.wait(readers) { readers.reduce(0) { $0 + $1.events } >= expected }
        figure.rates.append(Double(expected) / (ContinuousClock.now - start).seconds)
        figure.costs.append((server.cpuSeconds - before) / Double(expected))
        figure.megabytes = max(figure.megabytes, server.residentMegabytes)
        for reader in readers { reader.end() }
        await server.stop()
    }

    /// Until it is so; there may be much still to be told.
    private static func wait(_ readers: [WatchReader], until isSo: () -> Bool) async throws {
        let start = ContinuousClock.now
        while !isSo() {
            guard readers.allSatisfy(\.isOpen), ContinuousClock.now - start < .seconds(300) else {
                throw Failure("the watches were not told all")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}
