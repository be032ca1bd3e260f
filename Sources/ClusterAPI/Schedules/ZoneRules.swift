public import Platform

/// Why bytes are no time zone.
public struct ZoneError: Error, Hashable, CustomStringConvertible {
    public var message: String

    public init(message: String) {
        self.message = message
    }

    public var description: String { self.message }
}

/// The clock of one time zone: how far it is from UTC, and since when. Read from a TZif file (RFC 8536), which the caller
/// finds, usually below `/usr/share/zoneinfo`.
public struct ZoneRules: Sendable, Hashable {
    /// Seconds to add to UTC, over `start..<end` in seconds since the epoch.
    struct Period: Sendable, Hashable {
        var offset: Int64
        var start: Int64
        var end: Int64
    }

    struct Change: Sendable, Hashable {
        var time: Int64
        var offset: Int64
    }

    public static let utc = ZoneRules(first: 0, changes: [], footer: nil)

    /// The offset before the first change.
    let first: Int64
    /// Rising.
    let changes: [Change]
    /// What holds after the last change.
    let footer: ZoneFooter?

    init(first: Int64, changes: [Change], footer: ZoneFooter?) {
        self.first = first
        self.changes = changes
        self.footer = footer
    }

    /// Seconds to add to UTC at a moment.
    public func offset(at time: Timestamp) -> Int {
        Int(self.period(at: time.seconds).offset)
    }

    /// What the clock on the wall shows.
    public func civilTime(at time: Timestamp) -> CivilTime {
        CivilTime(secondsSinceEpoch: time.seconds + self.period(at: time.seconds).offset)
    }

    /// The stretch around a moment in which the clock is not changed.
    func period(at time: Int64) -> Period {
        // The first change after the moment, by halving.
        var (low, high) = (0, self.changes.count)
        while low < high {
            let middle = (low + high) / 2
            if self.changes[middle].time <= time { low = middle + 1 } else { high = middle }
        }
        if low < self.changes.count {
            let start = low == 0 ? Int64.min : self.changes[low - 1].time
            return Period(
                offset: low == 0 ? self.first : self.changes[low - 1].offset, start: start,
                end: self.changes[low].time)
        }
        let last = self.changes.last ?? Change(time: .min, offset: self.first)
        guard let footer = self.footer else {
            return Period(offset: last.offset, start: last.time, end: .max)
        }
        var period = footer.period(at: time)
        period.start = max(period.start, last.time)
        return period
    }

    /// The moment at which the clock on the wall first shows `local` (seconds of a clock without zone); when it skips that,
    /// the moment at which it does.
    func instant(ofWallClock local: Int64) -> Int64 {
        // No clock is further than 26 hours from UTC.
        var period = self.period(at: local - 26 * 3600)
        while true {
            let instant = local - period.offset
            if instant < period.end { return max(instant, period.start) }
            period = self.period(at: period.end)
        }
    }
}
