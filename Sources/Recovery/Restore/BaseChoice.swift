/// Which database a restore begins with.
public enum BaseChoice {
    /// What is known of a database.
    public struct Candidate: Sendable, Hashable {
        /// The last entry applied; 0 where a restore made it anew.
        public var index: UInt64
        /// Of that entry; 0 where it is not known, as before etcd 3.5.
        public var term: UInt64
        public var revision: Int64
        /// History up to here is gone.
        public var compactRevision: Int64

        public init(index: UInt64, term: UInt64, revision: Int64, compactRevision: Int64) {
            (self.index, self.term) = (index, term)
            (self.revision, self.compactRevision) = (revision, compactRevision)
        }
    }

    /// How far to go.
    public enum Goal: Sendable, Hashable {
        case latest
        /// Not beyond this revision.
        case revision(Int64)
        /// Not beyond this entry.
        case index(UInt64)
    }

    public enum Choice: Sendable, Hashable {
        /// Begin with a database, or with nothing, and apply the entries after it.
        case replay(from: Int?)
        /// Take a database that has gone further, and take back what is after the revision. What has no history, as leases,
        /// users and members, stays as it was later.
        case rewind(Int)
        case unreachable(String)
    }

    /// - Parameters:
    ///   - entries: The chosen log's first and last entry; nil where there is no log.
    ///   - term: An entry's term in the chosen log.
    public static func choose(
        _ databases: [Candidate], entries: ClosedRange<UInt64>?, goal: Goal, term: (UInt64) -> UInt64? = { _ in nil }
    ) -> Choice {
        let ours = databases.indices.filter { self.belongs(databases[$0], term) }
        func newest(_ indices: [Int]) -> Int? {
            indices.max {
                (databases[$0].index, databases[$0].revision, $1) < (databases[$1].index, databases[$1].revision, $0)
            }
        }
        switch goal {
        case .latest:
            guard let base = newest(ours) else {
                if databases.isEmpty, let entries, entries.lowerBound == 1 { return .replay(from: nil) }
                return .unreachable(self.nothing(databases, entries))
            }
            guard let entries else { return .replay(from: base) }
            let index = databases[base].index
            guard entries.lowerBound > index + 1 else { return .replay(from: base) }
            return .unreachable("the log begins at entry \(entries.lowerBound), after the newest database, at entry \(index)")
        case .revision(let revision):
            let before = ours.filter { databases[$0].revision <= revision && self.joins(databases[$0], entries) }
            if let base = newest(before) {
                if entries != nil || databases[base].revision == revision { return .replay(from: base) }
            } else if let entries, entries.lowerBound == 1, revision >= 1 {
                return .replay(from: nil)
            }
            let after = ours.filter { databases[$0].revision >= revision && databases[$0].compactRevision <= revision }
            if let base = after.min(by: { databases[$0].revision < databases[$1].revision }) { return .rewind(base) }
            return .unreachable(self.range(databases, ours, revision))
        case .index(let index):
            let before = ours.filter { databases[$0].index <= index && self.joins(databases[$0], entries) }
            if let base = newest(before) { return .replay(from: base) }
            if let entries, entries.lowerBound == 1 { return .replay(from: nil) }
            return .unreachable("no database is of entry \(index) or before, and the log does not begin at its first entry")
        }
    }

    /// Whether the entry a database stands at is the one of the log.
    private static func belongs(_ database: Candidate, _ term: (UInt64) -> UInt64?) -> Bool {
        guard database.term > 0, let logged = term(database.index) else { return true }
        return logged == database.term
    }

    /// Whether the log goes on where the database ends, or before.
    private static func joins(_ database: Candidate, _ entries: ClosedRange<UInt64>?) -> Bool {
        entries.map { $0.lowerBound <= database.index + 1 } ?? true
    }

    private static func nothing(_ databases: [Candidate], _ entries: ClosedRange<UInt64>?) -> String {
        guard databases.isEmpty else { return "no database is of the log's history: their entries have other terms" }
        guard let entries else { return "there is neither a database nor a log entry to begin with" }
        return "there is no database, and the log begins at entry \(entries.lowerBound), not at its first"
    }

    private static func range(_ databases: [Candidate], _ ours: [Int], _ revision: Int64) -> String {
        let highest = ours.map { databases[$0].revision }.max() ?? 0
        let lowest = ours.map { databases[$0].compactRevision }.filter { $0 > revision }.min()
        if let lowest {
            return "revision \(revision) was compacted: the oldest that can be reached is \(lowest)"
        }
        return "revision \(revision) is not reached: the sources end at \(highest)"
    }
}
