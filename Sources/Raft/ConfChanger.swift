internal import EtcdWire

/// A change of the configuration that cannot be made.
public struct ConfChangeRefused: Error, Hashable, CustomStringConvertible {
    /// What stands against it.
    public var reason: String

    init(_ reason: String) {
        self.reason = reason
    }

    public var description: String { "the configuration stays as it is: \(self.reason)" }
}

extension ConfChangeV2 {
    /// The same change as a list of one.
    init(_ change: ConfChange) {
        self.init(changes: [ConfChangeSingle(kind: change.kind, nodeID: change.nodeID)], context: change.context)
    }

    var leavesJoint: Bool {
        self.transition == .auto && self.changes.isEmpty
    }

    var entersJoint: Bool {
        self.transition != .auto || self.changes.count > 1
    }
}

/// Works out the configuration, and the progress of its members, that a change leads to.
///
/// A joint configuration decides with a majority of `voters` (what is to come) and one of `votersOutgoing` (what was). A
/// voter that becomes a learner waits in `learnersNext` until the joint configuration is left, for no one is both.
struct ConfChanger {
    private var tracker: Tracker
    private let lastIndex: UInt64

    init(tracker: Tracker, lastIndex: UInt64) {
        (self.tracker, self.lastIndex) = (tracker, lastIndex)
    }

    /// The tracker after a change.
    func applying(_ change: ConfChangeV2) throws(ConfChangeRefused) -> Tracker {
        var changer = self
        if change.leavesJoint {
            try changer.leaveJoint()
        } else if change.entersJoint {
            try changer.enterJoint(autoLeave: change.transition != .jointExplicit, change.changes)
        } else {
            try changer.simple(change.changes)
        }
        try Self.check(changer.tracker.configuration)
        return changer.tracker
    }

    /// The tracker of a stored configuration.
    func restoring(_ state: ConfState) throws(ConfChangeRefused) -> Tracker {
        try Self.check(state)
        var tracker = self.tracker
        tracker.configuration = state
        tracker.configuration.voters.sort()
        tracker.configuration.votersOutgoing.sort()
        tracker.configuration.learners.sort()
        tracker.configuration.learnersNext.sort()
        let learners = Set(state.learners)
        let ids = Set(state.voters).union(state.votersOutgoing).union(learners)
        tracker.members = ids.sorted().map { id in
            tracker.progress(
                id, next: max(self.lastIndex, 1), isLearner: learners.contains(id), isRecentlyActive: true)
        }
        return tracker
    }

    private mutating func enterJoint(autoLeave: Bool, _ changes: [ConfChangeSingle]) throws(ConfChangeRefused) {
        guard self.tracker.configuration.votersOutgoing.isEmpty else {
            throw ConfChangeRefused("it is joint already; leave that first")
        }
        guard !self.tracker.configuration.voters.isEmpty else { throw ConfChangeRefused("it has no voters to begin with") }
        self.tracker.configuration.votersOutgoing = self.tracker.configuration.voters
        try self.apply(changes)
        self.tracker.configuration.autoLeave = autoLeave
    }

    private mutating func leaveJoint() throws(ConfChangeRefused) {
        let outgoing = self.tracker.configuration.votersOutgoing
        guard !outgoing.isEmpty else { throw ConfChangeRefused("it is not joint, so there is nothing to leave") }
        for id in self.tracker.configuration.learnersNext {
            Self.insert(id, into: &self.tracker.configuration.learners)
            if let position = self.tracker.position(id) { self.tracker.members[position].isLearner = true }
        }
        self.tracker.configuration.learnersNext = []
        self.tracker.configuration.votersOutgoing = []
        self.tracker.configuration.autoLeave = false
        let configuration = self.tracker.configuration
        self.tracker.members.removeAll { member in
            outgoing.contains(member.id) && !configuration.voters.contains(member.id)
                && !configuration.learners.contains(member.id)
        }
    }

