internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// A data directory rebuilt from nothing but a write-ahead log.
enum ReplayBenchmark: Benchmark {
    static let name = "replay"
    /// Small puts in the log.
    private static let entries = 600_000

    static func run(_ settings: Settings) async throws -> Table {
        let quorate = try settings.quorate()
        try FileManager.default.createDirectory(atPath: settings.directory, withIntermediateDirectories: true)
        let etcd = try await EtcdServer(settings, options: ["--snapshot-count=100000000", "--max-wals=0"])
        let body = settings.directory + "/small-put.bin"
        try Data(gRPCFrame(PutRequest(key: Array("k0000001".utf8), value: Array("v".utf8)).encoded()))
            .write(to: URL(fileURLWithPath: body))
        while try await etcd.revision() < Self.entries {
            _ = try await etcd.puts(body, connections: 32, streams: 16, seconds: 5)
        }
        let revision = try await etcd.revision()
        await etcd.stop(keepingData: true)
        defer { etcd.removeData() }

        let out = settings.directory + "/replayed"
        var costs: [Cost] = []
        for _ in 0..<settings.rounds {
            for path in [out, out + ".report.json"] { try? FileManager.default.removeItem(atPath: path) }
            costs.append(
                try measured(
                    quorate, ["restore", "--from", etcd.dataDirectory + "/member/wal", "--data-dir", out]))
        }
        try? FileManager.default.removeItem(atPath: out)
        let rate = Double(revision) / costs.map(\.seconds).median
        var table = Table(
            title: "\(revision) small puts restored from a write-ahead log alone",
            columns: ["", "median s", "CPU s", "peak MB", "entries/s", "goal"])
        table.rows = [["quorate restore"] + costs.cells + [rate.formatted(0), ">= 300000"]]
        table.notes = ["The log is etcd 3.5's; the time is that of the whole command, database written and synced."]
        return table
    }
}
