import EtcdWire
import Raft

/// A mistake built into the members' driver, for the checker to find.
enum PlantedBug: CaseIterable {
    /// Answers go out before what they rest on is durable.
    case answersBeforeStoring
    /// A restart forgets whom the member voted for.
    case forgetsVote
    /// A restart forgets the term too.
    case forgetsTerm
    /// A restart finds the last entries of the log missing.
    case losesTail
    /// Reads are served on a lease, with clocks that differ.
    case readsOnLease
    /// Reads are served at once by whoever takes itself for the leader.
    case readsUnasked
    /// Entries are applied when they come, not when they are committed.
    case appliesUncommitted
    /// Only entries are made durable before answers go out, not terms and votes.
    case syncsEntriesOnly
    /// A restart finds a snapshot that is newer than the state it is said to hold.
    case mislabelsSnapshot
    /// A restart finds the configuration the cluster began with.
    case forgetsConfiguration
    /// A vote is counted twice.
    case countsTwice
    /// With asynchronous writes, the answers of one write go out when the one before is done.
    case answersOneEarly
}

/// Members, each with a disk, and a network that loses, repeats, reorders and cuts off.
final class SimulatedCluster {
    final class Member {
        let id: UInt64
        let disk = SimulatedDisk()
        var node: RaftNode?
        var state: (index: UInt64, hash: UInt64, confState: ConfState) = (0, 0, ConfState())
        var appends: [RaftMessage] = []
        var applies: [RaftMessage] = []
        /// The storage's responses, in order.
        var inbox: [RaftMessage] = []
        var starts: UInt64 = 0

        init(id: UInt64) {
            self.id = id
        }
    }

    private(set) var checker = Checker()
    private(set) var members: [Member] = []
    private var network: [RaftMessage] = []
    private var dice: Dice
    private let seed: UInt64
    private let bug: PlantedBug?
    private var template: RaftNode.Configuration
    private var isCut: Set<[UInt64]> = []
    private var proposals: UInt64 = 0
    /// What the cluster began with.
    private let first: ConfState
    private var lossPercent = 2
    private var isCalm = false

    init(seed: UInt64, bug: PlantedBug? = nil) throws {
        (self.seed, self.bug, self.dice) = (seed, bug, Dice(seed: seed))
        self.template = RaftNode.Configuration(id: 1, seed: 0)
        self.template.electionTicks = bug == .readsOnLease ? 10 : 4
        let writesAsync = self.dice.chance(50) && bug != .answersBeforeStoring && bug != .syncsEntriesOnly
        self.template.asyncStorageWrites = writesAsync || bug == .answersOneEarly
        self.template.preVote = self.dice.chance(50)
        self.template.checkQuorum = self.dice.chance(50)
        self.template.stepDownOnRemoval = self.dice.chance(50)
        self.template.maxBytesPerMessage = UInt64(self.dice.pick([1, 64, 1 << 20]) ?? 1)
        self.template.maxCommittedBytesPerReady = UInt64(self.dice.pick([1, 100, 1 << 20]) ?? 1)
        self.template.maxInflightMessages = self.dice.pick([1, 3, 256]) ?? 1
        self.template.maxUncommittedBytes = UInt64(self.dice.pick([0, 40]) ?? 0)
        if bug == .readsOnLease { (self.template.checkQuorum, self.template.readOnly) = (true, .leaseBased) }
        let voters = (1...UInt64(bug == .readsOnLease ? 3 : self.dice.pick([1, 2, 3, 3, 3, 5]) ?? 3)).map { $0 }
        self.first = ConfState(voters: voters)
        for id in 1...UInt64(5) {
            let member = Member(id: id)
            self.members.append(member)
            member.disk.makeSnapshot = { [unowned member, bug] in Self.snapshot(of: member, bug) }
            guard voters.contains(id) else { continue }
            let metadata = RaftSnapshotMetadata(confState: self.first, index: 1, term: 1)
            member.disk.store([], nil, RaftSnapshot(data: Self.bytes(0), metadata: metadata))
            member.disk.sync()
        }
        for member in self.members { try self.start(member) }
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }

