import EtcdWire
import Raft

/// Members of a cluster that do what a script says and nothing else, and a trace of what they did.
final class ScenarioWorld {
    final class Member: RaftStorage {
        var node: RaftNode?
        let storage: MemoryStorage
        /// The state machine: a snapshot made of everything applied.
        var state: RaftSnapshot
        var appends: [RaftMessage] = []
        var applies: [RaftMessage] = []

        init(snapshot: RaftSnapshot) {
            self.state = snapshot
            self.storage = MemoryStorage(snapshot: snapshot)
        }

        var initialState: (hardState: HardState, confState: ConfState) { self.storage.initialState }
        var firstIndex: UInt64 { self.storage.firstIndex }
        var lastIndex: UInt64 { self.storage.lastIndex }
        func term(at index: UInt64) -> UInt64 { self.storage.term(at: index) }
        func entries(from start: UInt64, to end: UInt64, maxBytes: UInt64) -> ArraySlice<RaftEntry> {
            self.storage.entries(from: start, to: end, maxBytes: maxBytes)
        }
        func snapshot() -> RaftSnapshot? { self.state }
    }

    /// A line of a script that cannot be carried out.
    struct Misunderstood: Error, CustomStringConvertible {
        var description: String
    }

    private var members: [Member] = []
    private var messages: [RaftMessage] = []
    private var trace: [String] = []

    /// Carries out one command and returns what happened.
    func run(_ command: String) throws -> [String] {
        self.trace = []
        var line = Command(command)
        let isQuiet = line.takeFlag("quietly")
        try self.perform(&line)
        if let word = line.words.first { throw Misunderstood(description: "\(word) in: \(command)") }
        return isQuiet ? [] : self.trace
    }

    private func perform(_ line: inout Command) throws {
        switch try line.word() {
        case "start": try self.start(&line)
        case "restart": for id in try line.ids() { try self.restart(self.member(id)) }
        case "campaign": try self.act(line.id()) { $0.campaign() }
        case "tick":
            let (id, count) = (try line.id(), try line.id())
            for _ in 0..<count { try self.act(id) { $0.tick() } }
        case "timeout":
            let (id, ticks) = (try line.id(), try line.id())
            try self.act(id) { $0.setElectionTimeout(ticks: Int(ticks)) }
        case "propose":
            let (id, data) = (try line.id(), Array(try line.word().utf8))
            try self.act(id) { node throws(RaftRefusal) in try node.propose(data) }
        case "change": try self.change(&line)
        case "read":
            let (id, context) = (try line.id(), Array(try line.word().utf8))
            try self.act(id) { $0.readIndex(context: context) }
        case "transfer":
            let (id, target) = (try line.id(), try line.id())
            try self.act(id) { $0.transferLeadership(to: target) }
        case "forget": try self.act(line.id()) { $0.forgetLeader() }
        case "unreachable":
            let (id, peer) = (try line.id(), try line.id())
            try self.act(id) { $0.reportUnreachable(peer) }
        case "ready": for id in try line.ids() { try self.handleReady(self.member(id)) }
        case "append": for id in try line.ids() { try self.append(self.member(id)) }
        case "apply": for id in try line.ids() { try self.apply(self.member(id)) }
        case "deliver":
            let kind = line.takeOption("only")
            for id in try line.ids() { try self.deliver(to: id, only: kind) }
        case "lose": for id in try line.ids() { self.lose(to: id) }
        case "settle":
            let ids = try line.ids()
            try self.settle(ids.isEmpty ? self.members : ids.map(self.member))
        case "compact":
            let (id, index) = (try line.id(), try line.id())
            try self.member(id).storage.compact(through: index)
            self.trace.append("\(id) has [\(Trace.entries(try self.log(id)))]")
        case "send": try self.sendSnapshot(from: line.id(), to: line.id())
        case "log": for id in try line.ids() { self.trace.append("\(id) has [\(Trace.entries(try self.log(id)))]") }
        case "roles": self.roles()
        case "progress": self.trace += try self.node(line.id()).status.progress.map(Trace.progress)
        case let word: throw Misunderstood(description: "no command: \(word)")
        }
    }

    // MARK: Members

    private func member(_ id: UInt64) throws -> Member {
        guard id > 0, id <= self.members.count else { throw Misunderstood(description: "no member \(id)") }
        return self.members[Int(id) - 1]
    }

    private func node(_ id: UInt64) throws -> RaftNode {
        guard let node = try self.member(id).node else { throw Misunderstood(description: "no member \(id)") }
        return node
    }

