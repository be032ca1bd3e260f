internal import EtcdWire
internal import Member
internal import Platform
internal import Raft
internal import Store

/// Members and the network between them. Time goes in steps of 5 ms.
struct SimulatedCluster {
    static let stepLength = Duration.milliseconds(5)

    private(set) var members: [SimulatedMember] = []
    var network: SimulatedNetwork
    private(set) var now = Duration.zero
    private(set) var trace = Trace()
    private(set) var violations: [String] = []
    private(set) var crashes = 0
    /// How often a member ended because its disk failed it.
    private(set) var diskFailures = 0
    private(set) var snapshotsSent = 0
    /// Who led each term.
    private(set) var leaders: [UInt64: UInt64] = [:]
    /// What was answered to clients in this step.
    var answers: [(member: Int, call: Int, answer: MemberCore<Int>.Answer)] = []
    var watchMessages: [(member: Int, message: WatchStreams.Message)] = []
    var keepAlives: [(member: Int, stream: StreamID, answer: Result<LeaseKeepAliveResponse, StoreError>)] = []
    private var random: SeededRandom
    /// The last term and commit of each member's runs; neither goes back while it is up.
    private var progress: [Int: (term: UInt64, commit: UInt64)] = [:]

    init(_ options: MemberSimulation.Options) {
        var random = SeededRandom(seed: options.seed ^ 0xC105)
        self.network = SimulatedNetwork(seed: random.next())
        let snapshotCount = UInt64.random(in: 5...100, using: &random)
        let catchUp = UInt64.random(in: 1...20, using: &random)
        let names = (0..<options.members).map { "member-\($0)" }
        for number in 0..<options.members {
            var configuration = MemberConfiguration()
            configuration.name = names[number]
            configuration.dataDirectory = "/member-\(number)"
            configuration.heartbeatInterval = .milliseconds(50)
            configuration.electionTimeout = .milliseconds(500)
            configuration.snapshotCount = snapshotCount
            configuration.snapshotCatchUpEntries = catchUp
            configuration.segmentBytes = 32 << 10
            #if QUORATE_PLANTED_BUGS
                configuration.bug = options.bug
            #endif
            configuration.initialAdvertisePeerURLs = ["http://\(names[number]):2380"]
            configuration.advertiseClientURLs = ["http://\(names[number]):2379"]
            configuration.initialCluster = names.map { .init(name: $0, peerURLs: ["http://\($0):2380"]) }
            self.members.append(
                SimulatedMember(number, configuration, seed: random.next(), syncs: options.syncs))
        }
        if options.holdsLeases {
            for member in self.members {
                member.clockRate = 1 + Double.random(in: -MemberLeases.drift...MemberLeases.drift, using: &random)
            }
        }
        self.random = random
        for member in self.members { self.start(member) }
    }

    mutating func violate(_ what: String) { self.violations.append("at \(self.now): \(what)") }

    private mutating func start(_ member: SimulatedMember) {
        do throws(MemberError) {
            try member.start(at: self.now)
            self.progress[member.number] = nil
            self.trace.note(1, UInt64(member.number))
        } catch {
            self.violate("member \(member.number) cannot start: \(error)")
        }
    }

    mutating func crash(_ member: SimulatedMember, until restart: Duration) {
        guard member.isUp else { return }
        let kind = CrashKind.all.randomElement(using: &self.random) ?? .everything
        self.crashes += 1
        self.trace.note(2, UInt64(member.number))
        member.crash(kind, until: restart)
        self.network.forget(member.number)
    }

    /// The machine stopped in the midst of what it wrote.
    private mutating func losePower(_ member: SimulatedMember) {
        self.crash(member, until: self.now + .milliseconds(.random(in: 50...1500, using: &self.random)))
    }

    func place(of id: UInt64) -> Int? { self.members.firstIndex { $0.id == id } }

    /// Lets one step of time pass.
    mutating func step() {
        self.now += Self.stepLength
        self.answers = []
        self.watchMessages = []
        self.keepAlives = []
        for member in self.members {
            if let at = member.restartAt, at <= self.now { self.start(member) }
        }
        self.deliver()
        for member in self.members.shuffled(using: &self.random) where member.pausedUntil <= self.now { self.turn(member) }
    }

    private mutating func deliver() {
        for delivery in self.network.due(at: self.now) {
            let member = self.members[delivery.to]
            guard member.isUp else {
                if delivery.database != nil { self.tell(delivery.from, .snapshotSent(member.id, succeeded: false)) }
                continue
            }
            if let database = delivery.database, let index = delivery.message.snapshot?.metadata.index {
                let isThere: ()? = try? member.receive(database, at: index)
                self.tell(delivery.from, .snapshotSent(member.id, succeeded: isThere != nil))
                if member.disk.isStopped { self.losePower(member) }
                guard isThere != nil else { continue }
                self.snapshotsSent += 1
            }
            member.events.append(.message(delivery.message))
        }
    }

    private func tell(_ number: Int, _ event: MemberCore<Int>.Event) {
        if self.members[number].isUp { self.members[number].events.append(event) }
    }

