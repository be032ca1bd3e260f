import EtcdWire
import Raft
import Testing

/// What a single member does with limits, storage and messages that cannot be.
@Suite struct NodeTests {
    private static func configuration(_ change: (inout RaftNode.Configuration) -> Void = { _ in }) -> RaftNode.Configuration {
        var configuration = RaftNode.Configuration(id: 1, seed: 7)
        (configuration.preVote, configuration.checkQuorum) = (false, false)
        change(&configuration)
        return configuration
    }

    private static func storage(voters: [UInt64], term: UInt64 = 1, index: UInt64 = 5) -> MemoryStorage {
        let metadata = RaftSnapshotMetadata(confState: ConfState(voters: voters), index: index, term: term)
        return MemoryStorage(snapshot: RaftSnapshot(data: [], metadata: metadata))
    }

    /// Does all work there is; returns the messages that were to be sent.
    @discardableResult
    private static func settle(_ node: inout RaftNode, _ storage: MemoryStorage) -> [RaftMessage] {
        var messages: [RaftMessage] = []
        while node.hasReady {
            let ready = node.ready()
            if let snapshot = ready.snapshot { storage.apply(snapshot) }
            if let hardState = ready.hardState { storage.hardState = hardState }
            storage.append(ready.entries)
            messages += ready.messages + ready.messagesAfterAppend
            node.advance()
        }
        return messages
    }

    /// A leader of 1, 2 and 3 whose followers have everything up to its first entry, at 6.
    private static func leader(_ change: (inout RaftNode.Configuration) -> Void = { _ in }) throws -> (RaftNode, MemoryStorage)
    {
        let storage = Self.storage(voters: [1, 2, 3])
        var node = try RaftNode(configuration: Self.configuration(change), storage: storage)
        node.campaign()
        Self.settle(&node, storage)
        try node.step(RaftMessage(.voteResponse, to: 1, from: 2, term: node.term))
        Self.settle(&node, storage)
        for peer in [UInt64(2), 3] { try Self.acknowledge(6, from: peer, &node) }
        Self.settle(&node, storage)
        return (node, storage)
    }

    private static func acknowledge(_ index: UInt64, from peer: UInt64, _ node: inout RaftNode) throws {
        var message = RaftMessage(.appendResponse, to: 1, from: peer, term: node.term)
        message.index = index
        try node.step(message)
    }

    private static func appends(_ messages: [RaftMessage], to peer: UInt64) -> [[UInt64]] {
        messages.filter { $0.kind == .append && $0.to == peer }.map { $0.entries.map(\.index) }
    }

    // MARK: Limits

    @Test func messagesAreLimitedInBytes() throws {
        // An entry with 100 bytes of data takes 108.
        var (node, storage) = try Self.leader { ($0.maxBytesPerMessage, $0.maxInflightMessages) = (220, 1) }
        for _ in 0..<5 { try node.propose([UInt8](repeating: 1, count: 100)) }
        #expect(Self.appends(Self.settle(&node, storage), to: 2) == [[7]])
        try Self.acknowledge(7, from: 2, &node)
        // One is in flight at a time, with as much as fits.
        #expect(Self.appends(Self.settle(&node, storage), to: 2).filter { !$0.isEmpty } == [[8, 9]])
        try Self.acknowledge(9, from: 2, &node)
        #expect(Self.appends(Self.settle(&node, storage), to: 2).filter { !$0.isEmpty } == [[10, 11]])
    }

    @Test func flightIsLimitedInBytes() throws {
        var (node, storage) = try Self.leader { ($0.maxBytesPerMessage, $0.maxInflightBytes) = (150, 250) }
        for _ in 0..<6 { try node.propose([UInt8](repeating: 1, count: 100)) }
        // The third one goes over the limit, and is the last.
        #expect(Self.appends(Self.settle(&node, storage), to: 2) == [[7], [8], [9]])
        #expect(node.status.progress[1].inflight == 3 && node.status.progress[1].inflightIsFull)
        try Self.acknowledge(8, from: 2, &node)
        #expect(Self.appends(Self.settle(&node, storage), to: 2).filter { !$0.isEmpty } == [[10], [11]])
    }

    @Test func uncommittedBytesAreLimited() throws {
        var (node, storage) = try Self.leader { $0.maxUncommittedBytes = 100 }
        // Any size, while nothing else waits.
        try node.propose([UInt8](repeating: 1, count: 300))
        #expect(throws: RaftRefusal(.tooMuchUncommitted)) { try node.propose([1]) }
        // Nothing is never too much.
        try node.propose([UInt8]())
        Self.settle(&node, storage)
        try Self.acknowledge(8, from: 2, &node)
        Self.settle(&node, storage)
        try node.propose([[UInt8](repeating: 1, count: 60), [UInt8](repeating: 1, count: 40)])
        #expect(throws: RaftRefusal(.tooMuchUncommitted)) { try node.propose([1]) }
    }

