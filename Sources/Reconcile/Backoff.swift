internal import Platform

/// How long to wait before trying again: twice as long after each failure, up to a cap, less a random share so that
/// those who failed together do not come back together.
public struct Backoff: Sendable, Hashable {
    /// After the first failure.
    public var base: Duration
    public var cap: Duration
    /// The share of the wait that is left to chance, 0 to 1.
    public var jitter: Double

    public init(base: Duration = .milliseconds(100), cap: Duration = .seconds(60), jitter: Double = 0.5) {
        precondition(base > .zero && cap >= base && (0...1).contains(jitter), "a backoff needs base <= cap, jitter 0 to 1")
        self.base = base
        self.cap = cap
        self.jitter = jitter
    }

    /// - Parameter failures: How many there were in a row; 1 or more.
    public func delay(after failures: Int, using random: inout some RandomNumberGenerator) -> Duration {
        var full = self.base
        var left = failures
        while left > 1 && full < self.cap {
            full = min(full * 2, self.cap)
            left -= 1
        }
        let spared = Double.random(in: 0...1, using: &random) * self.jitter
        return .nanoseconds(Int64(Double(full.nanoseconds) * (1 - spared)))
    }
}
