internal import EtcdClient
internal import EtcdWire
internal import Synchronization
internal import TestSupport

/// Writes keys at a steady rate and remembers which were acknowledged.
final class Writer: Sendable {
    /// Keys a second, over all lanes.
    static let rate = 200
    private static let lanes = 4
    static let prefix = "load/"

    private struct State {
        var endpoints: [String]
        var acknowledged: Set<Int> = []
        var failures = 0
    }
    private let state: Mutex<State>
    private let connector: GRPCConnector

    init(_ connector: GRPCConnector, _ endpoints: [String]) {
        self.connector = connector
        self.state = Mutex(State(endpoints: endpoints))
    }

    var acknowledged: Int { self.state.withLock { $0.acknowledged.count } }
    var failures: Int { self.state.withLock { $0.failures } }

    static func key(_ number: Int) -> String { self.prefix + String(number) }
    static func value(_ number: Int) -> String { "value \(number) of the load" }

    /// Members come and go: whoever writes must be told where they are.
    func use(_ endpoints: [String]) {
        guard !endpoints.isEmpty else { return }
        self.state.withLock { $0.endpoints = endpoints }
    }

    /// Writes until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<Self.lanes { group.addTask { await self.run(lane) } }
        }
    }

    private func run(_ lane: Int) async {
        let clock = ContinuousClock()
        var next = clock.now
        var number = lane
        while !Task.isCancelled {
            await self.put(number)
            number += Self.lanes
            // What a slow answer cost is not caught up with: the rate is a bound.
            next = max(next + .seconds(1) * Self.lanes / Self.rate, clock.now)
            try? await clock.sleep(until: next)
        }
    }

    /// One key, again and again until it is acknowledged.
    private func put(_ number: Int) async {
        let request = PutRequest(key: Array(Self.key(number).utf8), value: Array(Self.value(number).utf8))
        var attempt = number
        while !Task.isCancelled {
            let endpoints = self.state.withLock { $0.endpoints }
            let connection = self.connector.connect(to: [endpoints[attempt % endpoints.count]], timeout: .seconds(2))
            if (try? await connection.put(request)) != nil {
                self.state.withLock { _ = $0.acknowledged.insert(number) }
                return
            }
            attempt += 1
            self.state.withLock { $0.failures += 1 }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The acknowledged keys that a cluster does not hold as they were written.
    func missing(at endpoints: [String]) async throws -> [String] {
        let kept = try await Self.stored(self.connector, endpoints)
        return self.state.withLock { $0.acknowledged }.sorted()
            .filter { kept[Self.key($0)] != Self.value($0) }.map(Self.key)
    }

    /// All keys of a load that a cluster holds.
    static func stored(_ connector: GRPCConnector, _ endpoints: [String]) async throws -> [String: String] {
        let connection = connector.connect(to: endpoints, timeout: .seconds(10))
        var kept: [String: String] = [:]
        let end = Array(self.prefix.utf8.dropLast()) + [UInt8(ascii: "/") + 1]
        var start = Array(self.prefix.utf8)
        while true {
            let page = try await connection.range(RangeRequest(key: start, rangeEnd: end, limit: 5_000))
            for row in page.kvs { kept[String(decoding: row.key, as: UTF8.self)] = String(decoding: row.value, as: UTF8.self) }
            guard page.more, let last = page.kvs.last else { return kept }
            start = last.key + [0]
        }
    }

    /// Writes so many keys and returns when all are acknowledged.
    func write(_ numbers: Range<Int>) async {
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<8 {
                group.addTask {
                    for number in stride(from: numbers.lowerBound + lane, to: numbers.upperBound, by: 8) {
                        await self.put(number)
                    }
                }
            }
        }
    }
}

/// Looks at the live member list all the time, and notes what must never be seen.
final class Sampler: Sendable {
    private struct Sample {
        var time: ContinuousClock.Instant
        var voters: Set<UInt64>
        var learners: Set<UInt64>
    }
    private struct State {
        var last: Sample?
        var count = 0
        /// Samples that came soon enough after the one before to tell two changes apart.
        var close = 0
        var changes = 0
        var complaints: [String] = []
    }
    private let state = Mutex(State())
    private let stage: Stage
    private let writer: Writer

    /// One change takes longer than this: a member is stopped, or started and caught up with, before the next.
    private static let closeness: Duration = .milliseconds(200)

    init(_ stage: Stage, telling writer: Writer) {
        self.stage = stage
        self.writer = writer
    }

    var complaints: [String] { self.state.withLock { $0.complaints } }
    var changes: Int { self.state.withLock { $0.changes } }
    var closeShare: Double { self.state.withLock { Double($0.close) / Double(max(1, $0.count)) } }

    /// Looks until the task is cancelled.
    func run(_ endpoints: [String]) async {
        var endpoints = endpoints
        while !Task.isCancelled {
            let connection = self.stage.connector.connect(to: endpoints, timeout: .seconds(1))
            if let list = try? await connection.memberList(MemberListRequest(linearizable: true)) {
                self.note(list.members)
                let learners = Set(list.members.filter(\.isLearner).map(\.id))
                let voters = list.members.filter { !learners.contains($0.id) }.flatMap(\.clientURLs)
                if !voters.isEmpty { endpoints = voters }
                self.writer.use(endpoints)
            } else if let cluster = try? await self.stage.cluster() {
                endpoints = cluster.endpoints.isEmpty ? endpoints : cluster.endpoints
            }
            try? await Task.sleep(for: .milliseconds(15))
        }
    }

    private func note(_ members: [Member]) {
        let learners = Set(members.filter(\.isLearner).map(\.id))
        let sample = Sample(time: .now, voters: Set(members.map(\.id)).subtracting(learners), learners: learners)
        self.state.withLock { state in
            state.count += 1
            if learners.count > 1 { state.complaints.append("\(learners.count) learners at once") }
            if let last = state.last {
                let changed = last.voters.symmetricDifference(sample.voters)
                if changed.count > 0 { state.changes += 1 }
                if sample.time - last.time <= Self.closeness {
                    state.close += 1
                    if changed.count > 1 { state.complaints.append("\(changed.count) voters changed at once") }
                }
            }
            state.last = sample
        }
    }
}

/// Does something while other things go on beside it, which end with it.
func whilst<Value>(_ beside: [@Sendable () async -> Void], _ body: () async throws -> Value) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for job in beside { group.addTask { await job() } }
        defer { group.cancelAll() }
        return try await body()
    }
}
