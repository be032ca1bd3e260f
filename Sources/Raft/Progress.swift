/// What a leader knows of one member, and what it may send it next.
///
/// - `probe`: one append at a time, and after it none until an answer or a heartbeat's answer, to find where the logs meet.
/// - `replicate`: appends go out ahead of their acknowledgement, as many as ``Inflights`` allows.
/// - `snapshot`: nothing is sent until the snapshot's fate is known.
struct Progress: Sendable, Hashable {
    let id: UInt64
    /// The follower's log is known to be the leader's up to here.
    private(set) var match: UInt64
    /// The next entry to be sent. `match < next`.
    private(set) var next: UInt64
    private(set) var state = RaftStatus.Progress.State.probe
    /// In `snapshot`, where the snapshot stands.
    private(set) var pendingSnapshot: UInt64 = 0
    /// The highest commit index sent that may still be on its way.
    private var sentCommit: UInt64 = 0
    /// Whether the follower has been heard of since the last look (check-quorum).
    var isRecentlyActive: Bool
    /// Whether appends wait for a sign of life.
    var appendIsPaused = false
    var isLearner: Bool
    private(set) var inflights: Inflights
    /// The last of the leader's reads whose heartbeat the member has answered.
    var acknowledgedRead: UInt64 = 0

    init(id: UInt64, match: UInt64, next: UInt64, isLearner: Bool, isRecentlyActive: Bool, inflights: Inflights) {
        self.id = id
        (self.match, self.next) = (match, next)
        self.isLearner = isLearner
        self.isRecentlyActive = isRecentlyActive
        self.inflights = inflights
    }

    var isPaused: Bool {
        self.state == .snapshot || self.appendIsPaused
    }

    mutating func becomeProbe() {
        // The snapshot was sent: what comes after it is tried first.
        let next = max(self.match, self.state == .snapshot ? self.pendingSnapshot : 0) + 1
        self.enter(.probe, next: next)
        self.sentCommit = min(self.sentCommit, next - 1)
    }

    mutating func becomeReplicate() {
        self.enter(.replicate, next: self.match + 1)
    }

    mutating func becomeSnapshot(at index: UInt64) {
        self.enter(.snapshot, next: index + 1)
        self.pendingSnapshot = index
        self.sentCommit = index
    }

    /// The snapshot did not arrive; what is tried next is what was known before.
    mutating func snapshotFailed() {
        self.pendingSnapshot = 0
    }

    /// Notes an append that was sent.
    mutating func sent(entries: Int, bytes: UInt64) {
        switch self.state {
        case .replicate:
            if entries > 0 {
                self.next += UInt64(entries)
                self.inflights.add(lastIndex: self.next - 1, bytes: bytes)
            }
            self.appendIsPaused = self.inflights.isFull
        case .probe:
            if entries > 0 { self.appendIsPaused = true }
        case .snapshot:
            preconditionFailure("an append to \(self.id), which waits for a snapshot")
        }
    }

    mutating func sent(commit: UInt64) {
        self.sentCommit = commit
    }

    /// Whether sending this commit index could move the follower's.
    func canAdvanceCommit(to commit: UInt64) -> Bool {
        commit > self.sentCommit && self.sentCommit < self.next - 1
    }

    /// Takes an acknowledgement; false if it says nothing new.
    mutating func acknowledge(_ index: UInt64) -> Bool {
        guard index > self.match else { return false }
        self.match = index
        self.next = max(self.next, index + 1)
        self.appendIsPaused = false
        return true
    }

    mutating func freeInflights(through index: UInt64) {
        self.inflights.free(through: index)
    }

    /// Takes a refusal of the append after `rejected`; false if it is out of date.
    mutating func reject(_ rejected: UInt64, hint: UInt64) -> Bool {
        if self.state == .replicate {
            guard rejected > self.match else { return false }
            self.next = self.match + 1
        } else {
            guard rejected == self.next - 1 else { return false }
            self.next = max(min(rejected, hint + 1), self.match + 1)
            self.appendIsPaused = false
        }
        self.sentCommit = min(self.sentCommit, self.next - 1)
        return true
    }

    private mutating func enter(_ state: RaftStatus.Progress.State, next: UInt64) {
        self.state = state
        self.next = next
        self.appendIsPaused = false
        self.pendingSnapshot = 0
        self.inflights.reset()
    }
}
