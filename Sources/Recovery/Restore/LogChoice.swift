/// Which survivor's log is believed, and how far others reach back before it.
public enum LogChoice {
    /// What is known of a log: its verified part alone.
    public struct Candidate: Sendable, Hashable {
        /// Oldest first, following one another.
        public var runs: [TermRun]
        /// Committed up to here, as far as this log says.
        public var commit: UInt64
        /// Whether bytes that may have been acknowledged follow the verified part.
        public var isDamaged: Bool

        public init(runs: [TermRun], commit: UInt64, isDamaged: Bool = false) {
            (self.runs, self.commit, self.isDamaged) = (runs, commit, isDamaged)
        }

        public var first: UInt64 { self.runs.first?.first ?? 0 }
        public var last: UInt64 { self.runs.last?.last ?? 0 }
        public var lastTerm: UInt64 { self.runs.last?.term ?? 0 }

        public func term(at index: UInt64) -> UInt64? {
            self.runs.first { $0.first <= index && index <= $0.last }?.term
        }
    }

    /// A stretch of entries, and the log that it is read from.
    public struct Part: Sendable, Hashable {
        public var log: Int
        public var first: UInt64
        public var last: UInt64

        public init(log: Int, first: UInt64, last: UInt64) {
            (self.log, self.first, self.last) = (log, first, last)
        }
    }

    public struct Choice: Sendable, Hashable {
        /// The log that is believed.
        public var log: Int
        /// Where the entries are read from, oldest first; the last part is of `log`.
        public var parts: [Part]
        /// Every entry up to here is known to have been committed.
        public var commit: UInt64
    }

    public enum Refusal: Error, Sendable, Hashable {
        /// A log knows an entry to be committed that the chosen one has of another term, or lacks.
        case contradiction(log: Int, other: Int, index: UInt64)
    }

    /// The log with the last term is believed, and among those the longest: raft elects no leader that lacks an entry that was
    /// committed, so what it has of a later term replaces what others have at the same index. The highest index alone proves
    /// nothing: it may be of a leader that was cut off.
    public static func choose(_ logs: [Candidate]) throws(Refusal) -> Choice? {
        let usable = logs.indices.filter { !logs[$0].runs.isEmpty }
        let best = usable.max { left, right in
            let (a, b) = (logs[left], logs[right])
            if a.lastTerm != b.lastTerm { return a.lastTerm < b.lastTerm }
            if a.last != b.last { return a.last < b.last }
            if a.isDamaged != b.isDamaged { return a.isDamaged }
            if a.first != b.first { return a.first > b.first }
            return left > right
        }
        guard let best else { return nil }
        var commit: UInt64 = 0
        for other in usable {
            let index = min(logs[other].commit, logs[other].last)
            guard index >= logs[other].first else { continue }
            commit = max(commit, index)
            guard index >= logs[best].first, logs[best].term(at: index) != logs[other].term(at: index) else { continue }
            throw .contradiction(log: best, other: other, index: index)
        }
        return Choice(log: best, parts: self.parts(logs, best, usable), commit: commit)
    }

    /// Goes back from the chosen log through others, as long as they are the same where they meet: two logs with an entry of
    /// one index and term are the same up to it.
    private static func parts(_ logs: [Candidate], _ best: Int, _ usable: [Int]) -> [Part] {
        var parts = [Part(log: best, first: logs[best].first, last: logs[best].last)]
        while let head = parts.first, head.first > 1 {
            let next = logs[head.log]
            let earlier = usable.filter { index in
                let log = logs[index]
                guard log.first < head.first, log.last >= head.first - 1 else { return false }
                let meet = min(log.last, next.last)
                if meet >= head.first, let term = log.term(at: meet), term == next.term(at: meet) { return true }
                if let term = log.term(at: head.first), term == next.term(at: head.first) { return true }
                // What both do not have is the same where it was committed.
                return log.commit >= head.first - 1
            }
            guard let reach = earlier.min(by: { (logs[$0].first, $0) < (logs[$1].first, $1) }) else { break }
            parts.insert(Part(log: reach, first: logs[reach].first, last: head.first - 1), at: 0)
        }
        return parts
    }
}
