internal import Foundation

/// A million keys in one member: the memory they take, and how long it takes to start again on them.
enum MillionBenchmark: Benchmark {
    static let name = "million"

    private static let keys = 1_000_000

    private struct Figure {
        var filled: Double
        var restart: [Double] = []
        var restarted = 0.0

        var cells: [String] {
            [self.filled.formatted(0), self.restart.median.formatted(2), self.restarted.formatted(0)]
        }
    }

    static func run(_ settings: Settings) async throws -> Table {
        try FileManager.default.createDirectory(atPath: settings.directory, withIntermediateDirectories: true)
        let ours = try await self.measure(settings, .quorate)
        let theirs = try await self.measure(settings, .etcd)
        var table = Table(
            title: "A million keys with 256-byte values, one member",
            columns: ["", "MB, written", "restart s", "MB, restarted"])
        table.rows = [["quorate"] + ours.cells, ["etcd 3.5"] + theirs.cells]
        table.rows.append([
            "ratio", (ours.filled / theirs.filled).formatted(2) + "x",
            (ours.restart.median / theirs.restart.median).formatted(2) + "x",
            (ours.restarted / theirs.restarted).formatted(2) + "x",
        ])
        table.notes = [
            "MB: resident memory, pages of the database that are mapped and in use included.",
            "restart: from the start of the process to the first linearizable answer; median of \(settings.rounds).",
        ]
        return table
    }

    private static func measure(_ settings: Settings, _ engine: EtcdServer.Engine) async throws -> Figure {
        let server = try await EtcdServer(settings, engine: engine)
        try await server.fill(keys: self.keys, value: 256)
        var figure = Figure(filled: server.residentMegabytes)
        for _ in 0..<settings.rounds {
            server.end()
            let start = ContinuousClock.now
            try await server.start()
            figure.restart.append((ContinuousClock.now - start).seconds)
        }
        figure.restarted = server.residentMegabytes
        await server.stop()
        return figure
    }
}
