import EtcdWire
import Testing

@testable import Raft

/// Majorities, compared with what the words say.
@Suite struct TrackerTests {
    private func tracker(_ voters: [UInt64], _ outgoing: [UInt64], learners: [UInt64] = []) throws -> Tracker {
        var state = ConfState(voters: voters, learners: learners)
        state.votersOutgoing = outgoing
        let empty = Tracker(maxInflight: 1, maxInflightBytes: 0)
        return try ConfChanger(tracker: empty, lastIndex: 0).restoring(state)
    }

    private func subsets(of ids: [UInt64]) -> [[UInt64]] {
        (0..<(1 << ids.count)).map { bits in ids.indices.filter { bits >> $0 & 1 == 1 }.map { ids[$0] } }
    }

    /// Every configuration of up to five members, joint or not, and every index up to which each can have come.
    @Test func agreedIndex() throws {
        var dice = Dice(seed: 11)
        for voters in self.subsets(of: [1, 2, 3, 4, 5]) where !voters.isEmpty {
            for outgoing in self.subsets(of: [1, 2, 3, 4, 5]) {
                var tracker = try self.tracker(voters, outgoing)
                for _ in 0..<4 {
                    for position in tracker.members.indices {
                        tracker.members[position].acknowledgedRead = UInt64(dice.below(4))
                    }
                    let reached = { (id: UInt64) in tracker.members.first { $0.id == id }?.acknowledgedRead ?? 0 }
                    // The highest index that more than half of each half has.
                    let expected = (0...3).last { index in
                        [voters, outgoing].allSatisfy { half in
                            half.isEmpty || half.filter { reached($0) >= UInt64(index) }.count * 2 > half.count
                        }
                    }
                    #expect(tracker.agreed(\.acknowledgedRead) == UInt64(expected ?? 0), "\(voters) and \(outgoing)")
                }
            }
        }
    }

    @Test func elections() throws {
        var dice = Dice(seed: 12)
        for voters in self.subsets(of: [1, 2, 3, 4, 5]) where !voters.isEmpty {
            for outgoing in self.subsets(of: [1, 2, 3, 4, 5]) {
                var tracker = try self.tracker(voters, outgoing)
                var votes: [UInt64: Bool] = [:]
                for id in tracker.voters where dice.chance(70) {
                    votes[id] = dice.chance(60)
                    tracker.record(id, isGranted: votes[id] == true)
                    // The first one counts.
                    tracker.record(id, isGranted: votes[id] == false)
                }
                // What becomes of it if all that are missing say yes, or say no.
                func isWon(_ missing: Bool) -> Bool {
                    [voters, outgoing].allSatisfy { half in
                        half.isEmpty || half.filter { votes[$0] ?? missing }.count * 2 > half.count
                    }
                }
                let expected: Tracker.Outcome = isWon(false) ? .won : isWon(true) ? .pending : .lost
                #expect(tracker.election == expected, "\(voters) and \(outgoing), votes \(votes)")
            }
        }
    }

    // MARK: Changes

    private func apply(_ changes: String, to tracker: Tracker, _ transition: ConfChangeV2.Transition = .auto) throws -> Tracker
    {
        let singles = changes.split(separator: " ").map { word in
            let kinds: [Character: ConfChange.Kind] = ["+": .addNode, "-": .removeNode, "~": .addLearnerNode, "!": .updateNode]
            return ConfChangeSingle(kind: kinds[word.first!]!, nodeID: UInt64(word.dropFirst())!)
        }
        let change = ConfChangeV2(transition: transition, changes: singles)
        return try ConfChanger(tracker: tracker, lastIndex: 10).applying(change)
    }

    private func words(_ tracker: Tracker) -> String {
        Trace.configuration(tracker.configuration)
    }

    @Test func simpleChanges() throws {
        var tracker = try self.tracker([1], [])
        for (change, after) in [
            ("+2", "(1 2)"), ("+2", "(1 2)"), ("~3", "(1 2) learners (3)"), ("+3", "(1 2 3)"), ("~2", "(1 3) learners (2)"),
            ("!9", "(1 3) learners (2)"), ("-9", "(1 3) learners (2)"), ("+0", "(1 3) learners (2)"), ("-2", "(1 3)"),
            ("-1", "(3)"),
        ] {
            tracker = try self.apply(change, to: tracker)
            #expect(self.words(tracker) == after, "\(change)")
            #expect(tracker.members.map(\.id) == (tracker.configuration.voters + tracker.configuration.learners).sorted())
        }
        // Added members are probed at the end of the log.
        #expect(tracker.members.map(\.next) == [10])
        let last = tracker
        #expect(throws: ConfChangeRefused.self) { try self.apply("-3", to: last) }
        #expect(throws: ConfChangeRefused.self) { try self.apply("", to: last) }
    }

    @Test func jointChanges() throws {
        let tracker = try self.tracker([1, 2, 3], [], learners: [4])
        let joint = try self.apply("-1 ~2 +4 +5", to: tracker)
        #expect(self.words(joint) == "(3 4 5)&(1 2 3) then learners (2) to be left by itself")
        #expect(joint.members.map(\.id) == [1, 2, 3, 4, 5])
        #expect(joint.members.allSatisfy { !$0.isLearner })
        #expect(throws: ConfChangeRefused.self) { try self.apply("+6", to: joint) }
        #expect(throws: ConfChangeRefused.self) { try self.apply("+6 +7", to: joint) }
        let left = try self.apply("", to: joint)
        #expect(self.words(left) == "(3 4 5) learners (2)")
        #expect(left.members.map(\.isLearner) == [true, false, false, false])
        let explicit = try self.apply("+4", to: tracker, .jointExplicit)
        #expect(self.words(explicit) == "(1 2 3 4)&(1 2 3)")
        // As it was stored, it comes back.
        let empty = Tracker(maxInflight: 1, maxInflightBytes: 0)
        let restored = try ConfChanger(tracker: empty, lastIndex: 10).restoring(joint.configuration)
        #expect(restored.configuration == joint.configuration)
        #expect(restored.members.map(\.id) == joint.members.map(\.id))
        #expect(throws: ConfChangeRefused.self) { try self.apply("-1 -2 -3", to: tracker) }
    }

    /// Whatever changes come, no one is voter and learner at once, and whoever counts is tracked.
    @Test func anyChanges() throws {
        var dice = Dice(seed: 13)
        var (made, refused) = (0, 0)
        for _ in 0..<200 {
            var tracker = try self.tracker([1, 2, 3], [])
            for _ in 0..<40 {
                let words = (0..<dice.below(4)).map { _ in "\(dice.pick(["+", "-", "~"]) ?? "+")\(1 + dice.below(6))" }
                let transition = dice.pick(ConfChangeV2.Transition.allCases) ?? .auto
                guard let next = try? self.apply(words.joined(separator: " "), to: tracker, transition) else {
                    refused += 1
                    continue
                }
                made += 1
                let state = next.configuration
                let voters = Set(state.voters).union(state.votersOutgoing)
                #expect(voters.isDisjoint(with: state.learners) && !state.voters.isEmpty)
                #expect(next.members.map(\.id) == voters.union(state.learners).sorted())
                #expect(next.members.filter(\.isLearner).map(\.id) == state.learners)
                if state.votersOutgoing.isEmpty {
                    let changed = Set(state.voters).symmetricDifference(tracker.configuration.voters)
                    #expect(changed.count <= 1 || !tracker.configuration.votersOutgoing.isEmpty)
                }
                tracker = next
            }
        }
        #expect(made > 1000 && refused > 1000)
    }
}
