internal import EtcdWire

/// A question about a member's health: `/health`, `/livez`, `/readyz`, or one of the checks of the latter two, as
/// `/readyz/linearizable_read`.
struct HealthProbe: Sendable, Hashable {
    /// What `/livez` and `/readyz` look at, by etcd's names.
    enum Check: String, Sendable, CaseIterable {
        case dataCorruption = "data_corruption"
        case serializableRead = "serializable_read"
        case linearizableRead = "linearizable_read"
        case nonLearner = "non_learner"
    }

    /// What is answered.
    struct Verdict: Sendable, Hashable {
        var isHealthy: Bool
        var text: String
        /// Whether the text says of itself that it is no more than text.
        var isPlain: Bool
    }

    enum Question: Hashable, Sendable {
        /// Alarms that do not count, by name.
        case health(isSerializable: Bool, excluded: Set<String>)
        case checks(type: String, [Check], isVerbose: Bool)
    }

    let question: Question

    private static let types: [(name: String, checks: [Check])] = [
        ("livez", [.serializableRead]), ("readyz", Check.allCases),
    ]

    static func isPath(_ path: Substring) -> Bool { self.init(path: path, query: []) != nil }

    init?(path: Substring, query: [(name: String, value: String)]) {
        let excluded = Set(query.filter { $0.name == "exclude" && !$0.value.isEmpty }.map(\.value))
        if path == "/health" {
            let isSerializable = query.first { $0.name == "serializable" }?.value == "true"
            self.question = .health(isSerializable: isSerializable, excluded: excluded)
            return
        }
        let isVerbose = query.contains { $0.name == "verbose" }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard let name = parts.first, let type = Self.types.first(where: { $0.name == name }) else { return nil }
        if parts.count == 1 {
            let checks = type.checks.filter { !excluded.contains($0.rawValue) }
            self.question = .checks(type: type.name, checks, isVerbose: isVerbose)
        } else if parts.count == 2, let check = type.checks.first(where: { $0.rawValue == parts[2] }) {
            self.question = .checks(type: type.name, [check], isVerbose: isVerbose)
        } else {
            return nil
        }
    }

    /// The reads that it takes to answer: whether each may be answered by what the member has.
    var reads: [Check] {
        switch self.question {
        case .health(let isSerializable, _): [isSerializable ? .serializableRead : .linearizableRead]
        case .checks(_, let checks, _): checks.filter { $0 == .serializableRead || $0 == .linearizableRead }
        }
    }
}

/// The probes under way at a member, and how those before them ended. Some are answered at once, others when the reads that
/// they take have come back.
struct HealthProbes {
    typealias Respond = @Sendable (HealthProbe.Verdict) -> Void

    /// What of the member a probe looks at by itself.
    struct Condition {
        var alarms: [AlarmType]
        var hasLeader: Bool
        var isLearner: Bool
    }

    private struct Open {
        let probe: HealthProbe
        let respond: Respond
        /// What is wrong, by check.
        var failures: [HealthProbe.Check: String]
        var pending: Int
    }

    /// How often a check of some type was made, and how the last one ended.
    struct Tally {
        let type: String
        let check: HealthProbe.Check
        var succeeded: UInt64 = 0
        var failed: UInt64 = 0
        var isWell = false
    }

    private var open: [UInt64: Open] = [:]
    /// Which probe asked for a read, and as which check.
    private var reads: [UInt64: (probe: UInt64, check: HealthProbe.Check)] = [:]
    private var next: UInt64 = 0
    /// Of `/health`.
    private(set) var healthy: UInt64 = 0
    private(set) var unhealthy: UInt64 = 0
    /// Of the others, in the order in which they were first made.
    private(set) var tallies: [Tally] = []

