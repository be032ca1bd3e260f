// raftpb (proto2): what raft members say to each other, and a member to its own storage.

/// One message between raft members (`raftpb.Message`). What a field means depends on the kind.
public struct RaftMessage: WireMessage {
    /// More entries than any member puts into one message; what claims to hold more is refused.
    public static let maximumEntries = 1 << 20

    public var kind: Kind = .hup
    public var to: UInt64 = 0
    public var from: UInt64 = 0
    /// The sender's term; 0 in what is not bound to one, such as a forwarded proposal.
    public var term: UInt64 = 0
    /// The term of the log's entry at `index`.
    public var logTerm: UInt64 = 0
    /// The entry before `entries`; in answers, the entry that is acknowledged or refused.
    public var index: UInt64 = 0
    /// A slice, so that a leader's log can be sent as it stands.
    public var entries: ArraySlice<RaftEntry> = []
    public var commit: UInt64 = 0
    public var snapshot: RaftSnapshot?
    public var reject = false
    /// In a refusal, where the logs may still agree.
    public var rejectHint: UInt64 = 0
    public var context: [UInt8] = []
    /// Only in ``Kind/storageAppend``.
    public var vote: UInt64 = 0
    /// What is to be delivered once this message's writes are done. Only between a member and its own storage.
    public var responses: [RaftMessage] = []

    public init() {}

    public init(_ kind: Kind, to: UInt64 = 0, from: UInt64 = 0, term: UInt64 = 0) {
        (self.kind, self.to, self.from, self.term) = (kind, to, from, term)
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.kind = try reader.enumeration()
        case 2: self.to = try reader.uint64()
        case 3: self.from = try reader.uint64()
        case 4: self.term = try reader.uint64()
        case 5: self.logTerm = try reader.uint64()
        case 6: self.index = try reader.uint64()
        case 7:
            guard self.entries.count < Self.maximumEntries else { throw WireError(.tooLarge, offset: 0) }
            self.entries.append(try reader.message())
        case 8: self.commit = try reader.uint64()
        case 9:
            var snapshot = self.snapshot ?? RaftSnapshot()
            try reader.merge(into: &snapshot)
            self.snapshot = snapshot
        case 10: self.reject = try reader.bool()
        case 11: self.rejectHint = try reader.uint64()
        case 12: self.context = try reader.bytes()
        case 13: self.vote = try reader.uint64()
        case 14:
            guard self.responses.count < Self.maximumEntries else { throw WireError(.tooLarge, offset: 0) }
            self.responses.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.kind, always: true)
        writer.uint64(2, self.to, always: true)
        writer.uint64(3, self.from, always: true)
        writer.uint64(4, self.term, always: true)
        writer.uint64(5, self.logTerm, always: true)
        writer.uint64(6, self.index, always: true)
        for entry in self.entries {
            writer.message(7, entry)
        }
        writer.uint64(8, self.commit, always: true)
        writer.message(9, self.snapshot)
        writer.bool(10, self.reject, always: true)
        writer.uint64(11, self.rejectHint, always: true)
        writer.bytes(12, self.context)
        writer.uint64(13, self.vote, always: true)
        writer.message(14, self.responses)
    }

    /// What a message asks or answers, by raftpb's numbers.
    public enum Kind: Int32, Sendable, Hashable, CaseIterable {
        case hup = 0
        case beat, proposal, append, appendResponse, vote, voteResponse, snapshot, heartbeat, heartbeatResponse
        case unreachable, snapshotStatus, checkQuorum, transferLeader, timeoutNow, readIndex, readIndexResponse
        case preVote, preVoteResponse, storageAppend, storageAppendResponse, storageApply, storageApplyResponse
        case forgetLeader
    }
}
