internal import EtcdWire
internal import Member
internal import Platform
internal import Store

/// Clients that put, read and compare, one request at a time each, and note what they asked and what they were told.
struct MemberClients {
    private typealias History = OperationHistory<EtcdRequest, EtcdReply>

    private struct Waiting {
        var operation: Int
        var member: Int
        var deadline: Duration
    }

    private var random: SeededRandom
    private var history = History()
    /// By client; those whose request went unanswered never come back, others take their place.
    private var waiting: [(client: Int, waiting: Waiting?)] = []
    private var calls: [Int: Int] = [:]
    private var nextCall = 0
    private var nextClient: Int
    private var watches: MemberWatches
    private let compacts: Bool
    private(set) var requests = 0
    private(set) var acknowledged = 0

    init(_ options: MemberSimulation.Options) {
        var random = SeededRandom(seed: options.seed ^ 0xC11E)
        self.nextClient = options.clients
        self.waiting = (0..<options.clients).map { ($0, nil) }
        self.watches = MemberWatches(seed: random.next())
        self.compacts = random.chance(0.25)
        self.random = random
    }

    /// All that was ever written; empty where it was compacted.
    var allEvents: [WatchEvent] { self.compacts ? [] : self.watches.allEvents }

    // MARK: Requests

    mutating func act(on cluster: inout SimulatedCluster) {
        for place in self.waiting.indices {
            if let waiting = self.waiting[place].waiting {
                if waiting.deadline <= cluster.now { self.giveUp(place) }
            } else if self.random.chance(0.15) {
                self.ask(place, cluster)
            }
        }
        self.watches.act(on: cluster)
    }

    private mutating func ask(_ place: Int, _ cluster: SimulatedCluster) {
        let member = cluster.members[Int.random(in: 0..<cluster.members.count, using: &self.random)]
        guard member.isUp else { return }
        self.send(self.makeRequest(), place, to: member, until: cluster.now + .seconds(3))
    }

    private mutating func send(_ request: EtcdRequest, _ place: Int, to member: SimulatedMember, until deadline: Duration) {
        self.nextCall += 1
        self.requests += 1
        let operation = self.history.invoke(client: self.waiting[place].client, request)
        self.waiting[place].waiting = Waiting(operation: operation, member: member.number, deadline: deadline)
        self.calls[self.nextCall] = place
        member.events.append(.call(self.nextCall, request.clientRequest))
    }

    /// Whether it took effect is not known; nor will this client ask again.
    private mutating func giveUp(_ place: Int) {
        self.waiting[place] = (self.nextClient, nil)
        self.nextClient += 1
        self.calls = self.calls.filter { $0.value != place }
    }

    private mutating func makeRequest() -> EtcdRequest {
        let key = Array("k\(Int.random(in: 0..<5, using: &self.random))".utf8)
        let value = Array("v\(self.nextCall)".utf8)
        let put = PutRequest(key: key, value: value, prevKv: self.random.chance(0.3))
        switch Int.random(in: 0..<100, using: &self.random) {
        case 0..<45: return .put(put)
        case 45..<65: return .range(RangeRequest(key: Array("k".utf8), rangeEnd: Array("l".utf8)))
        case 65..<75: return .range(RangeRequest(key: key))
        case 75..<80: return .range(RangeRequest(key: key, serializable: true))
        case 80..<95:
            let compare = Compare.version(of: key, .greater, Int64.random(in: 0...3, using: &self.random))
            let delete = DeleteRangeRequest(key: key, prevKv: true)
            return .txn(
                TxnRequest(
                    compare: [compare], success: [.deleteRange(delete)], failure: [.put(put), .range(RangeRequest(key: key))]))
        case 95..<97 where self.compacts:
            let revision = Int64.random(in: 1...Int64(max(1, self.acknowledged)), using: &self.random)
            return .compact(CompactionRequest(revision: revision))
        default: return .deleteRange(DeleteRangeRequest(key: key))
        }
    }

    // MARK: Answers

    mutating func take(from cluster: inout SimulatedCluster) {
        for (_, call, answer) in cluster.answers {
            guard let place = self.calls.removeValue(forKey: call), let waiting = self.waiting[place].waiting else { continue }
            self.waiting[place].waiting = nil
            if let reply = EtcdReply(answer) {
                self.history.complete(waiting.operation, reply)
                self.acknowledged += 1
            } else {
                self.waiting[place].client = self.nextClient
                self.nextClient += 1
            }
        }
        self.watches.take(from: cluster)
    }

