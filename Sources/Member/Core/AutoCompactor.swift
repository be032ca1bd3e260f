/// Decides when a leader compacts by itself, and up to where, as etcd does.
///
/// Periodic: a tenth of the period after another (an hour's, where the period is longer) the revision is noted; what was noted
/// a period ago is compacted, the first time after a whole period, then once a period, or once an hour. By revision: every
/// five minutes all but the newest so many revisions.
struct AutoCompactor {
    private let mode: MemberConfiguration.AutoCompaction
    /// One after another, the oldest a period old.
    private var noted: [Int64] = []
    private var last: Duration
    private var wake: Duration
    /// How long after the last compaction the next comes.
    private var pause: Duration
    private var compacted: Int64 = 0

    init(_ mode: MemberConfiguration.AutoCompaction, uptime: Duration) {
        (self.mode, self.last, self.wake) = (mode, uptime, uptime)
        self.pause = if case .periodic(let period) = mode { period } else { .zero }
    }

    /// - Returns: The revision to compact at now, if there is one.
    mutating func due(at uptime: Duration, revision: Int64, isLeader: Bool) -> Int64? {
        guard uptime >= self.wake else { return nil }
        switch self.mode {
        case .off:
            self.wake = .seconds(Int64.max)
            return nil
        case .revision(let kept):
            defer { self.wake = uptime + .seconds(300) }
            guard isLeader, uptime > self.last, revision - kept > max(0, self.compacted) else { return nil }
            self.compacted = revision - kept
            return self.compacted
        case .periodic(let period):
            let round = min(period, .seconds(3600))
            defer {
                self.noted.append(revision)
                if self.noted.count > Int(period / (round / 10)) + 1 { self.noted.removeFirst() }
                self.wake = uptime + round / 10
            }
            guard isLeader, uptime - self.last >= self.pause, let first = self.noted.first else { return nil }
            (self.last, self.pause) = (uptime, round)
            guard first > self.compacted else { return nil }
            self.compacted = first
            return first
        }
    }
}
