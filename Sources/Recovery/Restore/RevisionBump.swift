/// How far revisions are moved on, so that no client that knew the cluster meets one again that meant something else.
public enum RevisionBump {
    public enum Wish: Sendable, Hashable {
        case fromEvidence
        /// 0 for none.
        case by(Int64)
    }

    /// What is known of revisions that clients may have seen.
    public struct Evidence: Sendable, Hashable {
        /// The revision that is restored.
        public var restored: Int64
        /// The highest revision of any source.
        public var highestSeen: Int64
        /// Entries after those that `highestSeen` counts; each may have made one revision more.
        public var entriesAfter: UInt64
        /// Whether the logs of a majority of the members are among the sources: every acknowledged write is then in one.
        public var hasMajority: Bool

        public init(restored: Int64, highestSeen: Int64, entriesAfter: UInt64, hasMajority: Bool) {
            (self.restored, self.highestSeen) = (restored, highestSeen)
            (self.entriesAfter, self.hasMajority) = (entriesAfter, hasMajority)
        }
    }

    /// Added where writes may have been acknowledged that no source knows of: what etcd's own guide advises for a snapshot of
    /// a week and 1,500 writes a second.
    public static let marginWithoutMajority: Int64 = 1_000_000_000
    /// Added where none can have been.
    public static let marginWithMajority: Int64 = 1_000

    /// How many revisions to add to the restored one: past the highest that is known or implied, and a margin.
    public static func amount(_ wish: Wish, _ evidence: Evidence) -> Int64 {
        guard case .fromEvidence = wish else {
            if case .by(let amount) = wish { return max(0, amount) }
            return 0
        }
        let margin = evidence.hasMajority ? self.marginWithMajority : self.marginWithoutMajority
        let ahead = max(0, evidence.highestSeen - evidence.restored)
        let implied = Int64(clamping: evidence.entriesAfter)
        let (sum, overflow) = ahead.addingReportingOverflow(implied)
        return overflow || sum > Int64.max / 4 ? Int64.max / 4 : sum + margin
    }
}
