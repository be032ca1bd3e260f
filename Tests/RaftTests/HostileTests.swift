import EtcdWire
import Testing

@testable import Raft

/// Messages that no member would send, to members in every state: nothing stops the process, and what a member has
/// committed stays.
@Suite struct HostileTests {
    private struct Sender {
        var dice: Dice
        var node: RaftNode

        mutating func number() -> UInt64 {
            let near = [self.node.lastIndex, self.node.committed, self.node.term]
            switch self.dice.below(10) {
            case 0: return 0
            case 1: return self.dice.next()
            case 2: return RaftNode.highest - UInt64(self.dice.below(3))
            case 3: return .max - UInt64(self.dice.below(3))
            default: return (self.dice.pick(near) ?? 0) &+ UInt64(self.dice.below(5)) &- 2
            }
        }

        mutating func ids() -> [UInt64] {
            (0..<self.dice.below(4)).map { _ in UInt64(self.dice.below(5)) }
        }

        mutating func entry(after index: UInt64) -> RaftEntry {
            var data = (0..<self.dice.below(12)).map { _ in UInt8(truncatingIfNeeded: self.dice.next()) }
            let kinds: [RaftEntry.Kind] = [.normal, .normal, .confChange, .confChangeV2]
            let kind = self.dice.pick(kinds) ?? .normal
            if kind == .confChangeV2, self.dice.chance(50) {
                data = ConfChangeV2(changes: self.ids().map { ConfChangeSingle(kind: .addNode, nodeID: $0) }).encoded()
            }
            let term = self.dice.chance(80) ? self.node.term : self.number()
            return RaftEntry(kind: kind, term: term, index: self.dice.chance(90) ? index &+ 1 : self.number(), data: data)
        }

        mutating func message() -> RaftMessage {
            var message = RaftMessage(self.dice.pick(RaftMessage.Kind.allCases) ?? .hup, to: self.node.id)
            message.from = self.dice.pick([0, 1, 2, 2, 3, 3, 4, .max, .max - 1]) ?? 0
            message.term = self.dice.chance(80) ? self.node.term : self.number()
            (message.index, message.logTerm) = (self.number(), self.number())
            if self.dice.chance(60) { message.logTerm = self.node.term(at: message.index) ?? 0 }
            (message.commit, message.rejectHint) = (self.number(), self.number())
            message.reject = self.dice.chance(30)
            var index = message.index
            for _ in 0..<self.dice.below(4) {
                message.entries.append(self.entry(after: index))
                index &+= 1
            }
            if self.dice.chance(30) {
                let state = ConfState(voters: self.ids(), learners: self.ids())
                let metadata = RaftSnapshotMetadata(confState: state, index: self.number(), term: self.number())
                message.snapshot = RaftSnapshot(data: [], metadata: metadata)
            }
            if self.dice.chance(30) { message.context = (0..<self.dice.below(10)).map { UInt8($0) } }
            if self.dice.chance(10) { message.context = RaftNode.transferContext }
            return message
        }
    }

    private func store(_ node: inout RaftNode, on disk: SimulatedDisk) {
        while node.hasReady {
            let ready = node.ready()
            disk.store(ready.entries, ready.hardState, ready.snapshot)
            for entry in ready.committedEntries where entry.kind != .normal {
                if let change = try? ConfChangeV2(decoding: entry.data) { _ = try? node.applyConfChange(change) }
            }
            node.advance()
        }
    }

    @Test func nothingStopsIt() throws {
        var (taken, refused) = (0, 0)
        for seed in UInt64(1)...300 {
            let disk = SimulatedDisk()
            let metadata = RaftSnapshotMetadata(confState: ConfState(voters: [1, 2, 3]), index: 5, term: 1)
            disk.store([], nil, RaftSnapshot(data: [], metadata: metadata))
            disk.makeSnapshot = { [unowned disk] in disk.written.snapshot }
            var configuration = RaftNode.Configuration(id: 1, seed: seed)
            configuration.applied = 5
            (configuration.checkQuorum, configuration.preVote) = (seed % 2 == 0, seed % 3 == 0)
            var sender = Sender(dice: Dice(seed: seed), node: try RaftNode(configuration: configuration, storage: disk))
            for _ in 0..<150 {
                let before = (sender.node.term, sender.node.committed)
                switch sender.dice.below(20) {
                case 0: sender.node.campaign()
                case 1: try? sender.node.propose([1, 2, 3])
                case 2: sender.node.tick()
                case 3: sender.node.readIndex(context: [1])
                case 4 where sender.node.role == .candidate:
                    // Help it to lead.
                    let vote = RaftMessage(.voteResponse, to: 1, from: 2, term: sender.node.term)
                    try sender.node.step(vote)
                default:
                    let message = sender.message()
                    do {
                        try sender.node.step(message)
                        taken += 1
                    } catch {
                        refused += 1
                    }
                }
                #expect(sender.node.term >= before.0 && sender.node.committed >= before.1, "seed \(seed)")
                #expect(sender.node.committed <= sender.node.lastIndex, "seed \(seed)")
                if sender.dice.chance(70) { self.store(&sender.node, on: disk) }
            }
        }
        #expect(taken > 3000 && refused > 3000, "\(taken) taken, \(refused) refused")
    }
}
