internal import ArgumentParser
internal import Glibc
internal import Platform
internal import Simulation

#if QUORATE_PLANTED_BUGS
    internal import EtcdWire
#endif

/// Runs simulated clusters of members, each from a seed.
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate clusters of members from seeds, with everything going wrong that can.",
        discussion: """
            Whole members (consensus, log, database, store, watches) run on simulated disks and a simulated network, in \
            virtual time. A seed decides everything: the same seed gives the same run and the same trace, on any machine.

            Examples:
              quorate simulate --seed 42
              quorate simulate --seed 1 --count 1000 --quiet
              quorate simulate --seed 1 --seconds 480 --quiet --ledger reliability/ledger.ndjson
              quorate simulate --controller
            """)

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, one after another.")
    var count: UInt64?

    @Option(help: "Go on with further seeds for so many seconds.")
    var seconds: Int64?

    @Flag(help: "Print only runs that broke a promise, and the sum.")
    var quiet = false

    @Flag(help: "End with the first run that broke a promise.")
    var first = false

    @Option(help: "Append what came of all runs to this file, as a line of JSON.")
    var ledger: String?

    @Option(help: "What the ledger's line says was run.")
    var commit = ""

    @Flag(help: "Let members not sync their logs, to see that it is found out.")
    var withoutSync = false

    @Flag(help: "Instead of members, run the controller: each effect of each scenario meets each fault.")
    var controller = false

    #if QUORATE_PLANTED_BUGS
        @Option(help: "The mistake that all members make; without, none.")
        var bug: String?
    #endif

    func run() async throws {
        if self.controller { return try await self.sweep() }
        let clock = SystemClock()
        let begin = clock.uptime()
        var sum = Sum(seed: self.seed)
        func goesOn() -> Bool {
            if self.first, !sum.failed.isEmpty { return false }
            if let seconds { return sum.seeds < self.count ?? .max && clock.uptime() - begin < .seconds(seconds) }
            return sum.seeds < max(1, self.count ?? 1)
        }
        while goesOn() {
            let report = MemberSimulation.run(try self.options(self.seed &+ sum.seeds))
            if !self.quiet || !report.violations.isEmpty { Terminal.write("\(report)\n", to: STDOUT_FILENO) }
            sum.add(report)
        }
        let taken = (clock.uptime() - begin).components.seconds
        if sum.seeds > 1 { Terminal.write("\(sum.description(after: taken))\n", to: STDOUT_FILENO) }
        if let ledger { try self.append(sum.line(clock.now(), self.commit, taken), to: ledger) }
        guard sum.failed.isEmpty else {
            let again = sum.failed.prefix(10).map { "quorate simulate --seed \($0)" }.joined(separator: "\n  ")
            throw CommandError(
                .failed, "\(sum.failed.count) of \(sum.seeds) runs broke a promise; to see them again:\n  \(again)")
        }
    }

    private func sweep() async throws {
        let outcome = await FaultSweep.everything()
        for failure in outcome.failures { Terminal.write("\(failure)\n", to: STDOUT_FILENO) }
        guard outcome.failures.isEmpty else {
            throw CommandError(.failed, "\(outcome.failures.count) promises were broken in \(outcome.runs) runs")
        }
        Terminal.write("\(outcome.runs) runs of the controller, each with a fault: all end as they should\n", to: STDOUT_FILENO)
    }

    private func options(_ seed: UInt64) throws -> MemberSimulation.Options {
        var options = MemberSimulation.Options(seed: seed)
        options.syncs = !self.withoutSync
        #if QUORATE_PLANTED_BUGS
            if let bug {
                guard let planted = PlantedBug(rawValue: bug) else {
                    let names = PlantedBug.allCases.map(\.rawValue).joined(separator: "\n  ")
                    throw CommandError(.usage, "--bug: one of\n  \(names)")
                }
                options.bug = planted
            }
        #endif
        return options
    }

    private func append(_ line: String, to path: String) throws {
        do throws(DiskError) {
            let file = try RealDisk().open(path, .create)
            try file.write(Array("\(line)\n".utf8), at: try file.size())
            try file.close()
        } catch {
            throw CommandError(.failed, "\(error)")
        }
    }
}

/// What came of many runs.
private struct Sum {
    let seed: UInt64
    var seeds: UInt64 = 0
    var failed: [UInt64] = []
    var virtual = Duration.zero
    var (requests, crashes, undecided) = (0, 0, 0)

    init(seed: UInt64) {
        self.seed = seed
    }

    mutating func add(_ report: MemberSimulation.Report) {
        self.seeds += 1
        if !report.violations.isEmpty { self.failed.append(report.seed) }
        self.virtual += report.virtual
        self.requests += report.requests
        self.crashes += report.crashes
        self.undecided += report.undecided
    }

    private var virtualSeconds: Int64 { self.virtual.components.seconds }

    func description(after seconds: Int64) -> String {
        "\(self.seeds) seeds, \(self.failed.count) failed, \(self.undecided) undecided: \(self.virtualSeconds) s of virtual "
            + "time, \(self.requests) requests and \(self.crashes) crashes in \(seconds) s"
    }

    func line(_ date: Timestamp, _ commit: String, _ seconds: Int64) -> String {
        let whole = Timestamp(seconds: date.seconds)
        return "{\"date\":\"\(whole)\",\"commit\":\"\(commit)\",\"seed\":\(self.seed),\"seeds\":\(self.seeds),"
            + "\"failures\":\(self.failed.count),\"undecided\":\(self.undecided),"
            + "\"simulatedSeconds\":\(self.virtualSeconds),\"requests\":\(self.requests),\"crashes\":\(self.crashes),"
            + "\"seconds\":\(seconds)}"
    }
}
