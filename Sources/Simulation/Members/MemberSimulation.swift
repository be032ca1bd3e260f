#if QUORATE_PLANTED_BUGS
    public import EtcdWire
#else
    internal import EtcdWire
#endif
internal import Member
internal import Platform

/// A cluster of whole members from a seed: consensus, log, database, store and watches as they ship, on simulated disks and a
/// simulated network, with clients, crashes, partitions and pauses. The same seed gives the same run, step by step.
///
/// It has three parts: chaos, in which whatever is promised must hold; then everything is mended, and the cluster has to
/// answer; then all members must be alike, and what clients saw and what watches told must fit what is stored.
///
/// What is looked at, and by whom:
/// - One leader a term, and neither term nor commit goes back: `SimulatedCluster`, after every turn.
/// - What is said is durable: acknowledged entries and given votes on the member's own disk before the message leaves, and
///   whatever a client or a watch is told on the disks of a quorum: `DurableLog`, which reads the disks.
/// - Reads are linearizable, revisions never go back: `RevisionChecker` and `LinearizabilityChecker` on what clients saw.
/// - Watches are ordered, unique, whole and resumable across members: `WatchChecker`; and tell everything in the end.
/// - Leases keep their time, by a clock that no member has, and take their keys with them: `MemberLeases`.
/// - All members hold the same: `HashKV` at the end; and every page of their databases is as it should be.
/// - Once everything works, each member carries out a put, and all catch up, within 15 s.
/// - The same seed gives the same trace: compared by the tests.
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
        /// Whether clients hold leases, in place of those that write and read.
        public var holdsLeases: Bool
        #if QUORATE_PLANTED_BUGS
            /// A mistake that all members make.
            public var bug: PlantedBug?
        #endif

        public init(seed: UInt64) {
            self.seed = seed
            var random = SeededRandom(seed: seed)
            self.members = random.chance(0.2) ? 1 : random.chance(0.25) ? 5 : 3
            self.holdsLeases = random.chance(0.15)
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
        /// How often a member ended because its disk was full, or a sync failed.
        public var diskFailures = 0
        public var snapshotsSent = 0
        public var leaders = 0
        public var revision: Int64 = 0
        /// How long the cluster ran by its own clocks.
        public var virtual = Duration.zero
        /// Histories whose check was given up.
        public var undecided = 0

        public var description: String {
            let found = self.violations.isEmpty ? "ok" : self.violations.joined(separator: "\n  ")
            return "seed \(self.seed): \(self.members) members, \(self.requests) requests (\(self.acknowledged) acknowledged), "
                + "\(self.leaders) leaders, \(self.crashes) crashes, \(self.diskFailures) disk failures, \(self.snapshotsSent) "
                + "snapshots sent, revision \(self.revision), trace \(String(self.trace, radix: 16)): \(found)"
        }
    }

    private var cluster: SimulatedCluster
    private var faults: MemberFaults
    private var clients: MemberClients
    /// Where there are any.
    private var leases: MemberLeases?

    private init(_ options: Options) {
        self.cluster = SimulatedCluster(options)
        self.faults = MemberFaults(seed: options.seed ^ 0xFA17)
        self.clients = MemberClients(options)
        if options.holdsLeases { self.leases = MemberLeases(seed: options.seed ^ 0x1EA5) }
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
            if self.leases == nil { self.clients.act(on: &self.cluster) } else { self.leases?.act(on: &self.cluster) }
            self.cluster.step()
            self.clients.take(from: &self.cluster)
            self.leases?.take(from: &self.cluster)
        }
        guard self.cluster.violations.isEmpty else { return }
        self.cluster.mend()
        self.leases?.settle(&self.cluster)
        self.clients.heal(&self.cluster)
    }

    private mutating func report(_ options: Options) -> Report {
        var report = Report(seed: options.seed)
        report.members = options.members
        report.violations = self.cluster.violations
        if report.violations.isEmpty { self.cluster.compareMembers(&report) }
        if report.violations.isEmpty { self.clients.check(self.cluster, isAlone: self.leases == nil, &report) }
        let events = self.clients.allEvents
        if report.violations.isEmpty, !events.isEmpty { self.leases?.check(events, &report) }
        (report.requests, report.acknowledged) = (self.clients.requests, self.clients.acknowledged)
        (report.crashes, report.snapshotsSent) = (self.cluster.crashes, self.cluster.snapshotsSent)
        report.diskFailures = self.cluster.diskFailures
        (report.leaders, report.trace) = (self.cluster.leaders.count, self.cluster.trace.value)
        report.virtual = self.cluster.now
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
