internal import Platform

/// Which snapshots to keep. One is kept when any rule keeps it, and the newest always is, whatever the rules say: there is
/// always something to restore from. Hours and days are those of UTC.
public struct Retention: Sendable, Hashable {
    /// The newest this many.
    public var keepLast: Int
    /// The newest of each of the last this many hours that have one.
    public var hourly: Int
    /// The newest of each of the last this many days that have one.
    public var daily: Int

    /// Why a snapshot is kept.
    public enum Reason: String, Sendable, Hashable, CaseIterable, Comparable {
        case newest, last, hourly, daily

        public static func < (left: Reason, right: Reason) -> Bool {
            Self.allCases.firstIndex(of: left)! < Self.allCases.firstIndex(of: right)!
        }
    }

    /// A snapshot and why it is kept; with no reason, it may be removed.
    public struct Verdict: Sendable, Hashable {
        public var snapshot: SnapshotManifest
        public var reasons: [Reason]

        public var isKept: Bool { !self.reasons.isEmpty }
    }

    /// A count below zero keeps as little as zero does.
    public init(keepLast: Int = 10, hourly: Int = 0, daily: Int = 0) {
        self.keepLast = keepLast
        self.hourly = hourly
        self.daily = daily
    }

    /// What is to become of each snapshot, oldest first.
    /// - Parameter snapshots: Whole ones only, in any order; what is damaged is neither counted nor ever removed.
    public func keep(_ snapshots: [SnapshotManifest]) -> [Verdict] {
        let newestFirst = snapshots.sorted(by: SnapshotManifest.isOlder).reversed()
        var hours = Buckets(limit: self.hourly)
        var days = Buckets(limit: self.daily)
        var verdicts: [Verdict] = []
        for (index, snapshot) in newestFirst.enumerated() {
            var reasons: [Reason] = []
            if index == 0 { reasons.append(.newest) }
            if index < self.keepLast { reasons.append(.last) }
            if hours.admits(snapshot.labels.takenAt, seconds: 3600) { reasons.append(.hourly) }
            if days.admits(snapshot.labels.takenAt, seconds: 86_400) { reasons.append(.daily) }
            verdicts.append(Verdict(snapshot: snapshot, reasons: reasons))
        }
        return verdicts.reversed()
    }

    /// Spans of time, newest first, of which each takes one snapshot.
    private struct Buckets {
        let limit: Int
        var count = 0
        var last: Int64?

        init(limit: Int) {
            self.limit = limit
        }

        mutating func admits(_ time: Timestamp, seconds: Int64) -> Bool {
            let (quotient, remainder) = time.seconds.quotientAndRemainder(dividingBy: seconds)
            let bucket = remainder < 0 ? quotient - 1 : quotient
            guard self.count < self.limit, bucket != self.last else { return false }
            self.last = bucket
            self.count += 1
            return true
        }
    }
}

extension SnapshotManifest {
    /// By the time it was taken, then by name.
    static func isOlder(_ left: SnapshotManifest, _ right: SnapshotManifest) -> Bool {
        if left.labels.takenAt != right.labels.takenAt { return left.labels.takenAt < right.labels.takenAt }
        return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
}
