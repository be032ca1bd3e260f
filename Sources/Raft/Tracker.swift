internal import EtcdWire

/// The members of the cluster, how far each has come, and what majorities of them make of it.
struct Tracker: Sendable, Hashable {
    /// Each list sorted.
    var configuration = ConfState()
    /// Sorted by id: whoever is in the configuration, and no one else.
    var members: [Progress] = []
    private let maxInflight: Int
    private let maxInflightBytes: UInt64
    /// The votes of the election at hand, in the order they came. A member's first counts.
    private var votes: [Vote] = []

    struct Vote: Hashable {
        var id: UInt64
        var isGranted: Bool
    }

    /// How an election stands.
    enum Outcome: Hashable {
        case pending, lost, won
    }

    init(maxInflight: Int, maxInflightBytes: UInt64) {
        (self.maxInflight, self.maxInflightBytes) = (maxInflight, maxInflightBytes)
    }

    func progress(
        _ id: UInt64, match: UInt64 = 0, next: UInt64, isLearner: Bool, isRecentlyActive: Bool
    ) -> Progress {
        Progress(
            id: id, match: match, next: next, isLearner: isLearner, isRecentlyActive: isRecentlyActive,
            inflights: Inflights(limit: self.maxInflight, byteLimit: self.maxInflightBytes))
    }

    /// Where a member's progress is.
    func position(_ id: UInt64) -> Int? {
        self.members.firstIndex { $0.id == id }
    }

    func isVoter(_ id: UInt64) -> Bool {
        self.configuration.voters.contains(id) || self.configuration.votersOutgoing.contains(id)
    }

    /// Whether a member decides alone. One voter is not enough: it may be another than the leader, which was removed and
    /// leads on until it is told.
    func isAlone(_ id: UInt64) -> Bool {
        self.configuration.voters == [id] && self.configuration.votersOutgoing.isEmpty
    }

    /// All voters, sorted.
    var voters: [UInt64] {
        self.members.lazy.map(\.id).filter(self.isVoter)
    }

    // MARK: Majorities

    /// The highest index up to which a majority has come; in a joint configuration, of the old and of the new alike.
    func agreed(_ value: (Progress) -> UInt64) -> UInt64 {
        min(
            self.agreed(among: self.configuration.voters, value), self.agreed(among: self.configuration.votersOutgoing, value))
    }

    /// No voters agree on everything: so that half a joint configuration counts as the other half does.
    private func agreed(among voters: [UInt64], _ value: (Progress) -> UInt64) -> UInt64 {
        guard !voters.isEmpty else { return .max }
        let quorum = voters.count / 2 + 1
        var best: UInt64 = 0
        for candidate in self.members where voters.contains(candidate.id) {
            let reached = value(candidate)
            guard reached > best else { continue }
            var count = 0
            for other in self.members where voters.contains(other.id) && value(other) >= reached {
                count += 1
            }
            if count >= quorum { best = reached }
        }
        return best
    }

    private func outcome(_ vote: (UInt64) -> Bool?) -> Outcome {
        let incoming = Self.outcome(among: self.configuration.voters, vote)
        let outgoing = Self.outcome(among: self.configuration.votersOutgoing, vote)
        if incoming == outgoing { return incoming }
        return incoming == .lost || outgoing == .lost ? .lost : .pending
    }

    private static func outcome(among voters: [UInt64], _ vote: (UInt64) -> Bool?) -> Outcome {
        guard !voters.isEmpty else { return .won }
        var (granted, missing) = (0, 0)
        for id in voters {
            switch vote(id) {
            case true?: granted += 1
            case nil: missing += 1
            case false?: break
            }
        }
        let quorum = voters.count / 2 + 1
        if granted >= quorum { return .won }
        return granted + missing >= quorum ? .pending : .lost
    }

    /// Whether a quorum has been heard of lately.
    var quorumIsActive: Bool {
        self.outcome { id in self.position(id).map { self.members[$0].isRecentlyActive && !self.members[$0].isLearner } }
            == .won
    }

    // MARK: Votes

    mutating func resetVotes() {
        self.votes = []
    }

    mutating func record(_ id: UInt64, isGranted: Bool) {
        guard !self.votes.contains(where: { $0.id == id }) else { return }
        self.votes.append(Vote(id: id, isGranted: isGranted))
    }

    var election: Outcome {
        self.outcome { id in self.votes.first { $0.id == id }?.isGranted }
    }
}
