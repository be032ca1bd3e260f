internal import NIOCore

/// A store of permits that refills with time: so many at once, and so many a second.
struct RateLimit {
    private let burst: Int64
    private let perSecond: Int64
    /// In billionths of a permit, so that no part of one is lost to rounding.
    private var left: Int64
    private var filledAt: NIODeadline

    private static let unit: Int64 = 1_000_000_000

    init(burst: Int, perSecond: Int, now: NIODeadline) {
        self.burst = Int64(clamping: min(burst, 1_000_000_000)) * Self.unit
        self.perSecond = Int64(clamping: min(perSecond, 100_000_000))
        self.left = self.burst
        self.filledAt = now
    }

    /// False when there is none left.
    mutating func take(at now: NIODeadline) -> Bool {
        if self.left < Self.unit { self.refill(at: now) }
        guard self.left >= Self.unit else { return false }
        self.left -= Self.unit
        return true
    }

    /// Gives permits back.
    mutating func give(_ count: Int64) {
        self.left = min(self.burst, self.left + count * Self.unit)
    }

    private mutating func refill(at now: NIODeadline) {
        guard now > self.filledAt else { return }
        // In nanoseconds, so each is worth `perSecond` billionths; more than ten seconds' worth is not looked at.
        let elapsed = min((now - self.filledAt).nanoseconds, 10 * Self.unit)
        let (gained, overflow) = elapsed.multipliedReportingOverflow(by: self.perSecond)
        self.left = overflow ? self.burst : min(self.burst, self.left + gained)
        self.filledAt = now
    }
}
