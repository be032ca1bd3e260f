public import EtcdWire

/// One member's part in the consensus of a cluster, with the behaviour of etcd's own.
///
/// The node is a value with no clock, no disk and no network. Its driver
/// - calls ``tick()`` at even intervals, ``step(_:)`` with each message that comes, and ``propose(_:)`` and the like for its
///   own clients;
/// - while ``hasReady``, takes ``ready()`` and does what it says: stores, sends, applies; then calls ``advance()``, or, with
///   `asyncStorageWrites`, ``deliver(_:)`` with the responses of each finished write.
///
/// The same calls on the same storage with the same seed give the same results. Nothing that comes from the network stops
/// the process: what cannot be is refused (``RaftRefusal``). Calls that only a wrong driver makes are preconditions.
///
/// Roles: a follower that misses its leader becomes a pre-candidate (with pre-vote) or a candidate, a pre-candidate with a
/// majority a candidate, a candidate with a majority the leader of its term. A higher term makes anyone a follower.
///
/// Ongaro, "Consensus: Bridging Theory and Practice" (2014), called the thesis here.
public struct RaftNode {
    /// The id of the storage that appends; messages to it are to be carried out in order.
    public static let appendStorage = UInt64.max
    /// The id of the storage that applies.
    public static let applyStorage = UInt64.max - 1
    /// No term and no index goes beyond: counting up from one that a stranger claims cannot overflow.
    static let highest: UInt64 = 1 << 62

    public let configuration: Configuration
    var log: RaftLog
    var tracker: Tracker
    public internal(set) var term: UInt64 = 0
    /// Who has this member's vote in the term; 0 for no one.
    public internal(set) var vote: UInt64 = 0
    /// Who leads, as far as is known; 0 for no one.
    public internal(set) var leader: UInt64 = 0
    public internal(set) var role = RaftStatus.Role.follower
    /// To whom the leader is handing over; 0 for no one.
    public internal(set) var leadTransferee: UInt64 = 0

    /// May be sent at once.
    var messages: [RaftMessage] = []
    /// May be sent, or delivered here, once everything up to now is durable.
    var messagesAfterAppend: [RaftMessage] = []
    /// At or after the last configuration change in the log. The next may be proposed once it is applied.
    var pendingConfIndex: UInt64 = 0
    /// Bytes of the leader's proposals that are not known to be committed. Never too high.
    var uncommittedBytes: UInt64 = 0
    var reads = ReadQueue()
    var readStates: [ReadState] = []
    /// A snapshot that came while entries before it are being applied; taken in after them.
    var heldSnapshot: RaftMessage?

    var electionElapsed = 0
    var heartbeatElapsed = 0
    /// Between `electionTicks` and twice that.
    var randomizedElectionTimeout = 0
    var jitter: ElectionJitter

    // What was last handed out, and what is to follow it.
    var lastSoftState = SoftState()
    var lastHardState = HardState()
    var stepsOnAdvance: [RaftMessage] = []
    var awaitsAdvance = false

    /// Starts a member from what its storage holds.
    ///
    /// - Throws: When what is stored cannot be: the disk is damaged, or is not the member's own.
    public init(configuration: Configuration, storage: any RaftStorage) throws(RaftRefusal) {
        configuration.check()
        let applying = configuration.maxCommittedBytesPerReady
        self.configuration = configuration
        self.log = RaftLog(storage: storage, maxApplyingBytes: applying == 0 ? configuration.maxBytesPerMessage : applying)
        self.tracker = Tracker(
            maxInflight: configuration.maxInflightMessages, maxInflightBytes: configuration.maxInflightBytes)
        self.jitter = ElectionJitter(seed: configuration.seed)
        let (hardState, confState) = storage.initialState
        do {
            self.tracker = try ConfChanger(tracker: self.tracker, lastIndex: self.log.lastIndex).restoring(confState)
        } catch {
            throw RaftRefusal(.impossible("the stored configuration is none: \(error.reason)"))
        }
        // What was applied, or is in a snapshot, was committed, whether or not the commit index was stored in time.
        let (commit, last) = (max(hardState.commit, configuration.applied), self.log.lastIndex)
        guard commit <= last, hardState.term < Self.highest, last < Self.highest else {
            throw RaftRefusal(
                .impossible("stored: term \(hardState.term), committed and applied to \(commit); the log ends at \(last)"))
        }
        self.log.commit(to: commit)
        (self.term, self.vote) = (hardState.term, hardState.vote)
        if configuration.applied > self.log.applied { self.log.applied(to: configuration.applied, bytes: 0) }
        self.becomeFollower(term: self.term, leader: 0)
        (self.lastSoftState, self.lastHardState) = (self.softState, self.hardState)
    }