    private func start(_ line: inout Command) throws {
        let count = try line.id()
        var configuration = RaftNode.Configuration(id: 1, seed: 0)
        (configuration.electionTicks, configuration.maxBytesPerMessage) = (3, .max)
        configuration.asyncStorageWrites = line.takeFlag("async")
        configuration.preVote = line.takeFlag("prevote")
        configuration.checkQuorum = line.takeFlag("checkquorum")
        configuration.disableConfChangeValidation = line.takeFlag("unvalidated")
        configuration.stepDownOnRemoval = line.takeFlag("stepdown")
        configuration.readOnly = line.takeFlag("lease") ? .leaseBased : .safe
        configuration.maxCommittedBytesPerReady = try line.takeNumber("page") ?? 0
        configuration.maxInflightMessages = Int(try line.takeNumber("inflight") ?? 1 << 20)
        configuration.applied = try line.takeNumber("at") ?? 0
        let state = ConfState(voters: try line.takeIDs("voters"), learners: try line.takeIDs("learners"))
        let metadata = RaftSnapshotMetadata(
            confState: state, index: configuration.applied, term: configuration.applied == 0 ? 0 : 1)
        for _ in 0..<count {
            let member = Member(snapshot: RaftSnapshot(data: [], metadata: metadata))
            configuration.id = UInt64(self.members.count + 1)
            configuration.seed = configuration.id
            member.node = try RaftNode(configuration: configuration, storage: member)
            self.members.append(member)
        }
    }

    /// Lets a member do something, and notes what became of it.
    private func act(_ id: UInt64, _ action: (inout RaftNode) throws(RaftRefusal) -> Void) throws {
        let member = try self.member(id)
        guard var node = member.node.take() else { throw Misunderstood(description: "no member \(id)") }
        let before = (node.role, node.term, node.leader)
        do {
            try action(&node)
        } catch {
            self.trace.append("\(id): \(error)")
        }
        if before != (node.role, node.term, node.leader) {
            self.trace.append("\(id) becomes \(node.role.rawValue) in term \(node.term), leader \(node.leader)")
        }
        member.node = node
    }

    private func change(_ line: inout Command) throws {
        let id = try line.id()
        let isSingle = line.takeFlag("single")
        var change = ConfChangeV2()
        if line.takeFlag("explicit") { change.transition = .jointExplicit }
        if line.takeFlag("implicit") { change.transition = .jointImplicit }
        while !line.words.isEmpty {
            let word = try line.word()
            guard let number = UInt64(word.dropFirst()) else { throw Misunderstood(description: "no change: \(word)") }
            switch word.first {
            case "+": change.changes.append(ConfChangeSingle(kind: .addNode, nodeID: number))
            case "-": change.changes.append(ConfChangeSingle(kind: .removeNode, nodeID: number))
            case "~": change.changes.append(ConfChangeSingle(kind: .addLearnerNode, nodeID: number))
            default: throw Misunderstood(description: "no change: \(word)")
            }
        }
        let whole = change
        try self.act(id) { node throws(RaftRefusal) in
            if isSingle {
                try node.proposeConfChange(ConfChange(kind: whole.changes[0].kind, nodeID: whole.changes[0].nodeID))
            } else {
                try node.proposeConfChange(whole)
            }
        }
    }

    /// Begins a member again from what it has stored.
    private func restart(_ member: Member) throws {
        guard var configuration = member.node?.configuration else { return }
        (member.appends, member.applies) = ([], [])
        configuration.applied = member.state.metadata.index
        let node = try RaftNode(configuration: configuration, storage: member)
        member.node = node
        self.trace.append("\(node.id) begins in term \(node.term), commit \(node.committed), last \(node.lastIndex)")
    }

    private func roles() {
        for node in self.members.compactMap(\.node) {
            let state = node.confState
            let what = (state.voters + state.votersOutgoing).contains(node.id) ? "" : ", no voter"
            self.trace.append("\(node.id) is \(node.role.rawValue) in term \(node.term), leader \(node.leader)\(what)")
        }
    }

    private func log(_ id: UInt64) throws -> ArraySlice<RaftEntry> {
        let storage = try self.member(id).storage
        guard storage.lastIndex >= storage.firstIndex else { return [] }
        return storage.entries(from: storage.firstIndex, to: storage.lastIndex + 1, maxBytes: .max)
    }

    // MARK: Work

    private func handleReady(_ member: Member) throws {
        guard var node = member.node.take() else { return }
        let ready = node.ready()
        member.node = node
        self.trace += Trace.ready(ready, of: node.id)
        self.messages += ready.messages + ready.messagesAfterAppend
        if node.configuration.asyncStorageWrites {
            if let message = ready.storageAppend { member.appends.append(message) }
            if let message = ready.storageApply { member.applies.append(message) }
            return
        }
        Self.store(ready.entries, ready.hardState, ready.snapshot, in: member)
        try self.apply(ready.committedEntries, to: member)
        try self.act(node.id) { $0.advance() }
    }

    private static func store(
        _ entries: ArraySlice<RaftEntry>, _ hardState: HardState?, _ snapshot: RaftSnapshot?, in member: Member
    ) {
        if let hardState { member.storage.hardState = hardState }
        if let snapshot {
            member.storage.apply(snapshot)
            member.state = snapshot
        }
        member.storage.append(entries)
    }

    private func apply(_ entries: ArraySlice<RaftEntry>, to member: Member) throws {
        for entry in entries {
            var state = member.state.metadata.confState
            switch entry.kind {
            case .normal: member.state.data += entry.data
            case .confChange: state = try member.node?.applyConfChange(ConfChange(decoding: entry.data)) ?? state
            case .confChangeV2: state = try member.node?.applyConfChange(ConfChangeV2(decoding: entry.data)) ?? state
            }
            if entry.kind != .normal { self.trace.append("\(member.node?.id ?? 0) has \(Trace.configuration(state))") }
            member.state.metadata = RaftSnapshotMetadata(confState: state, index: entry.index, term: entry.term)
        }
    }

