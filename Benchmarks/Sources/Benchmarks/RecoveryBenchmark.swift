internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// `verify` and `restore` of a large snapshot, against etcdutl's `snapshot status` and `snapshot restore`.
enum RecoveryBenchmark: Benchmark {
    static let name = "recovery"

    static func run(_ settings: Settings) async throws -> Table {
        let quorate = try settings.quorate()
        let etcdutl = settings.etcd + "/etcdutl"
        try FileManager.default.createDirectory(atPath: settings.directory, withIntermediateDirectories: true)
        let file = settings.directory + "/large.db"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let bytes = try await self.snapshot(settings, into: file)
        let out = settings.directory + "/restored"
        let runs: [(String, String, [String])] = [
            ("etcdutl snapshot status", etcdutl, ["snapshot", "status", file]),
            ("quorate verify", quorate, ["verify", file]),
            ("etcdutl snapshot restore", etcdutl, ["snapshot", "restore", file, "--data-dir", out]),
            ("quorate restore", quorate, ["restore", "--from", file, "--data-dir", out]),
        ]
        var costs = [[Cost]](repeating: [], count: runs.count)
        for _ in 0..<settings.rounds {
            for (index, run) in runs.enumerated() {
                for left in try FileManager.default.contentsOfDirectory(atPath: settings.directory)
                where left.hasPrefix("restored") {
                    try FileManager.default.removeItem(atPath: settings.directory + "/" + left)
                }
                costs[index].append(try measured(run.1, run.2))
            }
        }
        try? FileManager.default.removeItem(atPath: out)
        var table = Table(
            title: "A snapshot of \((Double(bytes) / 1e9).formatted(2)) GB",
            columns: ["", "median s", "CPU s", "peak MB", "ratio"])
        for (index, run) in runs.enumerated() {
            let ratio = costs[index].map(\.seconds).median / costs[index & ~1].map(\.seconds).median
            table.rows.append([run.0] + costs[index].cells + [ratio.formatted(2)])
        }
        table.notes = [
            "In turns, \(settings.rounds) rounds, one disk, files as the last run left them in the page cache.",
            "Made by etcd 3.5: 1 KiB values. verify reads every page, checks every row and hashes; restore also rewrites and",
            "syncs the copy.",
        ]
        return table
    }

    /// A snapshot of a one-member etcd, filled to at least `settings.gigabytes`. Returns its size.
    private static func snapshot(_ settings: Settings, into file: String) async throws -> Int64 {
        let etcd = try await EtcdServer(settings, options: ["--quota-backend-bytes=8589934592"])
        let keys = Int(settings.gigabytes * 1e9 / 1280)
        try await etcd.fill(keys: keys, value: 1024)
        let bytes = try await etcd.snapshot(into: file)
        await etcd.stop()
        return bytes
    }
}
