import EtcdWire
import Platform
import Simulation
import Synchronization
import TestSupport
import Testing

/// What clients see of real clusters, while members are killed and held still, is what the model allows.
@Suite("Histories of real clusters", .serialized)
struct RealHistoryTests {
    @Test("Three members under faults are one store", arguments: EtcdVersion.enabled)
    func faults(version: EtcdVersion) async throws {
        let members = try await EtcdProcess.startCluster(EtcdBinary.find(version), size: 3)
        let seed: UInt64 = 11
        let clients = RunningClients(6, ports: members.map(\.clientPort), seed: seed)
        var random = SeededRandom(seed: seed)
        for fault in 0..<4 {
            try await clients.waitForProgress(of: 40)
            let member = members[Int.random(in: 0..<3, using: &random)]
            if fault % 2 == 0 { member.kill() } else { member.pause() }
            try await clients.waitForProgress(of: 40)
            if fault % 2 == 0 { try member.start() } else { member.resume() }
        }
        try await clients.waitForProgress(of: 40)
        var history = try await clients.stop()

        for member in members {
            try await member.waitUntilHealthy()
            let everything = EtcdRequest.range(RangeRequest(key: [0], rangeEnd: [0]))
            let number = history.invoke(client: -1, everything)
            guard case .reply(let reply) = Gateway.call(everything, port: member.clientPort) else {
                Issue.record("\(member.name) answers nothing")
                continue
            }
            history.complete(number, reply)
        }
        let log = try Self.log(port: members[0].clientPort)
        let operations = history.operations
        #expect(operations.count { $0.output?.hasWritten == true } > 100, "too little was written")
        #expect(RevisionChecker.violations(in: operations).isEmpty)
        let verdict = LinearizabilityChecker(EtcdModel(log: log)).check(operations)
        #expect(verdict.isLinearizable, "\(verdict.counterexample?.description ?? "undecided")")
        // And the same with one revision too low: what is checked is not nothing.
        let broken = try #require(Self.withStaleRead(operations))
        #expect(LinearizabilityChecker(EtcdModel(log: log)).check(broken).counterexample != nil)
    }

    /// All that was written, from how the keys were at each revision.
    private static func log(port: Int) throws -> EventLog {
        var events: [WatchEvent] = []
        var before: [KeyValue] = []
        for revision in Int64(2)... {
            let request = EtcdRequest.range(RangeRequest(key: [0], rangeEnd: [0], revision: revision))
            guard case .reply(let reply) = Gateway.call(request, port: port) else {
                throw TestSupportError("no answer for revision \(revision)")
            }
            guard case .range(let response) = reply else { break }
            let keys = Set(response.kvs.map(\.key))
            for row in before where !keys.contains(row.key) {
                events.append(WatchEvent(type: .delete, kv: KeyValue(key: row.key, modRevision: revision)))
            }
            events += response.kvs.filter { $0.modRevision == revision }.map { WatchEvent(kv: $0) }
            before = response.kvs
        }
        return try EventLog(events)
    }

    private static func withStaleRead(_ operations: [RunningClients.Operation]) -> [RunningClients.Operation]? {
        var operations = operations
        for index in operations.indices.reversed() {
            guard case .range(let response)? = operations[index].output, let returned = operations[index].returned,
                !operations[index].input.isSerializable, response.header.revision > 10
            else { continue }
            var stale = response
            stale.header.revision -= 5
            operations[index].outcome = .returned(.range(stale), at: returned)
            return operations
        }
        return nil
    }
}

/// Clients that call members of a cluster at the same time, each from a thread of its own.
final class RunningClients: Sendable {
    typealias Operation = ClientOperation<EtcdRequest, EtcdReply>

    private let state: Mutex<State>
    private let ports: [Int]

    private struct State {
        var history = OperationHistory<EtcdRequest, EtcdReply>()
        var requests = LiveRequests()
        /// The highest revision that anyone has been told.
        var revision: Int64 = 1
        var answered = 0
        var running: Int
        var nextClient: Int
        var isOver = false
    }

    init(_ count: Int, ports: [Int], seed: UInt64) {
        self.state = Mutex(State(running: count, nextClient: count))
        self.ports = ports
        for client in 0..<count {
            startThread(named: "client") { [self] in self.run(client, SeededRandom(seed: seed &+ UInt64(client))) }
        }
    }

    /// Waits until so many more requests are answered.
    func waitForProgress(of count: Int) async throws {
        let goal = self.state.withLock { $0.answered } + count
        try await poll(within: .seconds(60), "\(count) requests are answered") {
            self.state.withLock { $0.answered } >= goal ? () : nil
        }
    }

    /// Ends them, and returns what they saw.
    func stop() async throws -> OperationHistory<EtcdRequest, EtcdReply> {
        self.state.withLock { $0.isOver = true }
        try await poll(within: .seconds(30), "the clients end") { self.state.withLock { $0.running } == 0 ? () : nil }
        return self.state.withLock { $0.history }
    }

    private func run(_ number: Int, _ random: SeededRandom) {
        var (client, random) = (number, random)
        while true {
            let next = self.state.withLock { state -> (number: Int, request: EtcdRequest)? in
                guard !state.isOver else {
                    state.running -= 1
                    return nil
                }
                let request = state.requests.next(&random, revision: state.revision)
                return (state.history.invoke(client: client, request), request)
            }
            guard let next else { return }
            let port = self.ports[Int.random(in: 0..<self.ports.count, using: &random)]
            let outcome = Gateway.call(next.request, port: port)
            self.state.withLock { state in
                switch outcome {
                case .reply(let reply):
                    state.history.complete(next.number, reply)
                    state.revision = max(state.revision, reply.revision ?? 0)
                    state.answered += 1
                case .notSent:
                    state.history.discard(next.number)
                case .unknown:
                    // Whoever does not know goes on as somebody else.
                    client = state.nextClient
                    state.nextClient += 1
                }
            }
        }
    }
}

/// Requests on few keys; no two put the same value.
struct LiveRequests {
    private var values = 0

    mutating func next(_ random: inout SeededRandom, revision: Int64) -> EtcdRequest {
        let key = [UInt8(ascii: "a") + UInt8.random(in: 0..<5, using: &random)]
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3: return .put(self.put(key, &random))
        case 3: return .deleteRange(DeleteRangeRequest(key: key, prevKv: true))
        case 4..<7:
            let near = Int64.random(in: max(0, revision - 3)...revision, using: &random)
            return .txn(
                TxnRequest(
                    compare: [.modRevision(of: key, random.chance(0.5) ? .equal : .less, near)],
                    success: [.put(self.put(key, &random)), .range(RangeRequest(key: [0], rangeEnd: [0]))],
                    failure: [.range(RangeRequest(key: key))]))
        default:
            let isSerializable = random.chance(0.3)
            return .range(RangeRequest(key: key, rangeEnd: random.chance(0.5) ? [0] : [], serializable: isSerializable))
        }
    }

    private mutating func put(_ key: [UInt8], _ random: inout SeededRandom) -> PutRequest {
        self.values += 1
        return PutRequest(key: key, value: Array("v\(self.values)".utf8), prevKv: random.chance(0.5))
    }
}
