#if QUORATE_PLANTED_BUGS
    public import EtcdWire
#endif

extension RaftNode {
    /// How a member behaves. The defaults are etcd's own.
    public struct Configuration: Sendable, Hashable {
        /// Who this member is; neither 0 nor one of the two ids of the storage.
        public var id: UInt64
        /// Ticks without a word from the leader until an election, and for which a leader lives without its quorum.
        public var electionTicks = 10
        /// Ticks between two heartbeats.
        public var heartbeatTicks = 1
        /// What the jitter of the election timeout is drawn from: the same seed gives the same timeouts. Members of a
        /// cluster must differ in it.
        public var seed: UInt64
        /// The last entry that was applied before a restart; 0 when the storage's snapshot is the last.
        public var applied: UInt64 = 0
        /// Whether storage is written by way of ``RaftMessage/Kind/storageAppend`` and ``RaftMessage/Kind/storageApply``
        /// and their responses, instead of ``RaftNode/ready()`` and ``RaftNode/advance()``.
        public var asyncStorageWrites = false
        /// Bytes of entries in one message. There is always at least one entry.
        public var maxBytesPerMessage: UInt64 = 1 << 20
        /// Bytes of committed entries that are being applied at a time; 0 for `maxBytesPerMessage`.
        public var maxCommittedBytesPerReady: UInt64 = 0
        /// Bytes of data a leader takes in before they are committed; 0 for no limit.
        public var maxUncommittedBytes: UInt64 = 0
        /// Appends on their way to one follower.
        public var maxInflightMessages = 512
        /// Bytes on their way to one follower; 0 for no limit.
        public var maxInflightBytes: UInt64 = 0
        /// Whether a leader that has not heard from a quorum for an election timeout steps down, and a member that has heard
        /// from its leader within one does not vote for another.
        public var checkQuorum = true
        /// Whether an election is first tried without a new term (thesis, 9.6).
        public var preVote = true
        /// How a read learns that its leader still leads.
        public var readOnly = ReadOnly.safe
        public var disableProposalForwarding = false
        public var disableConfChangeValidation = false
        /// Whether a leader that is removed or made a learner steps down.
        public var stepDownOnRemoval = false

        #if QUORATE_PLANTED_BUGS
            public var bug: PlantedBug?
        #endif

        public init(id: UInt64, seed: UInt64) {
            (self.id, self.seed) = (id, seed)
        }

        /// How a read learns that its leader still leads.
        public enum ReadOnly: Sendable, Hashable {
            /// A quorum answers a heartbeat sent after the read came.
            case safe
            /// The leader's lease is trusted, and with it the clocks of all members.
            case leaseBased
        }

        func check() {
            precondition(self.id != 0 && !RaftNode.isStorage(self.id), "id \(self.id) is reserved")
            precondition(self.heartbeatTicks > 0, "heartbeatTicks must be greater than 0")
            precondition(self.electionTicks > self.heartbeatTicks, "electionTicks must be greater than heartbeatTicks")
            precondition(self.maxInflightMessages > 0, "maxInflightMessages must be greater than 0")
            precondition(
                self.maxInflightBytes == 0 || self.maxInflightBytes >= self.maxBytesPerMessage,
                "maxInflightBytes must be at least maxBytesPerMessage")
            precondition(self.readOnly == .safe || self.checkQuorum, "reads by lease need checkQuorum")
        }
    }
}

/// Draws election timeouts (SplitMix64), so that a seed decides them all.
struct ElectionJitter: Sendable, Hashable {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    /// A number from 0 up to, not including, `limit`.
    mutating func next(below limit: Int) -> Int {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        value ^= value >> 31
        return Int(value % UInt64(limit))
    }
}
