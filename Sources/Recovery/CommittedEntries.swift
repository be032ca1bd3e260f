internal import Backups
internal import EtcdWire
internal import WriteAheadLog

/// Of the records of a member's log as they come, the entries that are committed, each once and in order. What is not
/// committed yet may still be replaced by another leader's, and is held back.
struct CommittedEntries {
    /// The last entry given out, or the one before the first that is wanted.
    private(set) var position: LogPosition
    /// What the member knows to be committed.
    private(set) var commit: UInt64 = 0
    private var pending: [RaftEntry] = []
    /// The term of the log's own entry at the position, once it was met.
    private var term: UInt64?

    /// Why the records cannot follow what was given out.
    enum Break: Error, Hashable {
        /// Entries between are in no segment that is left.
        case gap(from: UInt64, to: UInt64)
        /// At an index that was given out the log has an entry of another term.
        case fork(index: UInt64, term: UInt64, found: UInt64)
    }

    init(after position: LogPosition) {
        self.position = position
    }

    /// - Parameter committed: What else is known to be committed of this log.
    /// - Returns: The entries that are committed and were not given out before.
    mutating func add(_ records: [LogFollower.Record], committed: UInt64 = 0) throws(Break) -> [RaftEntry] {
        self.commit = max(self.commit, committed)
        for record in records {
            switch record {
            case .entry(let entry): try self.add(entry)
            case .state(let state): self.commit = max(self.commit, state.commit)
            case .snapshot(let snapshot):
                // A member that was sent a snapshot goes on after it: what lies between is in no log of its own.
                let end = self.pending.last?.index ?? self.position.index
                if snapshot.index > end { throw .gap(from: end + 1, to: snapshot.index) }
            }
        }
        let count = self.pending.prefix { $0.index <= self.commit }.count
        guard count > 0 else { return [] }
        if let term, term != self.position.term {
            throw .fork(index: self.position.index, term: self.position.term, found: term)
        }
        let committed = Array(self.pending.prefix(count))
        self.pending.removeFirst(count)
        let last = committed[count - 1]
        (self.position, self.term) = (LogPosition(index: last.index, term: last.term), last.term)
        return committed
    }

    private mutating func add(_ entry: RaftEntry) throws(Break) {
        guard entry.index > self.position.index else {
            // A later leader's entry takes the place of an earlier one's, and of all that followed it.
            if entry.index == self.position.index { self.term = entry.term }
            self.pending = []
            return
        }
        let place = Int(clamping: entry.index - self.position.index - 1)
        guard place <= self.pending.count else {
            throw .gap(from: self.position.index + UInt64(self.pending.count) + 1, to: entry.index - 1)
        }
        self.pending.removeSubrange(place...)
        self.pending.append(entry)
    }
}