    @Test func committedEntriesComeInPages() throws {
        var (node, storage) = try Self.leader { $0.maxCommittedBytesPerReady = 220 }
        try node.propose((0..<5).map { _ in [UInt8](repeating: 1, count: 100) })
        Self.settle(&node, storage)
        try Self.acknowledge(11, from: 2, &node)
        var pages: [[UInt64]] = []
        while node.hasReady {
            pages.append(node.ready().committedEntries.map(\.index))
            node.advance()
        }
        #expect(pages.filter { !$0.isEmpty } == [[7, 8], [9, 10], [11]])
    }

    @Test func batchIsOneMessage() throws {
        var (node, storage) = try Self.leader()
        try node.propose((0..<1000).map { [UInt8(truncatingIfNeeded: $0)] })
        let messages = Self.settle(&node, storage)
        #expect(Self.appends(messages, to: 2) == [Array(7...1006)])
        #expect(storage.lastIndex == 1006)
    }

    // MARK: Proposals

    @Test func proposalsAreForwardedOrNot() throws {
        for isDisabled in [false, true] {
            let storage = Self.storage(voters: [1, 2, 3])
            var node = try RaftNode(
                configuration: Self.configuration { $0.disableProposalForwarding = isDisabled }, storage: storage)
            #expect(throws: RaftRefusal(.noLeader)) { try node.propose([1]) }
            try node.step(RaftMessage(.heartbeat, to: 1, from: 2, term: 3))
            Self.settle(&node, storage)
            guard !isDisabled else {
                #expect(throws: RaftRefusal(.forwardingDisabled)) { try node.propose([1]) }
                continue
            }
            try node.propose([1])
            let message = try #require(Self.settle(&node, storage).first)
            #expect(message.kind == .proposal && message.to == 2 && message.from == 1 && message.term == 0)
            #expect(message.entries.map(\.data) == [[1]])
        }
    }

    /// A change while another one is not applied becomes an empty entry; so does leaving what is not joint.
    @Test func changesAreMadeOneByOne() throws {
        var (node, storage) = try Self.leader()
        try node.proposeConfChange(ConfChangeV2())
        try node.proposeConfChange(ConfChange(kind: .addNode, nodeID: 4))
        try node.proposeConfChange(ConfChange(kind: .addNode, nodeID: 5))
        Self.settle(&node, storage)
        #expect(storage.entries(from: 7, to: 10, maxBytes: .max).map(\.kind) == [.normal, .confChange, .normal])
        // Not even a broken one stops the leader, but it is refused.
        var broken = RaftMessage(.proposal, to: 1, from: 2)
        broken.entries = [RaftEntry(kind: .confChange, term: 0, index: 0, data: [0xFF])]
        #expect(throws: RaftRefusal.self) { try node.step(broken) }
        #expect(node.lastIndex == 9)
    }

    // MARK: Starting

