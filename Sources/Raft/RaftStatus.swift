public import EtcdWire

/// A member's view of itself and, if it leads, of the others.
public struct RaftStatus: Sendable, Hashable {
    public var id: UInt64
    public var hardState: HardState
    /// 0 for no one.
    public var leader: UInt64
    public var role: Role
    public var applied: UInt64
    /// To whom the leader is handing over; 0 for no one.
    public var leadTransferee: UInt64
    public var confState: ConfState
    /// Sorted by id. Empty unless the member leads.
    public var progress: [Progress]

    /// What a member is in its term.
    public enum Role: String, Sendable, Hashable {
        case follower, preCandidate, candidate, leader
    }

    /// How far a member has come, as its leader sees it.
    public struct Progress: Sendable, Hashable {
        public var id: UInt64
        public var match: UInt64
        public var next: UInt64
        public var state: State
        public var isLearner: Bool
        public var isPaused: Bool
        /// 0 for none.
        public var pendingSnapshot: UInt64
        public var isRecentlyActive: Bool
        /// Appends not yet acknowledged.
        public var inflight: Int
        public var inflightIsFull: Bool

        /// How a leader sends to a member.
        public enum State: String, Sendable, Hashable {
            case probe, replicate, snapshot
        }
    }
}

extension RaftNode {
    public var status: RaftStatus {
        RaftStatus(
            id: self.id, hardState: self.hardState, leader: self.leader, role: self.role, applied: self.log.applied,
            leadTransferee: self.leadTransferee, confState: self.tracker.configuration,
            progress: self.role == .leader ? self.tracker.members.map(\.status) : [])
    }
}

extension Progress {
    var status: RaftStatus.Progress {
        RaftStatus.Progress(
            id: self.id, match: self.match, next: self.next, state: self.state, isLearner: self.isLearner,
            isPaused: self.isPaused, pendingSnapshot: self.pendingSnapshot, isRecentlyActive: self.isRecentlyActive,
            inflight: self.inflights.count, inflightIsFull: self.inflights.isFull)
    }
}
