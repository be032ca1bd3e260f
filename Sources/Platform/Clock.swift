/// Where time comes from. Only the shell asks it; pure rooms are handed the answer.
public protocol WallClock: Sendable {
    /// The wall-clock time, for people and schedules.
    func now() -> Timestamp
    /// Time since some fixed point that never goes back, for time-outs and leases.
    func uptime() -> Duration
    /// Waits. Throws `CancellationError` when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The machine's own clock.
public struct SystemClock: WallClock {
    private let start = ContinuousClock.now

    public init() {}

    public func now() -> Timestamp {
        let (seconds, nanoseconds) = realTime()
        return Timestamp(nanoseconds: seconds &* 1_000_000_000 &+ nanoseconds)
    }

    public func uptime() -> Duration {
        ContinuousClock.now - self.start
    }

    public func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration)
    }
}