    /// - Returns: The reads to be made, by number.
    mutating func begin(
        _ probe: HealthProbe, _ condition: Condition, _ respond: @escaping Respond
    ) -> [(number: UInt64, isSerializable: Bool)] {
        var failures: [HealthProbe.Check: String] = [:]
        switch probe.question {
        case .health(let isSerializable, let excluded):
            if let alarm = condition.alarms.first(where: { !excluded.contains($0.protobufName) }) {
                self.end(probe, .unhealthy("ALARM \(alarm.protobufName)"), respond)
                return []
            }
            guard isSerializable || condition.hasLeader else {
                self.end(probe, .unhealthy("RAFT NO LEADER"), respond)
                return []
            }
        case .checks:
            if condition.alarms.contains(.corrupt) { failures[.dataCorruption] = "alarm activated: CORRUPT" }
            if condition.isLearner { failures[.nonLearner] = "not supported for learner" }
        }
        let open = Open(probe: probe, respond: respond, failures: failures, pending: probe.reads.count)
        guard open.pending > 0 else {
            self.finish(open)
            return []
        }
        self.next += 1
        let name = self.next
        self.open[name] = open
        return probe.reads.map { check in
            self.next += 1
            self.reads[self.next] = (name, check)
            return (self.next, check == .serializableRead)
        }
    }

    /// A read has come back.
    mutating func answered(_ number: UInt64, failure: String?) {
        guard let read = self.reads.removeValue(forKey: number), var open = self.open[read.probe] else { return }
        if let failure { open.failures[read.check] = failure }
        open.pending -= 1
        self.open[read.probe] = open
        guard open.pending == 0 else { return }
        self.open[read.probe] = nil
        self.finish(open)
    }

    private mutating func finish(_ open: Open) {
        switch open.probe.question {
        case .health:
            let failure = open.probe.reads.compactMap { open.failures[$0] }.first
            self.end(open.probe, failure.map { .unhealthy("RANGE ERROR:\($0)") } ?? .healthy, open.respond)
        case .checks(let type, let checks, let isVerbose):
            var text = ""
            for check in checks {
                let failure = open.failures[check]
                text += failure.map { "[-]\(check.rawValue) failed: \($0)\n" } ?? "[+]\(check.rawValue) ok\n"
                self.count(type, check, failure == nil)
            }
            guard checks.allSatisfy({ open.failures[$0] == nil }) else {
                return open.respond(HealthProbe.Verdict(isHealthy: false, text: text + "\n", isPlain: true))
            }
            open.respond(HealthProbe.Verdict(isHealthy: true, text: (isVerbose ? text : "") + "ok\n", isPlain: true))
        }
    }

    private mutating func end(_ probe: HealthProbe, _ verdict: HealthProbe.Verdict, _ respond: Respond) {
        if verdict.isHealthy { self.healthy += 1 } else { self.unhealthy += 1 }
        respond(verdict)
    }

    private mutating func count(_ type: String, _ check: HealthProbe.Check, _ isWell: Bool) {
        let place = self.tallies.firstIndex { $0.type == type && $0.check == check } ?? self.tallies.count
        if place == self.tallies.count { self.tallies.append(Tally(type: type, check: check)) }
        if isWell { self.tallies[place].succeeded += 1 } else { self.tallies[place].failed += 1 }
        self.tallies[place].isWell = isWell
    }
}

extension HealthProbe.Verdict {
    fileprivate static let healthy = HealthProbe.Verdict(
        isHealthy: true, text: #"{"health":"true","reason":""}"#, isPlain: false)

    fileprivate static func unhealthy(_ reason: String) -> HealthProbe.Verdict {
        let reason = reason.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return HealthProbe.Verdict(
            isHealthy: false, text: "{\"health\":\"false\",\"reason\":\"\(reason)\"}\n", isPlain: true)
    }
}

extension AlarmType {
    /// As in etcd's `rpc.proto`.
    var protobufName: String {
        switch self {
        case .none: "NONE"
        case .noSpace: "NOSPACE"
        case .corrupt: "CORRUPT"
        }
    }
}
