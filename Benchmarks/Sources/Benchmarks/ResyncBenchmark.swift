internal import Foundation
internal import Simulation

/// The cost of looking once at each of 200 clusters that need nothing.
enum ResyncBenchmark: Benchmark {
    static let name = "resync"
    static let clusters = 200

    static func run(_ settings: Settings) async throws -> Table {
        var runner = Runner()
        for index in 0..<self.clusters {
            guard await runner.settle("cluster-\(index)", replicas: 3) else { throw Failure("a cluster did not settle") }
        }
        var times: [Double] = []
        for _ in 0..<settings.rounds {
            let before = cpuSeconds()
            for index in 0..<self.clusters { _ = await runner.turn("cluster-\(index)") }
            times.append(cpuSeconds() - before)
        }
        var table = Table(
            title: "Full resync of \(self.clusters) clusters of three, simulated world",
            columns: ["", "median", "goal"])
        table.rows = [
            ["CPU of one resync, s", times.median.formatted(3), "< 1"],
            ["resident memory, world included, MB", residentMegabytes(of: "self").formatted(0), "< 150"],
        ]
        return table
    }
}

/// CPU time of this process, as POSIX counts it: a million a second.
private func cpuSeconds() -> Double { Double(clock()) / 1e6 }