    private mutating func turn(_ member: SimulatedMember) {
        var sent: [RaftMessage] = []
        var broken: RaftMessage?
        do throws(MemberError) {
            guard
                let effects = try member.turn(
                    at: self.now,
                    { messages in
                        broken = broken ?? messages.first { !member.hasDurable($0) }
                        sent += messages
                    })
            else { return }
            self.take(effects, of: member)
        } catch {
            // What was sent before the disk failed is on its way.
            if member.disk.isStopped {
                self.losePower(member)
            } else if member.diskFails {
                self.diskFailures += 1
                self.trace.note(5, UInt64(member.number))
                member.end(until: self.now + .milliseconds(.random(in: 50...1500, using: &self.random)))
                self.network.forget(member.number)
            } else {
                self.violate("member \(member.number) had to stop: \(error)")
            }
        }
        if let broken {
            self.violate(
                "member \(member.number) said what is not durable on its disk: \(broken.kind), term \(broken.term), "
                    + "index \(broken.index)")
        }
        for message in sent { self.send(message, from: member.number) }
        self.watchOver(member)
    }

    private mutating func take(_ effects: MemberCore<Int>.Effects, of member: SimulatedMember) {
        if !effects.answers.isEmpty || !effects.watches.isEmpty || !effects.keepAlives.isEmpty {
            self.checkDurability(of: member)
        }
        for (call, answer) in effects.answers {
            self.answers.append((member.number, call, answer))
            self.trace.note(3, UInt64(call), answer.traceWord)
        }
        for (stream, answer) in effects.keepAlives { self.keepAlives.append((member.number, stream, answer)) }
        for message in effects.watches { self.watchMessages.append((member.number, message)) }
        for transfer in effects.snapshots {
            let bytes = transfer.readAll()
            guard let to = self.place(of: transfer.message.to) else { continue }
            if !self.network.send(transfer.message, from: member.number, to: to, at: self.now, database: bytes) {
                self.tell(member.number, .snapshotSent(transfer.message.to, succeeded: false))
            }
        }
    }

    /// Whatever a member tells its clients, it has applied; and what is applied must be durable on a quorum, even should all
    /// machines lose power now.
    private mutating func checkDurability(of member: SimulatedMember) {
        let told = member.withCore { core in (core.store.appliedIndex, core.store.appliedTerm, core.store.confState) }
        guard let (index, term, members) = told else { return }
        guard index > 0 else { return }
        let holders = members.voters.filter { id in
            guard let place = self.place(of: id) else { return false }
            return self.members[place].durableLog().holds(index, term: term)
        }
        if holders.count < members.voters.count / 2 + 1 {
            self.violate(
                "member \(member.number) answers with entry \(index) of term \(term), durable on \(holders.count) only")
        }
    }

    private mutating func send(_ message: RaftMessage, from: Int) {
        guard let to = self.place(of: message.to) else { return }
        self.trace.note(4, UInt64(from), UInt64(to), UInt64(message.kind.rawValue), message.term, message.index)
        _ = self.network.send(message, from: from, to: to, at: self.now)
    }

    /// One leader a term; neither term nor commit goes back.
    private mutating func watchOver(_ member: SimulatedMember) {
        guard let status = member.withCore({ $0.raft.status }) else { return }
        if status.role == .leader {
            let term = status.hardState.term
            if let other = self.leaders[term], other != member.id {
                self.violate("term \(term) has two leaders, \(other) and \(member.id)")
            }
            self.leaders[term] = member.id
        }
        let last = self.progress[member.number] ?? (0, 0)
        if status.hardState.term < last.term || status.hardState.commit < last.commit {
            self.violate("member \(member.number) went back from \(last) to \(status.hardState)")
        }
        self.progress[member.number] = (status.hardState.term, status.hardState.commit)
    }

    // MARK: After the chaos

    /// Everything works again.
    mutating func mend() {
        self.network.mend()
        for member in self.members {
            member.pausedUntil = .zero
            member.mendDisk()
            if !member.isUp { member.restartAt = self.now }
        }
    }

    /// All members hold the same.
    mutating func compareMembers(_ report: inout MemberSimulation.Report) {
        var hashes: [HashKVResponse] = []
        for member in self.members {
            guard let hash = member.withCore({ core in try? core.store.hashKV(HashKVRequest()) }), let hash else {
                return report.violations.append("member \(member.number) has no hash at the end")
            }
            hashes.append(hash)
            do { try member.checkDatabase() } catch {
                return report.violations.append("the database of member \(member.number) is damaged: \(error)")
            }
        }
        report.revision = hashes.first?.header.revision ?? 0
        guard let first = hashes.first else { return }
        for (number, hash) in hashes.enumerated()
        where hash.hash != first.hash || hash.header.revision != first.header.revision {
            report.violations.append(
                "member \(number) has revision \(hash.header.revision), hash \(hash.hash); member 0 has "
                    + "\(first.header.revision), \(first.hash)")
        }
    }
}

extension Result<ClientResponse, StoreError> {
    fileprivate var traceWord: UInt64 {
        switch self {
        case .success: 1
        case .failure(let error): 2 + UInt64(clamping: error.code)
        }
    }
}
