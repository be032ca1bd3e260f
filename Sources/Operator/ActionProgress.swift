internal import Platform

/// How far a long action has come.
public struct ActionProgress: Sendable, Hashable {
    /// What is done now: `streaming`, `verifying`.
    public var phase: String
    /// Bytes of this phase.
    public var done: Int64
    /// Bytes this phase will have; nil when nobody knows.
    public var total: Int64?

    public init(phase: String, done: Int64, total: Int64?) {
        self.phase = phase
        self.done = done
        self.total = total
    }

    /// `streaming: 42 % (1.2 GiB of 2.9 GiB), about 12 s left`. What was expected and turned out wrong is not told.
    func text(after elapsed: Duration) -> String {
        guard let total = self.total, total > 0, (0...total).contains(self.done) else {
            return "\(self.phase): \(Self.amount(self.done))"
        }
        let share = Double(self.done) / Double(total)
        let text = "\(self.phase): \(Int(share * 100)) % (\(Self.amount(self.done)) of \(Self.amount(total)))"
        let isUnderWay = self.done > 0 && self.done != total && elapsed != .zero
        guard isUnderWay else { return text }
        let left = elapsed.inSeconds * (1 - share) / share
        // From so little of it nothing can be told.
        guard left < 360_000 else { return text }
        return "\(text), about \(Self.span(left)) left"
    }

    private static func amount(_ bytes: Int64) -> String {
        var (value, unit) = (Double(max(0, bytes)), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = Int64(value * 10)
        return unit == 0 || tenths >= 100 ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    private static func span(_ seconds: Double) -> String {
        let seconds = Int64(seconds.rounded(.up))
        if seconds < 120 { return "\(seconds) s" }
        return seconds < 7_200 ? "\((seconds + 30) / 60) min" : "\((seconds + 1_800) / 3_600) h"
    }
}

/// Makes of many reports few words: none in the first second of an action, then one a second.
struct ProgressMeter {
    /// Between two texts, and before the first.
    static let interval: Duration = .seconds(1)

    private var phase = ""
    private var phaseStart: Duration
    private var last: Duration

    /// - Parameter now: Uptime.
    init(start now: Duration) {
        (self.phaseStart, self.last) = (now, now)
    }

    /// - Returns: What to show; nil when it is too early to show anything.
    mutating func report(_ progress: ActionProgress, at now: Duration) -> String? {
        if progress.phase != self.phase { (self.phase, self.phaseStart) = (progress.phase, now) }
        guard now - self.last >= Self.interval else { return nil }
        self.last = now
        return progress.text(after: now - self.phaseStart)
    }
}
