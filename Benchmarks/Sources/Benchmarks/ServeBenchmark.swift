internal import EtcdWire
internal import Foundation

/// One member that serves.
enum ServeBenchmark: Benchmark {
    static let name = "serve"

    static func run(_ settings: Settings) async throws -> Table {
        let puts = [(1, 1), (8, 1), (64, 1), (64, 4), (50, 20), (1000, 1)]
        return try await ServeComparison.run(settings, members: 1, puts: puts, ranges: [(1, 1), (64, 4), (50, 20)])
    }
}

/// Three members on one machine, the load on the leader.
enum ServeThreeBenchmark: Benchmark {
    static let name = "serve3"

    static func run(_ settings: Settings) async throws -> Table {
        let puts = [(1, 1), (8, 1), (64, 1), (64, 4), (50, 20)]
        return try await ServeComparison.run(settings, members: 3, puts: puts, ranges: [(64, 4), (50, 20)])
    }
}

/// Clusters that serve: ours and etcd's, beside each other on one disk, loaded in turns by the same generator.
private enum ServeComparison {
    typealias InFlight = (connections: Int, streams: Int)

    private static let key = Array("/registry/benchmarks/default/k1".utf8)

    /// A request and how many of it are in flight.
    private struct Row {
        var title: String
        var method: String
        var body: String
        var connections: Int
        var streams: Int
    }

    private struct Figure {
        var rates: [Double] = []
        var tails: [Double] = []
        var costs: [Double] = []

        /// Requests a second, the 99th of a hundred in ms, and CPU in microseconds a request; medians.
        var cells: [String] {
            [self.rates.median.formatted(0), self.tails.median.milliseconds, (self.costs.median * 1e6).formatted(1)]
        }
    }

    static func run(_ settings: Settings, members: Int, puts: [InFlight], ranges: [InFlight]) async throws -> Table {
        try FileManager.default.createDirectory(atPath: settings.directory, withIntermediateDirectories: true)
        let rows = try self.rows(settings, puts, ranges)
        let ours = try await EtcdServer(settings, engine: .quorate, members: members)
        let theirs = try await EtcdServer(settings, engine: .etcd, members: members)
        var figures = [(ours: Figure, theirs: Figure)](repeating: (Figure(), Figure()), count: rows.count)
        for round in 0..<settings.rounds {
            for (index, row) in rows.enumerated() {
                // Who goes first changes, so that neither always finds the machine as the other left it.
                if round % 2 == 0 { try await self.measure(row, theirs, settings, into: &figures[index].theirs) }
                try await self.measure(row, ours, settings, into: &figures[index].ours)
                if round % 2 == 1 { try await self.measure(row, theirs, settings, into: &figures[index].theirs) }
            }
        }
        let memory = [ours, theirs].map { $0.residentMegabytes.formatted(0) }
        await ours.stop()
        await theirs.stop()

        var table = Table(
            title: "\(members == 1 ? "One member" : "\(members) members"), 256-byte values, durable",
            columns: ["request", "quorate/s", "p99 ms", "CPU us", "etcd 3.5/s", "p99 ms", "CPU us", "rate", "CPU"])
        for (row, figure) in zip(rows, figures) {
            let rate = figure.ours.rates.median / figure.theirs.rates.median
            let cost = figure.ours.costs.median / figure.theirs.costs.median
            table.rows.append(
                ["\(row.title) \(row.connections) x \(row.streams)"] + figure.ours.cells + figure.theirs.cells
                    + [rate.formatted(1) + "x", cost.formatted(2) + "x"])
        }
        table.notes = [
            "Connections x streams in flight; medians of \(settings.rounds) rounds in turns, \(settings.seconds) s each.",
            "CPU: user and system time of all members a request. Memory at the end: \(memory[0]) MB and \(memory[1]) MB.",
        ]
        return table
    }

    private static func rows(_ settings: Settings, _ puts: [InFlight], _ ranges: [InFlight]) throws -> [Row] {
        let requests: [(String, String, [UInt8], [InFlight])] = [
            ("put", "KV/Put", PutRequest(key: self.key, value: [UInt8](repeating: 0x76, count: 256)).encoded(), puts),
            ("range, linearizable", "KV/Range", RangeRequest(key: self.key).encoded(), ranges),
            ("range, serializable", "KV/Range", RangeRequest(key: self.key, serializable: true).encoded(), ranges),
        ]
        return try requests.enumerated().flatMap { index, request in
            let body = "\(settings.directory)/request\(index).bin"
            try Data(gRPCFrame(request.2)).write(to: URL(fileURLWithPath: body))
            return request.3.map { Row(title: request.0, method: request.1, body: body, connections: $0.0, streams: $0.1) }
        }
    }

    private static func measure(
        _ row: Row, _ server: EtcdServer, _ settings: Settings, into figure: inout Figure
    ) async throws {
        let (revision, before) = (try await server.revision(), server.cpuSeconds)
        let load = try server.load(
            row.method, body: row.body, connections: row.connections, streams: row.streams, seconds: settings.seconds)
        figure.costs.append((server.cpuSeconds - before) / Double(load.latencies.count))
        // A refusal is an answer with status 200 too: only what was written counts.
        let written = try await server.revision() - revision
        guard row.method != "KV/Put" || written >= load.latencies.count else {
            throw Failure("\(row.title) \(row.connections) x \(row.streams): \(load.latencies.count) answers, \(written) puts")
        }
        figure.rates.append(load.rate)
        figure.tails.append(load.latencies.quantile(0.99))
    }
}
