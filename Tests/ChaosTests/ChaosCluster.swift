import EtcdClient
import EtcdWire
import Simulation
import Synchronization
import TestSupport
import Testing

/// A cluster of processes whose members reach one another through proxies.
final class ChaosCluster {
    private(set) var members: [ChaosMember] = []
    private let connector = GRPCConnector()
    private var made = 0

    /// Members that begin a cluster together, and serve.
    /// - Parameters:
    ///   - wrappers: What the member of that place is run by.
    ///   - electionTimeout: In milliseconds.
    init(_ kinds: [ChaosMember.Kind], wrappers: [Int: [String]] = [:], electionTimeout: Int = 500) async throws {
        let places = try kinds.map { _ in try ChaosPlace() }
        for (number, kind) in kinds.enumerated() {
            let others = kinds.indices.filter { $0 != number }.map { "m\($0)=\(places[$0].proxy.url)" }
            self.members.append(
                try ChaosMember(
                    kind, name: "m\(number)", at: places[number], cluster: others, wrapper: wrappers[number] ?? [],
                    electionTimeout: electionTimeout, connector: self.connector))
        }
        self.made = kinds.count
        for member in self.members { try member.start() }
        for member in self.members { try await member.waitUntilHealthy() }
    }

    func stop() async {
        for member in self.members { member.retire() }
        await self.connector.close()
    }

    /// A test that fails leaves no process behind, whoever still holds the members.
    deinit {
        for member in self.members { member.retire() }
    }

    /// How the members are: of use when one does not do what it should.
    var story: String {
        self.members.map { member in
            let state = member.status.map { "ended with \($0)" } ?? "runs"
            let log = member.log.split(separator: "\n").suffix(12).joined(separator: "\n")
            return "\(member.name) (\(member.kind)) \(state):\n\(log)"
        }.joined(separator: "\n")
    }

    /// The place of the member that leads, as some member sees it.
    func leader() async throws -> Int {
        try await poll(within: .seconds(20), "there is a leader") {
            for (place, member) in self.members.enumerated() {
                guard let status = try? await member.connection.status() else { continue }
                if status.leader != 0, status.leader == status.header.memberID { return place }
            }
            return nil
        }
    }

    /// Asks a member, and waits longer for the answer than the clients do.
    func patientConnection(to place: Int) -> any EtcdConnection {
        self.connector.connect(to: [self.members[place].clientURL], timeout: .seconds(30))
    }

    // MARK: Faults

    /// Does this to what is sent between a member and all others, both ways.
    func isolate(_ place: Int, _ rule: PeerProxy.Rule?) async throws {
        let id = try await poll(within: .seconds(20), "\(self.members[place].name) tells its id") {
            try? await self.members[place].id()
        }
        self.members[place].proxy.set(rule, from: nil)
        for other in self.members where other !== self.members[place] { other.proxy.set(rule, from: id) }
    }

    /// Takes a member out and its data with it, and has another of its kind join.
    func replace(_ place: Int) async throws {
        let old = self.members[place]
        let id = try #require(UInt64(try await old.id(), radix: 16))
        old.kill()
        let rest = self.members.filter { $0 !== old }
        try await Self.untilDone(rest, "\(old.name) is removed") { connection throws(EtcdError) in
            do throws(EtcdError) { _ = try await connection.memberRemove(MemberRemoveRequest(id: id)) } catch {
                guard error.code == .notFound else { throw error }
            }
        }
        let newPlace = try ChaosPlace()
        try await Self.untilDone(rest, "a new member is added") { connection throws(EtcdError) in
            do throws(EtcdError) { _ = try await connection.memberAdd(MemberAddRequest(peerURLs: [newPlace.proxy.url])) } catch
            {
                guard error.message == "etcdserver: Peer URLs already exists" else { throw error }
            }
        }
        let member = try ChaosMember(
            old.kind, name: "m\(self.made)", at: newPlace,
            cluster: rest.map { "\($0.name)=\($0.proxy.url)" }, isJoining: true, connector: self.connector)
        self.made += 1
        self.members[place] = member
        old.proxy.close()
        try member.start()
        try await member.waitUntilHealthy()
    }

