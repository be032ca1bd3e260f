internal import Platform

/// The work queue without its tasks: time is handed in as an uptime.
///
/// A key is in at most one of three places: ready (first come, first served), running, or nowhere. Besides, it may have
/// an alarm that makes it ready later. A key that is added while it runs runs once more afterwards.
public struct WorkQueueState: Sendable {
    /// What came of a key's processing.
    public enum Outcome: Sendable, Hashable {
        /// Nothing more to do until the key is added again.
        case done
        /// It went well; look again after so long.
        case again(after: Duration)
        /// It failed; try again after a wait that grows with each failure in a row.
        case failed
    }

    private struct Alarm: Sendable {
        var time: Duration
        var order: UInt64
        var key: String

        func isBefore(_ other: Alarm) -> Bool { (self.time, self.order) < (other.time, other.order) }
    }

    private let concurrency: Int
    private let backoff: Backoff
    private var random: SeededRandom
    /// Keys in the order they became ready; those before `head` were taken.
    private var ready: [String] = []
    private var head = 0
    private var isReady: Set<String> = []
    /// For each running key, whether it was added again meanwhile.
    private var running: [String: Bool] = [:]
    /// By time, then by the order they were set in.
    private var alarms: [Alarm] = []
    private var alarmTimes: [String: Duration] = [:]
    private var failures: [String: Int] = [:]
    private var order: UInt64 = 0

    /// - Parameter concurrency: How many keys may run at once.
    public init(concurrency: Int, backoff: Backoff, seed: UInt64) {
        precondition(concurrency > 0, "a work queue runs at least one key at a time")
        self.concurrency = concurrency
        self.backoff = backoff
        self.random = SeededRandom(seed: seed)
    }

    /// Keys that are ready and wait for their turn.
    public var depth: Int { self.ready.count - self.head }

    public var runningCount: Int { self.running.count }

    /// When the next alarm goes off.
    public var nextAlarm: Duration? { self.alarms.first?.time }

    /// How often in a row the key's processing failed.
    public func failures(of key: String) -> Int { self.failures[key] ?? 0 }

    public mutating func add(_ key: String) {
        if self.running[key] != nil {
            self.running[key] = true
        } else if self.isReady.insert(key).inserted {
            self.ready.append(key)
        }
    }

    /// Adds the key later. Of two alarms for one key the earlier stands.
    public mutating func add(_ key: String, at time: Duration) {
        if let earlier = self.alarmTimes[key] {
            if earlier <= time { return }
            self.alarms.removeAll { $0.key == key }
        }
        self.order += 1
        let alarm = Alarm(time: time, order: self.order, key: key)
        var (low, high) = (0, self.alarms.count)
        while low < high {
            let middle = (low + high) / 2
            if self.alarms[middle].isBefore(alarm) { low = middle + 1 } else { high = middle }
        }
        self.alarms.insert(alarm, at: low)
        self.alarmTimes[key] = time
    }

    /// The key whose turn it is, now running; nil when none is ready or enough run.
    public mutating func next(now: Duration) -> String? {
        self.soundAlarms(now: now)
        guard self.running.count < self.concurrency, self.head < self.ready.count else { return nil }
        let key = self.ready[self.head]
        self.head += 1
        if self.head > 64 && self.head * 2 > self.ready.count {
            self.ready.removeFirst(self.head)
            self.head = 0
        }
        self.isReady.remove(key)
        self.running[key] = false
        return key
    }

    /// A running key came to its end.
    public mutating func finish(_ key: String, _ outcome: Outcome, now: Duration) {
        guard let wasAdded = self.running.removeValue(forKey: key) else {
            preconditionFailure("\(key) finished and was not running")
        }
        switch outcome {
        case .done: self.failures[key] = nil
        case .again(let delay):
            self.failures[key] = nil
            self.add(key, at: now + delay)
        case .failed:
            let count = self.failures(of: key) + 1
            self.failures[key] = count
            self.add(key, at: now + self.backoff.delay(after: count, using: &self.random))
        }
        if wasAdded { self.add(key) }
    }

    private mutating func soundAlarms(now: Duration) {
        let due = self.alarms.prefix { $0.time <= now }
        for alarm in due {
            self.alarmTimes[alarm.key] = nil
            self.add(alarm.key)
        }
        self.alarms.removeFirst(due.count)
    }
}