    private func append(_ member: Member) throws {
        guard !member.appends.isEmpty else { return self.trace.append("nothing to append") }
        let message = member.appends.removeFirst()
        let hardState = HardState(term: message.term, vote: message.vote, commit: message.commit)
        Self.store(message.entries, hardState == HardState() ? nil : hardState, message.snapshot, in: member)
        self.finish(message)
    }

    private func apply(_ member: Member) throws {
        guard !member.applies.isEmpty else { return self.trace.append("nothing to apply") }
        let message = member.applies.removeFirst()
        try self.apply(message.entries, to: member)
        self.finish(message)
    }

    private func finish(_ message: RaftMessage) {
        let what = message.entries.isEmpty ? "" : " [\(Trace.entries(message.entries))]"
        let verb = message.kind == .storageAppend ? "has stored" : "has applied"
        self.trace.append("\(message.from) \(verb)\(what.isEmpty ? " its state" : what)")
        self.trace += message.responses.map { "  \(Trace.message($0))" }
        self.messages += message.responses
    }

    private func sendSnapshot(from: UInt64, to: UInt64) throws {
        var message = RaftMessage(.snapshot, to: to, from: from, term: try self.node(from).term)
        message.snapshot = try self.member(from).snapshot()
        self.trace.append(Trace.message(message))
        self.messages.append(message)
    }

    // MARK: Messages

    private static func isOwn(_ message: RaftMessage) -> Bool {
        message.from == message.to || message.from >= RaftNode.applyStorage
    }

    private func deliver(to id: UInt64, only kind: String?) throws {
        let isMeant: (RaftMessage) -> Bool = { $0.to == id && (kind == nil || "\($0.kind)" == kind) }
        let delivered = self.messages.filter(isMeant)
        self.messages.removeAll(where: isMeant)
        for message in delivered {
            self.trace.append("\(id) takes \(message.kind) of \(Trace.who(message.from))")
            if Self.isOwn(message) {
                try self.act(id) { $0.deliver(message) }
            } else {
                let decoded = try RaftMessage(decoding: message.encoded())
                try self.act(id) { node throws(RaftRefusal) in try node.step(decoded) }
            }
        }
    }

    /// A storage's answers are never lost.
    private func lose(to id: UInt64) {
        let isMeant: (RaftMessage) -> Bool = { $0.to == id && !Self.isOwn($0) }
        self.trace += self.messages.filter(isMeant).map { "lost: \(Trace.message($0))" }
        self.messages.removeAll(where: isMeant)
    }

    /// Lets members work until nothing is left to do among them.
    private func settle(_ members: [Member]) throws {
        var isDone = false
        while !isDone {
            isDone = true
            for member in members where member.node?.hasReady == true {
                try self.handleReady(member)
                isDone = false
            }
            for id in members.compactMap({ $0.node?.id }) where self.messages.contains(where: { $0.to == id }) {
                try self.deliver(to: id, only: nil)
                isDone = false
            }
            for member in members {
                while !member.appends.isEmpty { try self.append(member); isDone = false }
            }
            for member in members {
                while !member.applies.isEmpty { try self.apply(member); isDone = false }
            }
        }
    }
}

/// The words of one command.
struct Command {
    private(set) var words: [String]

    init(_ text: String) {
        self.words = text.split(separator: " ").map(String.init)
    }

    mutating func word() throws -> String {
        guard !self.words.isEmpty else { throw ScenarioWorld.Misunderstood(description: "a word is missing") }
        return self.words.removeFirst()
    }

    mutating func id() throws -> UInt64 {
        let word = try self.word()
        guard let id = UInt64(word) else { throw ScenarioWorld.Misunderstood(description: "no number: \(word)") }
        return id
    }

    mutating func ids() throws -> [UInt64] {
        var ids: [UInt64] = []
        while !self.words.isEmpty { ids.append(try self.id()) }
        return ids
    }

    mutating func takeFlag(_ name: String) -> Bool {
        guard let position = self.words.firstIndex(of: name) else { return false }
        self.words.remove(at: position)
        return true
    }

    /// The value of `name=value`.
    mutating func takeOption(_ name: String) -> String? {
        guard let position = self.words.firstIndex(where: { $0.hasPrefix("\(name)=") }) else { return nil }
        return String(self.words.remove(at: position).dropFirst(name.count + 1))
    }

    mutating func takeNumber(_ name: String) throws -> UInt64? {
        guard let text = self.takeOption(name) else { return nil }
        guard let number = UInt64(text) else { throw ScenarioWorld.Misunderstood(description: "no number: \(text)") }
        return number
    }

    mutating func takeIDs(_ name: String) throws -> [UInt64] {
        (self.takeOption(name) ?? "").split(separator: ",").compactMap { UInt64($0) }
    }
}