    private mutating func simple(_ changes: [ConfChangeSingle]) throws(ConfChangeRefused) {
        guard self.tracker.configuration.votersOutgoing.isEmpty else {
            throw ConfChangeRefused("it is joint; leave that before changing one member")
        }
        let before = Set(self.tracker.configuration.voters)
        try self.apply(changes)
        guard before.symmetricDifference(self.tracker.configuration.voters).count <= 1 else {
            throw ConfChangeRefused("more than one voter changes, which takes a joint configuration")
        }
    }

    private mutating func apply(_ changes: [ConfChangeSingle]) throws(ConfChangeRefused) {
        // 0 stands for a change that was found void after it had been proposed.
        for change in changes where change.nodeID != 0 {
            switch change.kind {
            case .addNode: self.makeVoter(change.nodeID)
            case .addLearnerNode: self.makeLearner(change.nodeID)
            case .removeNode: self.remove(change.nodeID)
            case .updateNode: break
            }
        }
        guard !self.tracker.configuration.voters.isEmpty else { throw ConfChangeRefused("no voter would be left") }
    }

    private mutating func makeVoter(_ id: UInt64) {
        guard let position = self.tracker.position(id) else { return self.add(id, isLearner: false) }
        self.tracker.members[position].isLearner = false
        self.tracker.configuration.learners.removeAll { $0 == id }
        self.tracker.configuration.learnersNext.removeAll { $0 == id }
        Self.insert(id, into: &self.tracker.configuration.voters)
    }

    private mutating func makeLearner(_ id: UInt64) {
        guard let position = self.tracker.position(id) else { return self.add(id, isLearner: true) }
        guard !self.tracker.members[position].isLearner else { return }
        self.tracker.configuration.voters.removeAll { $0 == id }
        if self.tracker.configuration.votersOutgoing.contains(id) {
            Self.insert(id, into: &self.tracker.configuration.learnersNext)
        } else {
            self.tracker.members[position].isLearner = true
            Self.insert(id, into: &self.tracker.configuration.learners)
        }
    }

    private mutating func remove(_ id: UInt64) {
        self.tracker.configuration.voters.removeAll { $0 == id }
        self.tracker.configuration.learners.removeAll { $0 == id }
        self.tracker.configuration.learnersNext.removeAll { $0 == id }
        if !self.tracker.configuration.votersOutgoing.contains(id) { self.tracker.members.removeAll { $0.id == id } }
    }

    private mutating func add(_ id: UInt64, isLearner: Bool) {
        if isLearner {
            Self.insert(id, into: &self.tracker.configuration.learners)
        } else {
            Self.insert(id, into: &self.tracker.configuration.voters)
        }
        // Active, so that check-quorum does not count against it before it could say a word.
        let progress = self.tracker.progress(
            id, next: max(self.lastIndex, 1), isLearner: isLearner, isRecentlyActive: true)
        let position = self.tracker.members.firstIndex { $0.id > id } ?? self.tracker.members.endIndex
        self.tracker.members.insert(progress, at: position)
    }

    private static func insert(_ id: UInt64, into ids: inout [UInt64]) {
        guard !ids.contains(id) else { return }
        ids.insert(id, at: ids.firstIndex { $0 > id } ?? ids.endIndex)
    }

    /// What holds of every configuration.
    private static func check(_ state: ConfState) throws(ConfChangeRefused) {
        let lists = [state.voters, state.votersOutgoing, state.learners, state.learnersNext]
        for ids in lists {
            guard Set(ids).count == ids.count, !ids.contains(0) else {
                throw ConfChangeRefused("a member is listed twice, or has the id 0: \(ids)")
            }
        }
        if state.voters.isEmpty, lists.contains(where: { !$0.isEmpty }) { throw ConfChangeRefused("it has no voters") }
        let voters = Set(state.voters).union(state.votersOutgoing)
        guard voters.isDisjoint(with: state.learners) else {
            throw ConfChangeRefused("a learner among \(state.learners) is a voter too")
        }
        guard Set(state.votersOutgoing).isSuperset(of: state.learnersNext),
            Set(state.voters).isDisjoint(with: state.learnersNext)
        else { throw ConfChangeRefused("a learner to be among \(state.learnersNext) is not leaving the voters") }
        if state.votersOutgoing.isEmpty, state.autoLeave {
            throw ConfChangeRefused("it is to be left automatically, but is not joint")
        }
    }
}