    // MARK: At the end

    /// Every member must carry out a put again soon, and all come to hold the same.
    mutating func heal(_ cluster: inout SimulatedCluster) {
        let end = cluster.now + .seconds(15)
        for place in self.waiting.indices where self.waiting[place].waiting != nil { self.giveUp(place) }
        var missing = Set(cluster.members.indices)
        while cluster.now < end, cluster.violations.isEmpty {
            if missing.isEmpty, self.isSettled(cluster) { return self.readAll(&cluster) }
            if let number = missing.min(), self.waiting[0].waiting == nil, cluster.members[number].isUp {
                let put = PutRequest(key: Array("healed".utf8), value: Array("\(number)".utf8))
                self.send(.put(put), 0, to: cluster.members[number], until: cluster.now + .seconds(2))
            }
            if let waiting = self.waiting[0].waiting, waiting.deadline <= cluster.now { self.giveUp(0) }
            let before = self.acknowledged
            let asked = self.waiting[0].waiting?.member
            cluster.step()
            self.take(from: &cluster)
            if self.acknowledged > before, let asked { missing.remove(asked) }
        }
        if cluster.violations.isEmpty {
            let what = missing.min().map { "member \($0) does not serve" } ?? "members still differ"
            cluster.violate("mended for 15 s, and \(what)")
        }
    }

    private func isSettled(_ cluster: SimulatedCluster) -> Bool {
        let applied = cluster.members.map { member in member.withCore { $0.store.appliedIndex } }
        return applied.allSatisfy { $0 != nil && $0 == applied[0] }
    }

    /// Has one watch of everything tell what was written.
    private mutating func readAll(_ cluster: inout SimulatedCluster) {
        guard !self.compacts else { return }
        self.watches.readAll(on: cluster.members[0])
        // The watch that is open may be at another member.
        var isLate = 10
        for _ in 0..<400 where isLate > 0 {
            if self.watches.hasReadAll(cluster.members[0]) { isLate -= 1 }
            cluster.step()
            self.take(from: &cluster)
        }
        if let missed = self.watches.closeLast(cluster) { cluster.violate("a watch was never told of revision \(missed)") }
    }

    /// What clients saw must be as if one store had answered them one by one; and watches told what it wrote.
    /// - Parameter isAlone: Whether nobody else wrote anything, so that their requests explain all that is stored.
    func check(_ cluster: SimulatedCluster, isAlone: Bool, _ report: inout MemberSimulation.Report) {
        let operations = self.history.operations
        for violation in RevisionChecker.violations(in: operations) { report.violations.append("\(violation)") }
        var log: EventLog?
        if !self.compacts {
            do throws(EventLogError) { log = try EventLog(self.watches.allEvents) } catch {
                return report.violations.append("the watch of everything is broken: \(error)")
            }
        }
        if let log {
            let checker = WatchChecker(log)
            for history in self.watches.histories {
                for violation in checker.violations(in: history) {
                    report.violations.append("\(violation)\n  \(history.summary)")
                }
            }
        }
        guard report.violations.isEmpty, isAlone else { return }
        switch LinearizabilityChecker(EtcdModel(log: log), budget: 300_000).check(operations) {
        case .linearizable: break
        case .notLinearizable(let counterexample): report.violations.append("not linearizable: \(counterexample)")
        default: report.undecided += 1
        }
    }
}

extension EtcdRequest {
    fileprivate var clientRequest: ClientRequest {
        switch self {
        case .range(let request): .range(request)
        case .put(let request): .put(request)
        case .deleteRange(let request): .deleteRange(request)
        case .txn(let request): .txn(request)
        case .compact(let request): .compact(request)
        }
    }
}

extension EtcdReply {
    /// Nil where the outcome is not known.
    fileprivate init?(_ answer: Result<ClientResponse, StoreError>) {
        switch answer {
        case .success(.range(let response)): self = .range(response)
        case .success(.put(let response)): self = .put(response)
        case .success(.deleteRange(let response)): self = .deleteRange(response)
        case .success(.txn(let response)): self = .txn(response)
        case .success(.other(let response)):
            guard let response = response as? CompactionResponse else { return nil }
            self = .compact(response)
        case .failure(.compacted): self = .compacted
        case .failure(.futureRevision): self = .futureRevision
        case .failure: return nil
        }
    }
}
