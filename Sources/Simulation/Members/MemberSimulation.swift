internal import EtcdWire
internal import Member
internal import Platform

/// A cluster of whole members from a seed: consensus, log, database, store and watches as they ship, on simulated disks and a
/// simulated network, with clients, crashes, partitions and pauses. The same seed gives the same run, step by step.
///
/// It has three parts: chaos, in which whatever is promised must hold; then everything is mended, and the cluster has to
/// answer; then all members must be alike, and what clients saw and what watches told must fit what is stored.
public struct MemberSimulation {
    /// What can happen, and how much of it.
    public struct Options: Sendable, Hashable {
        public var seed: UInt64
        public var members: Int
        public var clients = 4
        /// Virtual time of the chaos.
        public var chaos: Duration = .seconds(20)
        /// Whether members sync their logs. Without it the simulation must fail: that is how it is known to look.
        public var syncs = true

        public init(seed: UInt64) {
            self.seed = seed
            var random = SeededRandom(seed: seed)
            self.members = random.chance(0.2) ? 1 : random.chance(0.25) ? 5 : 3
        }
    }

    /// What came of it.
    public struct Report: Sendable, Hashable, CustomStringConvertible {
        public var seed: UInt64
        public var members = 0
        /// What was promised and not kept; empty when all is well.
        public var violations: [String] = []
        /// The same for the same seed, whatever the machine.
        public var trace: UInt64 = 0
        public var requests = 0
        public var acknowledged = 0
        public var crashes = 0
        public var snapshotsSent = 0
        public var leaders = 0
        public var revision: Int64 = 0
        /// Histories whose check was given up.
        public var undecided = 0

        public var description: String {
            let found = self.violations.isEmpty ? "ok" : self.violations.joined(separator: "\n  ")
            return "seed \(self.seed): \(self.members) members, \(self.requests) requests (\(self.acknowledged) acknowledged), "
                + "\(self.leaders) leaders, \(self.crashes) crashes, \(self.snapshotsSent) snapshots sent, revision "
                + "\(self.revision), trace \(String(self.trace, radix: 16)): \(found)"
        }
    }

    private var cluster: SimulatedCluster
    private var faults: MemberFaults
    private var clients: MemberClients

    private init(_ options: Options) {
        self.cluster = SimulatedCluster(options)
        self.faults = MemberFaults(seed: options.seed ^ 0xFA17)
        self.clients = MemberClients(options)
    }

    /// Runs one simulation to its end.
    public static func run(_ options: Options) -> Report {
        var simulation = MemberSimulation(options)
        simulation.run(options)
        return simulation.report(options)
    }

    private mutating func run(_ options: Options) {
        while self.cluster.now < options.chaos, self.cluster.violations.isEmpty {
            self.faults.act(on: &self.cluster)
            self.clients.act(on: &self.cluster)
            self.cluster.step()
            self.clients.take(from: &self.cluster)
        }
        guard self.cluster.violations.isEmpty else { return }
        self.cluster.mend()
        self.clients.heal(&self.cluster)
    }

    private mutating func report(_ options: Options) -> Report {
        var report = Report(seed: options.seed)
        report.members = options.members
        report.violations = self.cluster.violations
        if report.violations.isEmpty { self.cluster.compareMembers(&report) }
        if report.violations.isEmpty { self.clients.check(self.cluster, &report) }
        (report.requests, report.acknowledged) = (self.clients.requests, self.clients.acknowledged)
        (report.crashes, report.snapshotsSent) = (self.cluster.crashes, self.cluster.snapshotsSent)
        (report.leaders, report.trace) = (self.cluster.leaders.count, self.cluster.trace.value)
        return report
    }
}

/// A hash of all that happened, in its order.
struct Trace {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func note(_ words: UInt64...) {
        for word in words {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                self.value = (self.value ^ (word >> shift & 0xFF)) &* 0x100_0000_01B3
            }
        }
    }
}
