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
            ["resident memory, world included, MB", residentMegabytes().formatted(0), "< 150"],
        ]
        return table
    }
}

private func cpuSeconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

private func residentMegabytes() -> Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return (line.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
}
