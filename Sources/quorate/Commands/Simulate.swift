internal import ArgumentParser
internal import Glibc
internal import Simulation

/// Runs simulated clusters of members, each from a seed.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate clusters of members from seeds, with everything going wrong that can.",
        discussion: """
            Whole members (consensus, log, database, store, watches) run on simulated disks and a simulated network, in \
            virtual time. A seed decides everything: the same seed gives the same run and the same trace, on any machine.

            Examples:
              quorate simulate --seed 42
              quorate simulate --seed 1 --count 1000
            """)

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, one after another.")
    var count: UInt64 = 1

    @Flag(help: "Let members not sync their logs, to see that it is found out.")
    var withoutSync = false

    func run() throws {
        var failed: [UInt64] = []
        for seed in self.seed..<self.seed + max(1, self.count) {
            var options = MemberSimulation.Options(seed: seed)
            options.syncs = !self.withoutSync
            let report = MemberSimulation.run(options)
            Terminal.write("\(report)\n", to: STDOUT_FILENO)
            if !report.violations.isEmpty { failed.append(seed) }
        }
        guard failed.isEmpty else {
            let again = failed.map { "quorate simulate --seed \($0)" }.joined(separator: "\n  ")
            throw CommandError(
                .failed, "\(failed.count) of \(max(1, self.count)) runs broke a promise; to see them again:\n  \(again)")
        }
    }
}
