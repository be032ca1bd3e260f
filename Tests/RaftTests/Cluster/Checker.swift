import EtcdWire
import Raft

/// Something that must never be.
struct Violation: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Watches a cluster from outside, and knows everything that any member ever did.
///
/// - Election safety: one leader a term. And one vote a term, over restarts.
/// - Log matching: an index and a term name one entry, with one log before it.
/// - Leader completeness: a leader has all that was committed in earlier terms.
/// - State machine safety: members apply the same entries at the same indexes.
/// - Durability: what is committed is on the disks of a quorum at that moment.
/// - A member's term and commit index never go back; its term and vote not over a restart either.
/// - A read sees all that any member had applied when it was asked for.
struct Checker {
    private struct Place: Hashable {
        var term: UInt64
        var index: UInt64
    }

    private struct Ballot: Hashable {
        var term: UInt64
        var voter: UInt64
    }

    private struct Committed {
        var term: UInt64
        /// The term of the leader that committed it, or a later one.
        var committedIn: UInt64
    }

    private var leaders: [UInt64: UInt64] = [:]
    private var votes: [Ballot: UInt64] = [:]
    private var entries: [Place: (before: UInt64, entry: RaftEntry)] = [:]
    private var committed: [UInt64: Committed] = [:]
    private var applied: [UInt64: (entry: RaftEntry, hash: UInt64)] = [:]
    private var last: [UInt64: (term: UInt64, commit: UInt64)] = [:]
    private var configurations: [UInt64: ConfState] = [:]
    private var reads: [UInt64: UInt64] = [:]
    private(set) var highestApplied: UInt64 = 0
    private(set) var counts = Counts()

    /// What a run has come across, to see that it came across anything.
    struct Counts {
        var elections = 0
        var applied = 0
        var reads = 0
        var snapshots = 0
        var changes = 0
        var transfers = 0
        var crashes = 0
        var dropped = 0
        var refused = 0

        static func + (left: Counts, right: Counts) -> Counts {
            Counts(
                elections: left.elections + right.elections, applied: left.applied + right.applied,
                reads: left.reads + right.reads, snapshots: left.snapshots + right.snapshots,
                changes: left.changes + right.changes, transfers: left.transfers + right.transfers,
                crashes: left.crashes + right.crashes, dropped: left.dropped + right.dropped,
                refused: left.refused + right.refused)
        }
    }

    mutating func count(_ what: WritableKeyPath<Counts, Int>) {
        self.counts[keyPath: what] += 1
    }

    /// To be called after everything a member does.
    mutating func look(at node: RaftNode, disks: (UInt64) -> SimulatedDisk.Content?) throws {
        if let last = self.last[node.id], node.term < last.term || node.committed < last.commit {
            throw Violation("\(node.id) went back from \(last) to term \(node.term), commit \(node.committed)")
        }
        if node.role == .leader, self.leaders[node.term] != node.id {
            if let other = self.leaders[node.term] { throw Violation("\(node.id) and \(other) lead in term \(node.term)") }
            self.leaders[node.term] = node.id
            self.counts.elections += 1
            // Its own vote counted, or it would not lead.
            if node.confState.voters.contains(node.id) { try self.vote(of: node.id, for: node.id, in: node.term) }
            try self.checkCompleteness(of: node)
        }
        var index = (self.last[node.id]?.commit ?? 0) + 1
        while index <= node.committed {
            // Not there: part of a snapshot.
            if let term = node.term(at: index) { try self.commit(index, term: term, by: node, disks: disks) }
            index += 1
        }
        self.last[node.id] = (node.term, node.committed)
    }

