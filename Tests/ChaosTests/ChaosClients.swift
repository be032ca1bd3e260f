import EtcdClient
import EtcdWire
import Platform
import Simulation
import Synchronization
import TestSupport

/// Clients that ask members of a cluster at the same time, one request each, and note what they asked and what they were told.
final class ChaosClients: Sendable {
    typealias History = OperationHistory<EtcdRequest, EtcdReply>

    private let state: Mutex<State>
    private let tasks = Mutex<[Task<Void, Never>]>([])

    private struct State {
        var history = History()
        var requests: ChaosRequests
        var members: [ChaosMember]
        /// The highest revision that anyone has been told.
        var revision: Int64 = 1
        var answered = 0
        var nextClient: Int
        var isOver = false
    }

    /// - Parameter padding: Bytes by which values are longer than they must be.
    init(_ count: Int, of members: [ChaosMember], seed: UInt64, padding: Int = 0) {
        self.state = Mutex(State(requests: ChaosRequests(padding: padding), members: members, nextClient: count))
        self.tasks.withLock { tasks in
            for client in 0..<count {
                tasks.append(Task { await self.run(client, SeededRandom(seed: seed &+ UInt64(client))) })
            }
        }
    }

    /// Whom to ask from now on.
    func ask(_ members: [ChaosMember]) {
        self.state.withLock { $0.members = members }
    }

    /// Waits until so many more requests are answered.
    func waitForProgress(of count: Int) async throws {
        let goal = self.state.withLock { $0.answered } + count
        try await poll(within: .seconds(40), "\(count) requests are answered") {
            self.state.withLock { $0.answered } >= goal ? () : nil
        }
    }

    /// Ends them, and returns what they saw.
    func stop() async -> History {
        self.state.withLock { $0.isOver = true }
        for task in self.tasks.withLock({ $0 }) { await task.value }
        return self.state.withLock { $0.history }
    }

    private func run(_ number: Int, _ random: SeededRandom) async {
        var (client, random) = (number, random)
        while true {
            let next = self.state.withLock { state -> (number: Int, request: EtcdRequest, member: ChaosMember)? in
                guard !state.isOver, let member = state.members.randomElement(using: &random) else { return nil }
                let request = state.requests.next(&random, revision: state.revision)
                return (state.history.invoke(client: client, request), request, member)
            }
            guard let next, !next.member.isRetired else { return }
            let outcome = await next.member.connection.outcome(of: next.request)
            self.state.withLock { state in
                switch outcome {
                case .reply(let reply):
                    state.history.complete(next.number, reply)
                    state.revision = max(state.revision, reply.revision ?? 0)
                    state.answered += 1
                case .refused:
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

/// What came of a request.
enum ChaosOutcome: Sendable {
    case reply(EtcdReply)
    /// It surely took no effect.
    case refused
    /// Whether it took effect is not known.
    case unknown
}

extension KeyValueClient {
    func outcome(of request: EtcdRequest) async -> ChaosOutcome {
        do throws(EtcdError) {
            switch request {
            case .range(let request): return .reply(.range(try await self.range(request)))
            case .put(let request): return .reply(.put(try await self.put(request)))
            case .deleteRange(let request): return .reply(.deleteRange(try await self.deleteRange(request)))
            case .txn(let request): return .reply(.txn(try await self.txn(request)))
            case .compact(let request): return .reply(.compact(try await self.compact(request)))
            }
        } catch {
            switch error.message {
            case "etcdserver: mvcc: required revision has been compacted": return .reply(.compacted)
            case "etcdserver: mvcc: required revision is a future revision": return .reply(.futureRevision)
            default: return error.mayHaveHappened ? .unknown : .refused
            }
        }
    }
}

/// Requests on few keys; no two put the same value.
struct ChaosRequests {
    private var values = 0
    private let padding: [UInt8]

    init(padding: Int) {
        self.padding = Array(repeating: UInt8(ascii: "."), count: padding)
    }

    mutating func next(_ random: inout SeededRandom, revision: Int64) -> EtcdRequest {
        let key = [UInt8(ascii: "a") + UInt8.random(in: 0..<6, using: &random)]
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: return .put(self.put(key, &random))
        case 4: return .deleteRange(DeleteRangeRequest(key: key, prevKv: true))
        case 5..<7:
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
        return PutRequest(key: key, value: Array("v\(self.values)".utf8) + self.padding, prevKv: random.chance(0.5))
    }
}