    private static func number(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func content(_ id: UInt64) -> SimulatedDisk.Content? {
        id <= self.members.count ? self.members[Int(id) - 1].disk.durable : nil
    }

    // MARK: Starting and crashing

    private func start(_ member: Member) throws {
        let snapshot = member.disk.durable.snapshot
        member.state = (snapshot.metadata.index, Self.number(snapshot.data), snapshot.metadata.confState)
        if member.starts > 0 { try self.checker.restarted(member.id, term: member.disk.durable.hardState.term) }
        member.starts += 1
        var configuration = self.template
        configuration.id = member.id
        configuration.seed = self.seed ^ member.id << 32 ^ member.starts << 40
        configuration.applied = snapshot.metadata.index
        member.node = try RaftNode(configuration: configuration, storage: member.disk)
        let state = member.node?.confState ?? ConfState()
        try self.checker.check(state, after: snapshot.metadata.index, at: member.id)
    }

    private func crash(_ member: Member) {
        member.node = nil
        (member.appends, member.applies, member.inbox) = ([], [], [])
        member.disk.crash()
        self.checker.count(\.crashes)
        switch self.bug {
        case .forgetsVote: member.disk.damage { $0.hardState.vote = 0 }
        case .forgetsTerm: member.disk.damage { ($0.hardState.vote, $0.hardState.term) = (0, $0.hardState.term / 2) }
        case .losesTail:
            member.disk.damage { content in
                content.entries.removeLast(min(content.entries.count, 2))
                content.hardState.commit = min(content.hardState.commit, content.lastIndex)
            }
        case .forgetsConfiguration:
            let first = self.first
            member.disk.damage { $0.snapshot.metadata.confState = first }
        default: break
        }
    }

    // MARK: What members do

    private func act(_ member: Member, _ action: (inout RaftNode) throws(RaftRefusal) -> Void) throws {
        guard member.node != nil else { return }
        do {
            try action(&member.node!)
        } catch {
            self.checker.count(\.refused)
            if case .impossible(let what) = error.reason, self.bug == nil { throw Violation("\(member.id) refuses: \(what)") }
        }
        guard let node = member.node else { return }
        try self.checker.look(at: node, disks: self.content)
    }

    private func send(_ messages: [RaftMessage]) throws {
        for message in messages {
            try self.checker.sent(message)
            if message.kind == .timeoutNow { self.checker.count(\.transfers) }
            self.network.append(message)
        }
    }

    private func store(
        _ member: Member, _ entries: ArraySlice<RaftEntry>, _ hardState: HardState?, _ snapshot: RaftSnapshot?
    )
        throws
    {
        let before = entries.first.flatMap { first in
            first.index - 1 >= member.disk.firstIndex - 1 && snapshot == nil ? member.disk.term(at: first.index - 1) : nil
        }
        try self.checker.stored(entries, after: before, by: member.id)
        member.disk.store(entries, hardState, snapshot)
        if let snapshot {
            self.checker.count(\.snapshots)
            let hash = Self.number(snapshot.data)
            // The first members begin at a snapshot of nothing.
            if snapshot.metadata.index > 1 {
                try self.checker.checkSnapshot(snapshot.metadata.index, hash: hash, at: member.id)
            }
            member.state = (snapshot.metadata.index, hash, snapshot.metadata.confState)
            try self.checker.check(member.state.confState, after: member.state.index, at: member.id)
        }
        if self.bug == .appliesUncommitted {
            try self.apply(entries.filter { $0.index == member.state.index + 1 }[...], to: member)
        }
    }

    private func apply(_ entries: ArraySlice<RaftEntry>, to member: Member) throws {
        for entry in entries where entry.index > member.state.index {
            guard entry.index == member.state.index + 1 else {
                throw Violation("\(member.id) applies \(entry.index) after \(member.state.index)")
            }
            let hash = try self.checker.apply(entry, to: member.state.hash, by: member.id)
            member.state = (entry.index, hash, member.state.confState)
            if entry.kind != .normal, let state = try? member.node?.applyConfChange(ConfChangeV2(decoding: entry.data)) {
                member.state.confState = state
                self.checker.count(\.changes)
            }
            // A change that cannot be made is void, for all alike.
            try self.checker.check(member.state.confState, after: entry.index, at: member.id)
        }
    }

    private func handleReady(_ member: Member) throws {
        guard member.node?.hasReady == true, let ready = member.node?.ready() else { return }
        for read in ready.readStates { try self.checker.answered(Self.number(read.context), at: read.index) }
        try self.send(ready.messages)
        if self.template.asyncStorageWrites {
            if let message = ready.storageAppend { member.appends.append(message) }
            if let message = ready.storageApply { member.applies.append(message) }
            return
        }
        if self.bug == .answersBeforeStoring {
            try self.send(ready.messagesAfterAppend)
        } else if self.isUnlucky() {
            return self.crash(member)
        }
        try self.store(member, ready.entries, ready.hardState, ready.snapshot)
        if self.bug == .answersBeforeStoring, self.dice.chance(5) { return self.crash(member) }
        let mustSync = self.bug == .syncsEntriesOnly ? !ready.entries.isEmpty : ready.mustSync
        if mustSync || ready.snapshot != nil { member.disk.sync() }
        if self.isUnlucky() { return self.crash(member) }
        if self.bug != .answersBeforeStoring { try self.send(ready.messagesAfterAppend) }
        try self.apply(ready.committedEntries, to: member)
        try self.act(member) { $0.advance() }
    }

    /// Whether a member crashes in the middle of its work.
    private func isUnlucky() -> Bool {
        !self.isCalm && self.dice.below(300) == 0
    }

    private func append(_ member: Member) throws {
        guard !member.appends.isEmpty else { return }
        let message = member.appends.removeFirst()
        let hardState = HardState(term: message.term, vote: message.vote, commit: message.commit)
        try self.store(member, message.entries, hardState == HardState() ? nil : hardState, message.snapshot)
        var responses = message.responses
        if self.bug == .answersOneEarly, !member.appends.isEmpty {
            responses += member.appends[0].responses
            member.appends[0].responses = []
        }
        guard !responses.isEmpty else { return }
        member.disk.sync()
        try self.send(responses.filter { $0.to != member.id })
        member.inbox += responses.filter { $0.to == member.id }
    }

    private func apply(_ member: Member) throws {
        guard !member.applies.isEmpty else { return }
        let message = member.applies.removeFirst()
        try self.apply(message.entries, to: member)
        member.inbox += message.responses
        if let node = member.node { try self.checker.look(at: node, disks: self.content) }
    }

    /// Something that a member has to do, if it has.
    private func work(_ member: Member) throws {
        var tasks: [() throws -> Void] = []
        if member.node?.hasReady == true { tasks.append { try self.handleReady(member) } }
        if !member.appends.isEmpty { tasks.append { try self.append(member) } }
        if !member.applies.isEmpty { tasks.append { try self.apply(member) } }
        if !member.inbox.isEmpty {
            tasks.append {
                let response = member.inbox.removeFirst()
                try self.act(member) { $0.deliver(response) }
            }
        }
        try self.dice.pick(tasks)?()
    }

    private func deliver() throws {
        guard !self.network.isEmpty else { return }
        // Mostly in order, or nothing would get far.
        let position = self.dice.chance(70) ? 0 : self.dice.below(min(self.network.count, 20))
        let message = self.dice.chance(3) ? self.network[position] : self.network.remove(at: position)
        let isLost = self.isCut.contains([message.from, message.to]) || self.dice.chance(self.lossPercent)
        guard !isLost, message.to <= self.members.count, self.members[Int(message.to) - 1].node != nil else {
            self.checker.count(\.dropped)
            return try self.report(message, succeeded: false)
        }
        let decoded = self.dice.chance(10) ? try RaftMessage(decoding: message.encoded()) : message
        let target = self.members[Int(message.to) - 1]
        try self.act(target) { node throws(RaftRefusal) in try node.step(decoded) }
        if self.bug == .countsTwice, message.kind == .voteResponse, !message.reject, let other = self.dice.pick(self.members) {
            var twice = message
            twice.from = other.id
            let second = twice
            try self.act(target) { node throws(RaftRefusal) in try node.step(second) }
        }
        try self.report(message, succeeded: true)
    }

    private func report(_ message: RaftMessage, succeeded: Bool) throws {
        guard message.from <= self.members.count else { return }
        let sender = self.members[Int(message.from) - 1]
        if message.kind == .snapshot {
            try self.act(sender) { $0.reportSnapshot(message.to, succeeded: succeeded) }
        } else if !succeeded, self.dice.chance(20) {
            try self.act(sender) { $0.reportUnreachable(message.to) }
        }
    }

    // MARK: What happens

    /// One event, whichever the dice give.
    func step() throws {
        guard let member = self.dice.pick(self.members) else { return }
        switch self.dice.below(1000) {
        case ..<400: for _ in 0..<3 { try self.deliver() }
        case ..<780: try self.work(member)
        case ..<890:
            // Where reads rest on clocks, let all but one run fast.
            let ticks = self.bug == .readsOnLease && member.id != 1 ? 4 : 1
            for _ in 0..<ticks { try self.act(member) { $0.tick() } }
        case ..<922: try self.propose(member)
        case ..<937: try self.read(member)
        case ..<947: try self.change()
        case ..<960:
            guard let target = self.dice.pick(self.members)?.id else { return }
            try self.act(member) { $0.transferLeadership(to: target) }
        case ..<963: if member.node != nil { self.crash(member) }
        case ..<981: if member.node == nil { try self.start(member) }
        case ..<984: self.cut()
        case ..<991: try self.snapshot(member)
        case ..<993: try self.act(member) { $0.forgetLeader() }
        default:
            // Two at once, so that elections are contested.
            try self.act(member) { $0.campaign() }
            if let other = self.dice.pick(self.members) { try self.act(other) { $0.campaign() } }
        }
    }

    private func propose(_ member: Member) throws {
        let batch = (0..<(1 + self.dice.below(3))).map { offset in
            Self.bytes(self.proposals + UInt64(offset)) + [UInt8](repeating: 7, count: self.dice.below(20))
        }
        self.proposals += 3
        try self.act(member) { node throws(RaftRefusal) in try node.propose(batch) }
    }

    private func read(_ member: Member) throws {
        self.proposals += 1
        let number = self.proposals
        self.checker.asked(number)
        var member = member
        if self.bug == .readsOnLease, let leader = self.dice.pick(self.members.filter { $0.node?.role == .leader }) {
            member = leader
        }
        if self.bug == .readsUnasked, let node = member.node, node.role == .leader {
            return try self.checker.answered(number, at: node.committed)
        }
        try self.act(member) { $0.readIndex(context: Self.bytes(number)) }
    }

    private func change() throws {
        guard let leader = self.members.filter({ $0.node?.role == .leader }).last, let voters = leader.node?.confState.voters
        else { return }
        var change = ConfChangeV2()
        let kinds: [ConfChange.Kind] = [.addNode, .addNode, .removeNode, .addLearnerNode]
        var mayRemove = voters.count > 2
        for _ in 0..<self.dice.below(4) {
            let id = UInt64(1 + self.dice.below(self.members.count))
            let single = ConfChangeSingle(kind: self.dice.pick(kinds) ?? .addNode, nodeID: id)
            // A configuration is known to a member when it applies it. So where most voters go at once, those that go may be
            // the ones that know, and those that stay may wait for their votes forever: a limit of etcd's raft, and documented.
            let removes = single.kind != .addNode && voters.contains(id)
            if removes, !mayRemove { continue }
            if removes { mayRemove = false }
            change.changes.append(single)
        }
        if self.dice.chance(30) { change.transition = self.dice.chance(50) ? .jointExplicit : .jointImplicit }
        let proposed = change
        try self.act(leader) { node throws(RaftRefusal) in try node.proposeConfChange(proposed) }
    }

    private func cut() {
        self.isCut = []
        if self.dice.chance(50) {
            for from in self.members {
                for to in self.members where self.dice.chance(25) { self.isCut.insert([from.id, to.id]) }
            }
        } else if self.dice.chance(50), let alone = self.dice.pick(self.members)?.id {
            for other in self.members {
                self.isCut.insert([alone, other.id])
                self.isCut.insert([other.id, alone])
            }
        }
    }

    /// Of the state as it is now; nil while its last entry is only in the snapshot before.
    private static func snapshot(of member: Member, _ bug: PlantedBug?) -> RaftSnapshot? {
        let index = member.state.index
        guard index > 0, index <= member.disk.lastIndex, index >= member.disk.firstIndex - 1 else { return nil }
        let metadata = RaftSnapshotMetadata(
            confState: member.state.confState, index: index, term: member.disk.term(at: index))
        let hash = bug == .mislabelsSnapshot ? member.state.hash &+ 1 : member.state.hash
        return RaftSnapshot(data: Self.bytes(hash), metadata: metadata)
    }

    private func snapshot(_ member: Member) throws {
        guard member.node != nil, member.state.index > member.disk.durable.snapshot.metadata.index,
            let snapshot = Self.snapshot(of: member, self.bug)
        else { return }
        member.disk.saveSnapshot(snapshot)
        guard self.dice.chance(50) else { return }
        let (index, kept) = (snapshot.metadata.index, UInt64(self.dice.below(5)))
        if index > kept { member.disk.compact(through: index - kept) }
    }

    // MARK: The end

    /// Lets everything work again, and sees that the cluster does: it must elect a leader, leave a joint configuration or
    /// stay in it, and bring every voter to the same state.
    func heal() throws {
        self.isCut = []
        (self.lossPercent, self.isCalm) = (0, true)
        for member in self.members where member.node == nil { try self.start(member) }
        for round in 0..<400 {
            for member in self.members { try self.act(member) { $0.tick() } }
            for _ in 0..<60 { for member in self.members { try self.work(member) } }
            while !self.network.isEmpty { try self.deliver() }
            if round > 40, round % 20 == 0 {
                if self.hasConverged() { return }
                for member in self.members where member.node?.role == .leader { try self.propose(member) }
                // With neither, no one tells a leader of a higher term but who stands in it.
                if !self.template.checkQuorum, !self.template.preVote, let member = self.dice.pick(self.members) {
                    try self.act(member) { $0.campaign() }
                }
            }
        }
        let states = self.members.map { "\($0.id): \($0.node?.role.rawValue ?? "down") at \($0.state.index)" }
        throw Violation("no agreement in the end: \(states.joined(separator: ", "))")
    }

    private func hasConverged() -> Bool {
        let leaders = self.members.filter { $0.node?.role == .leader }
        guard let leader = leaders.max(by: { ($0.node?.term ?? 0) < ($1.node?.term ?? 0) }), let node = leader.node else {
            return false
        }
        let ids = node.confState.voters + node.confState.votersOutgoing + node.confState.learners
        let others = self.members.filter { ids.contains($0.id) }
        return others.allSatisfy { $0.state.index == node.lastIndex && $0.state.hash == leader.state.hash }
    }
}