    private mutating func commit(
        _ index: UInt64, term: UInt64, by node: RaftNode, disks: (UInt64) -> SimulatedDisk.Content?
    ) throws {
        if let known = self.committed[index] {
            guard known.term == term else {
                throw Violation("\(node.id) commits \(term).\(index), where \(known.term).\(index) was committed")
            }
            return
        }
        self.committed[index] = Committed(term: term, committedIn: node.term)
        guard node.role == .leader else { return }
        for voters in [node.confState.voters, node.confState.votersOutgoing] where !voters.isEmpty {
            let holders = voters.filter { disks($0)?.holds(index, term: term) == true }
            guard holders.count > voters.count / 2 else {
                throw Violation("\(node.id) commits \(term).\(index), which of \(voters) only \(holders) have on disk")
            }
        }
    }

    private func checkCompleteness(of node: RaftNode) throws {
        for (index, entry) in self.committed.sorted(by: { $0.key < $1.key }) where entry.committedIn < node.term {
            guard let term = node.term(at: index) else {
                if index > node.lastIndex { throw Violation("leader \(node.id) of term \(node.term) lacks entry \(index)") }
                continue
            }
            guard term == entry.term else {
                throw Violation("leader \(node.id) of term \(node.term) has \(term).\(index), not \(entry.term).\(index)")
            }
        }
    }

    mutating func stored(_ entries: ArraySlice<RaftEntry>, after before: UInt64?, by id: UInt64) throws {
        var before = before
        for entry in entries {
            let place = Place(term: entry.term, index: entry.index)
            if let known = self.entries[place] {
                guard known.entry == entry, before == nil || known.before == before else {
                    throw Violation("\(id) stores another \(entry.term).\(entry.index) than there was")
                }
            } else if let before {
                self.entries[place] = (before, entry)
            }
            before = entry.term
        }
    }

    mutating func sent(_ message: RaftMessage) throws {
        guard message.kind == .voteResponse, !message.reject else { return }
        try self.vote(of: message.from, for: message.to, in: message.term)
    }

    private mutating func vote(of voter: UInt64, for candidate: UInt64, in term: UInt64) throws {
        let ballot = Ballot(term: term, voter: voter)
        if let other = self.votes[ballot], other != candidate {
            throw Violation("\(voter) votes for \(other) and \(candidate) in term \(term)")
        }
        self.votes[ballot] = candidate
    }

    /// Takes an entry that a member applies, and returns its state's hash after it.
    mutating func apply(_ entry: RaftEntry, to state: UInt64, by id: UInt64) throws -> UInt64 {
        var hash = state &* 0x100_0000_01B3 ^ entry.term
        for byte in entry.data { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        if let known = self.applied[entry.index], known.hash != hash || known.entry != entry {
            throw Violation("\(id) applies another \(entry.index) than was applied before")
        }
        self.applied[entry.index] = (entry, hash)
        self.highestApplied = max(self.highestApplied, entry.index)
        self.counts.applied += 1
        return hash
    }

    func checkSnapshot(_ index: UInt64, hash: UInt64, at id: UInt64) throws {
        guard let known = self.applied[index], known.hash == hash else {
            throw Violation("\(id) takes in a snapshot at \(index) of a state that never was")
        }
    }

    /// The configuration after an entry is the same for all.
    mutating func check(_ state: ConfState, after index: UInt64, at id: UInt64) throws {
        // Members that join begin at 0, with none.
        guard index > 0 else { return }
        if let known = self.configurations[index], known != state {
            throw Violation("\(id) has \(Trace.configuration(state)) at \(index), not \(Trace.configuration(known))")
        }
        self.configurations[index] = state
    }

    mutating func asked(_ read: UInt64) {
        self.reads[read] = self.highestApplied
    }

    mutating func answered(_ read: UInt64, at index: UInt64) throws {
        guard let needed = self.reads[read] else { throw Violation("read \(read) was never asked for") }
        guard index >= needed else { throw Violation("read \(read) at \(index) misses what was applied up to \(needed)") }
        self.counts.reads += 1
    }

    /// What a member may lose in a crash: how far it knew the log to be committed.
    mutating func restarted(_ id: UInt64, term: UInt64) throws {
        if let last = self.last[id] { self.last[id] = (min(last.term, term), 0) }
    }
}