    /// Begins the log of a new cluster: an added member for each of its first ones, committed from the start. Every member
    /// of the cluster must begin with the same.
    public mutating func bootstrap(_ members: [ConfChange]) throws(ConfChangeRefused) {
        precondition(self.log.lastIndex == 0 && !members.isEmpty, "a log that holds something cannot be begun")
        self.lastHardState = HardState()
        self.becomeFollower(term: 1, leader: 0)
        let entries = members.enumerated().map { offset, change in
            RaftEntry(kind: .confChange, term: 1, index: UInt64(offset + 1), data: change.encoded())
        }
        self.log.append(entries[...])
        self.log.commit(to: self.log.lastIndex)
        // The driver will apply them again, which changes nothing.
        for change in members {
            try self.applyConfChange(change)
        }
    }

    static func isStorage(_ id: UInt64) -> Bool {
        id == Self.appendStorage || id == Self.applyStorage
    }

    public var id: UInt64 { self.configuration.id }
    /// The last entry known to be committed.
    public var committed: UInt64 { self.log.committed }
    /// The last entry known to be applied.
    public var applied: UInt64 { self.log.applied }
    public var lastIndex: UInt64 { self.log.lastIndex }
    /// The term of an entry of the log, or of the snapshot before it; nil if there is none.
    public func term(at index: UInt64) -> UInt64? { self.log.term(at: index) }
    public var confState: ConfState { self.tracker.configuration }

    // MARK: Roles

    mutating func becomeFollower(term: UInt64, leader: UInt64) {
        self.reset(term: term)
        self.leader = leader
        self.role = .follower
    }

    mutating func becomeCandidate() {
        precondition(self.role != .leader, "a leader does not stand for election")
        self.reset(term: self.term + 1)
        self.vote = self.id
        self.role = .candidate
    }

    /// Neither the term nor the vote changes: an election is only tried.
    mutating func becomePreCandidate() {
        precondition(self.role != .leader, "a leader does not stand for election")
        self.tracker.resetVotes()
        self.leader = 0
        self.role = .preCandidate
    }

    mutating func becomeLeader() {
        precondition(self.role == .candidate, "only a candidate wins an election")
        self.reset(term: self.term)
        self.leader = self.id
        self.role = .leader
        if let own = self.tracker.position(self.id) {
            self.tracker.members[own].becomeReplicate()
            self.tracker.members[own].isRecentlyActive = true
        }
        // There may be a configuration change among what is not applied; none is proposed until all that is.
        self.pendingConfIndex = self.log.lastIndex
        // An empty entry is never too much: with it, what earlier terms left is committed (thesis, 3.6.2).
        let accepted = self.append([RaftEntry()])
        precondition(accepted, "the entry that begins a term was refused")
    }

    mutating func reset(term: UInt64) {
        if self.term != term { (self.term, self.vote) = (term, 0) }
        self.leader = 0
        (self.electionElapsed, self.heartbeatElapsed) = (0, 0)
        let ticks = self.configuration.electionTicks
        self.randomizedElectionTimeout = ticks + self.jitter.next(below: ticks)
        self.leadTransferee = 0
        self.tracker.resetVotes()
        let last = self.log.lastIndex
        for position in self.tracker.members.indices {
            let member = self.tracker.members[position]
            self.tracker.members[position] = self.tracker.progress(
                member.id, match: member.id == self.id ? last : 0, next: last + 1, isLearner: member.isLearner,
                isRecentlyActive: false)
        }
        (self.pendingConfIndex, self.uncommittedBytes) = (0, 0)
        self.reads.reset()
        (self.heldSnapshot, self.log.isHeld) = (nil, false)
    }

    // MARK: Time

    /// Lets one unit of time go by.
    public mutating func tick() {
        self.electionElapsed += 1
        if self.role == .leader { self.tickLeader() } else { self.tickElection() }
    }

    private mutating func tickElection() {
        guard self.isPromotable, self.electionElapsed >= self.randomizedElectionTimeout else { return }
        self.electionElapsed = 0
        self.campaign()
    }

    private mutating func tickLeader() {
        self.heartbeatElapsed += 1
        if self.electionElapsed >= self.configuration.electionTicks {
            self.electionElapsed = 0
            if self.configuration.checkQuorum { self.checkQuorum() }
            // Who has not taken over by now will not.
            if self.role == .leader { self.leadTransferee = 0 }
        }
        guard self.role == .leader, self.heartbeatElapsed >= self.configuration.heartbeatTicks else { return }
        self.heartbeatElapsed = 0
        self.broadcastHeartbeat()
    }

    private mutating func checkQuorum() {
        if !self.tracker.quorumIsActive { self.becomeFollower(term: self.term, leader: 0) }
        for position in self.tracker.members.indices where self.tracker.members[position].id != self.id {
            self.tracker.members[position].isRecentlyActive = false
        }
    }

    /// Sets the timeout that is drawn from the seed otherwise, for a script that has to know it.
    package mutating func setElectionTimeout(ticks: Int) {
        self.randomizedElectionTimeout = ticks
    }
}