    /// etcd's own first entries: one for each member, of term 1, committed.
    @Test func bootstrap() throws {
        let storage = MemoryStorage()
        var node = try RaftNode(configuration: Self.configuration(), storage: storage)
        let members = [UInt64(1), 2].map { ConfChange(kind: .addNode, nodeID: $0, context: [UInt8($0)]) }
        try node.bootstrap(members)
        let ready = node.ready()
        #expect(ready.hardState == HardState(term: 1, vote: 0, commit: 2))
        #expect(ready.entries.map(\.data) == members.map { $0.encoded() })
        #expect(ready.entries.map { [$0.term, $0.index] } == [[1, 1], [1, 2]])
        #expect(Array(ready.committedEntries) == Array(ready.entries) && ready.mustSync)
        #expect(node.confState == ConfState(voters: [1, 2]))
        // Applied again, they change nothing.
        for change in members { #expect(try node.applyConfChange(change) == ConfState(voters: [1, 2])) }
    }

    @Test func restart() throws {
        let storage = Self.storage(voters: [1], term: 1, index: 5)
        storage.append([RaftEntry(term: 2, index: 6, data: [6]), RaftEntry(term: 2, index: 7, data: [7])])
        storage.hardState = HardState(term: 3, vote: 1, commit: 6)
        var node = try RaftNode(configuration: Self.configuration { $0.applied = 5 }, storage: storage)
        #expect(node.status.hardState == storage.hardState && node.applied == 5 && node.lastIndex == 7)
        // Committed, and not applied yet.
        #expect(node.ready().committedEntries.map(\.index) == [6])
        // What the disk cannot hold is refused.
        storage.hardState.commit = 8
        #expect(throws: RaftRefusal.self) { try RaftNode(configuration: Self.configuration(), storage: storage) }
        let twice = Self.storage(voters: [1, 1])
        #expect(throws: RaftRefusal.self) { try RaftNode(configuration: Self.configuration(), storage: twice) }
    }

    // MARK: Timeouts

    @Test func timeoutsComeFromTheSeed() throws {
        func timeouts(seed: UInt64) throws -> [Int] {
            var node = try RaftNode(
                configuration: Self.configuration { $0.seed = seed }, storage: Self.storage(voters: [1, 2, 3]))
            var timeouts: [Int] = []
            for _ in 0..<200 {
                var (ticks, term) = (0, node.term)
                while node.term == term { (ticks, _) = (ticks + 1, node.tick()) }
                timeouts.append(ticks)
                term = node.term
            }
            return timeouts
        }
        let first = try timeouts(seed: 1)
        #expect(try timeouts(seed: 1) == first)
        #expect(try timeouts(seed: 2) != first)
        #expect(Set(first) == Set(10..<20), "from the timeout up to its double")
    }

    // MARK: What cannot be

    @Test func impossibleMessagesAreRefused() throws {
        let storage = Self.storage(voters: [1, 2, 3])
        storage.append([RaftEntry(term: 2, index: 6, data: []), RaftEntry(term: 2, index: 7, data: [])])
        storage.hardState = HardState(term: 2, vote: 0, commit: 7)
        let node = try RaftNode(configuration: Self.configuration(), storage: storage)
        func append(_ change: (inout RaftMessage) -> Void) -> RaftMessage {
            var message = RaftMessage(.append, to: 1, from: 2, term: 3)
            (message.index, message.logTerm) = (7, 2)
            message.entries = [RaftEntry(term: 3, index: 8, data: [])]
            change(&message)
            return message
        }
        var beyond = RaftMessage(.heartbeat, to: 1, from: 2, term: 3)
        beyond.commit = 9
        var snapshot = RaftMessage(.snapshot, to: 1, from: 2, term: 3)
        let state = ConfState(voters: [1, 2], learners: [2])
        snapshot.snapshot = RaftSnapshot(data: [], metadata: RaftSnapshotMetadata(confState: state, index: 9, term: 3))
        let messages = [
            append { $0.term = 0 }, append { $0.term = .max }, append { $0.from = 0 }, append { $0.from = 1 },
            append { $0.entries[0].index = 9 }, append { $0.entries[0].term = 4 }, append { $0.entries[0].term = 1 },
            beyond, snapshot, RaftMessage(.hup, to: 1, from: 2, term: 3), RaftMessage(.forgetLeader, to: 1, from: 2, term: 3),
            RaftMessage(.appendResponse, to: 1, from: 9, term: 3), RaftMessage(.readIndexResponse, to: 1, from: 2, term: 3),
            RaftMessage(.proposal, to: 1, from: 2),
            RaftMessage(.storageAppendResponse, to: 1, from: RaftNode.appendStorage, term: 2),
        ]
        for message in messages {
            var fresh = node
            #expect(throws: RaftRefusal.self, "\(message)") { try fresh.step(message) }
            #expect(fresh.committed == 7 && fresh.lastIndex == 7)
        }
        var sound = node
        try sound.step(append { _ in })
        #expect(sound.lastIndex == 8)
    }

    /// What is committed is not replaced, whatever a leader says; what is not, is.
    @Test func committedEntriesAreKept() throws {
        let storage = Self.storage(voters: [1, 2, 3])
        storage.append([RaftEntry(term: 2, index: 6, data: []), RaftEntry(term: 2, index: 7, data: [])])
        storage.hardState = HardState(term: 2, vote: 0, commit: 6)
        var node = try RaftNode(configuration: Self.configuration(), storage: storage)
        Self.settle(&node, storage)
        var message = RaftMessage(.append, to: 1, from: 2, term: 4)
        (message.index, message.logTerm) = (6, 2)
        message.entries = [RaftEntry(term: 3, index: 7, data: [])]
        try node.step(message)
        // Not committed: replaced.
        #expect(node.term(at: 7) == 3)
        message.commit = 7
        try node.step(message)
        #expect(node.committed == 7)
        message.entries = [RaftEntry(term: 4, index: 7, data: [])]
        try node.step(message)
        #expect(node.term(at: 7) == 3)
        // It is told what is committed.
        #expect(Self.settle(&node, storage).last?.index == 7)
    }
}