    /// Asks member after member; what may have happened is asked again.
    private static func untilDone(
        _ members: [ChaosMember], _ what: String, _ ask: (any EtcdConnection) async throws(EtcdError) -> Void
    ) async throws {
        let last = Mutex<EtcdError?>(nil)
        try await poll(within: .seconds(30), every: .milliseconds(100), "\(what): \(last.withLock { "\($0, default: "-")" })") {
            for member in members {
                do throws(EtcdError) {
                    try await ask(member.connection)
                    return ()
                } catch {
                    last.withLock { $0 = error }
                }
            }
            return nil
        }
    }

    // MARK: What must hold

    /// What all members have to show once they are left alone: the same, all that was acknowledged, and nothing that no
    /// order of the requests explains.
    func check(_ history: ChaosClients.History, _ seed: UInt64) async throws {
        var history = history
        for member in self.members { try await member.waitUntilHealthy() }
        for member in self.members {
            let everything = EtcdRequest.range(RangeRequest(key: [0], rangeEnd: [0]))
            let reply = try await poll(within: .seconds(20), "\(member.name) answers") { () -> EtcdReply? in
                let number = history.invoke(client: -1, everything)
                guard case .reply(let reply) = await member.connection.outcome(of: everything) else { return nil }
                history.complete(number, reply)
                return reply
            }
            #expect(reply.revision ?? 0 > 1, "nothing was written; seed \(seed)")
        }
        let operations = history.operations
        try await self.expectEqual(seed)
        let log = try await self.eventLog()
        for operation in operations {
            guard case .put(let request) = operation.input, case .put(let response)? = operation.output else { continue }
            let events = log.events(at: response.header.revision) ?? []
            #expect(
                events.contains { $0.kv.key == request.key && $0.kv.value == request.value },
                "acknowledged and gone: \(operation); seed \(seed)")
        }
        let violations = RevisionChecker.violations(in: operations)
        #expect(violations.isEmpty, "\(violations); seed \(seed)")
        let verdict = LinearizabilityChecker(EtcdModel(log: log)).check(operations)
        #expect(verdict.isLinearizable, "\(verdict.counterexample?.description ?? "undecided"); seed \(seed)")
        // One read that is too old, and it must not be: what is checked is not nothing.
        let broken = try #require(Self.withStaleRead(operations), "too little was read; seed \(seed)")
        #expect(LinearizabilityChecker(EtcdModel(log: log)).check(broken).counterexample != nil, "seed \(seed)")
    }

    private static func withStaleRead(
        _ operations: [ClientOperation<EtcdRequest, EtcdReply>]
    ) -> [ClientOperation<EtcdRequest, EtcdReply>]? {
        var operations = operations
        for place in operations.indices.reversed() {
            guard case .range(var stale)? = operations[place].output, let returned = operations[place].returned,
                !operations[place].input.isSerializable, stale.header.revision > 10
            else { continue }
            stale.header.revision -= 5
            operations[place].outcome = .returned(.range(stale), at: returned)
            return operations
        }
        return nil
    }

    /// HashKV at one revision, and from the beginning.
    private func expectEqual(_ seed: UInt64) async throws {
        var hashes: [String] = []
        let members = self.members
        try? await poll(within: .seconds(20), "all members hold the same") { () -> Void? in
            hashes = []
            for member in members {
                guard let hash = try? await member.connection.hashKV(HashKVRequest(revision: 0)) else { return nil }
                hashes.append("\(hash.header.revision): \(hash.hash)")
            }
            return Set(hashes).count == 1 ? () : nil
        }
        #expect(Set(hashes).count == 1, "members differ: \(hashes); seed \(seed)")
    }

    /// All that was written, as a watch from the beginning tells it.
    private func eventLog() async throws -> EventLog {
        let member = self.members[0]
        let last = try await member.connection.range(RangeRequest(key: [0])).header.revision
        let (responses, sender) = AsyncStream.makeStream(of: WatchResponse.self)
        let watch = Task {
            let request = WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 1)
            do { try await member.connection.watch(request) { sender.yield($0) } } catch { sender.finish() }
        }
        defer { watch.cancel() }
        var events: [WatchEvent] = []
        for await response in responses {
            events += response.events
            if response.events.last?.kv.modRevision ?? 0 >= last { break }
        }
        return try EventLog(events)
    }
}
