internal import EmbeddedStore
internal import EtcdWire
internal import Foundation

/// Durable puts per second: the embedded store, and one etcd member on the same disk, in turns.
enum PutBenchmark: Benchmark {
    static let name = "puts"

    private static let value = [UInt8](repeating: 0x76, count: 256)
    private static let request = PutRequest(key: Array("/registry/benchmarks/default/k1".utf8), value: Self.value)

    private struct Figure {
        var rates: [Double] = []
        var latencies: [Double] = []
    }

    static func run(_ settings: Settings) async throws -> Table {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/h2load") else {
            throw Failure("puts needs h2load (Debian: nghttp2-client)")
        }
        try FileManager.default.createDirectory(atPath: settings.directory, withIntermediateDirectories: true)
        let body = settings.directory + "/put.bin"
        try Data(gRPCFrame(self.request.encoded())).write(to: URL(fileURLWithPath: body))
        let etcd = try await EtcdServer(settings)
        var mine = [Int: Figure]()
        var theirs = [Int: [Int: [Double]]]()
        for _ in 0..<settings.rounds {
            for count in settings.writers {
                try await self.measure(count, settings, into: &mine[count, default: Figure()])
                for streams in self.splits(of: count) {
                    let rate = try await etcd.puts(
                        body, connections: count / streams, streams: streams, seconds: settings.seconds)
                    theirs[count, default: [:]][streams, default: []].append(rate)
                }
            }
        }
        await etcd.stop()

        var table = Table(
            title: "Durable puts per second, 256-byte values, one member",
            columns: ["writers", "embedded/s", "p50 ms", "p99 ms", "etcd 3.5/s", "ratio"])
        for count in settings.writers {
            let figure = mine[count, default: Figure()]
            let (rate, other) = (figure.rates.median, theirs[count, default: [:]].values.map(\.median).max() ?? 0)
            table.rows.append([
                "\(count)", rate.formatted(0), figure.latencies.quantile(0.5).milliseconds,
                figure.latencies.quantile(0.99).milliseconds, other.formatted(0), (rate / other).formatted(1),
            ])
        }
        table.notes = [
            "Medians of \(settings.rounds) rounds in turns, on one disk. embedded: tasks that put to own keys and wait.",
            "etcd: as many requests in flight from h2load, over the best split into connections and streams.",
        ]
        return table
    }

    /// Streams on each connection, so that all of them together are as many as the writers.
    private static func splits(of writers: Int) -> [Int] {
        [1, 4, 16].filter { writers % $0 == 0 && ($0 == 1 || writers >= 4 * $0) }
    }

    private static func measure(_ writers: Int, _ settings: Settings, into figure: inout Figure) async throws {
        let directory = settings.directory + "/embedded"
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let store = try await EmbeddedStore.open(directory: directory)
        let seconds = settings.seconds
        let start = ContinuousClock.now
        let latencies = try await withThrowingTaskGroup(of: [Double].self) { group in
            for writer in 0..<writers {
                group.addTask { try await self.write(to: store, as: writer, for: seconds) }
            }
            var all: [Double] = []
            for try await latencies in group { all += latencies }
            return all
        }
        figure.rates.append(Double(latencies.count) / (ContinuousClock.now - start).seconds)
        figure.latencies += latencies
        try await store.close()
        try FileManager.default.removeItem(atPath: directory)
    }

    private static func write(to store: EmbeddedStore, as writer: Int, for seconds: Double) async throws -> [Double] {
        var latencies: [Double] = []
        var moment = ContinuousClock.now
        let end = moment + .seconds(seconds)
        while moment < end {
            let key = Array("/registry/benchmarks/\(writer)/k\(latencies.count % 1000)".utf8)
            _ = try await store.put(PutRequest(key: key, value: self.value))
            let now = ContinuousClock.now
            latencies.append((now - moment).seconds)
            moment = now
        }
        return latencies
    }
}
