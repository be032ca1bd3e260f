public import Platform

extension Cron {
    /// The first run after `time`, to the second; nil when there is none within fifty years.
    ///
    /// As in Vixie's cron: a time that the clocks skip runs once, right after the gap, and a time that comes twice runs the
    /// first time. A schedule whose minute or hour begins with `*` follows real time instead: nothing of it is made up
    /// for, and it goes on through the repeated hour.
    public func next(after time: Timestamp, in zone: ZoneRules) -> Timestamp? {
        let after = time.seconds
        let found = self.followsRealTime ? self.nextByRealTime(after, zone) : self.nextByWallClock(after, zone)
        guard let found, (-9_223_372_036...9_223_372_036).contains(found) else { return nil }
        return Timestamp(seconds: found)
    }

    /// The last run before `time`; nil when there is none within about fifty years.
    public func previous(before time: Timestamp, in zone: ZoneRules) -> Timestamp? {
        // A run at `time` itself does not count, but one in the same second before it does.
        let isWhole = Timestamp(seconds: time.seconds) == time
        let end = isWhole ? time.seconds : time.seconds + 1
        func hasRun(after seconds: Int64) -> Bool {
            self.next(after: Timestamp(seconds: seconds), in: zone).map { $0.seconds < end } ?? false
        }
        var (low, high) = (max(end - Self.horizon * 86_400, -9_223_372_036), end)
        guard low < high, hasRun(after: low) else { return nil }
        // Between the two lies the run: some run comes after `low`, and none after `high`.
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if hasRun(after: middle) { low = middle } else { high = middle }
        }
        return Timestamp(seconds: high)
    }

    /// Days within which a run must come: a 29th of February that is a Sunday may be forty years away.
    private static var horizon: Int64 { 50 * 366 }

    /// Every matching minute of the wall clock, turned into an instant.
    private func nextByWallClock(_ after: Int64, _ zone: ZoneRules) -> Int64? {
        // A day early: a change of the clocks may move a run over midnight.
        let first = day(of: after + zone.period(at: after).offset) - 1
        for day in first...(first + Self.horizon) {
            let date = CivilTime(secondsSinceEpoch: day * 86_400)
            guard self.matches(day: date) else { continue }
            for minute in self.minutesOfDay {
                let instant = zone.instant(ofWallClock: day * 86_400 + Int64(minute) * 60)
                if instant > after { return instant }
            }
        }
        return nil
    }

    /// Every matching minute of each stretch of time between two changes of the clocks.
    private func nextByRealTime(_ after: Int64, _ zone: ZoneRules) -> Int64? {
        let end = after + Self.horizon * 86_400
        var start = after + 1
        while start <= end {
            let period = zone.period(at: start)
            let last = min(period.end, end)
            if let local = self.firstMatch(from: start + period.offset, before: last + period.offset) {
                return local - period.offset
            }
            guard period.end < end else { return nil }
            start = period.end
        }
        return nil
    }

    /// The first matching minute, as seconds of a clock that never changes.
    private func firstMatch(from start: Int64, before end: Int64) -> Int64? {
        var day = day(of: start)
        while day * 86_400 < end {
            if self.matches(day: CivilTime(secondsSinceEpoch: day * 86_400)) {
                for minute in self.minutesOfDay {
                    let time = day * 86_400 + Int64(minute) * 60
                    if time >= end { return nil }
                    if time >= start { return time }
                }
            }
            day += 1
        }
        return nil
    }

    /// Minutes since midnight, rising.
    private var minutesOfDay: some Sequence<Int> {
        (0..<24).lazy.filter { self.hours.has($0) }.flatMap { hour in
            (0..<60).lazy.filter { self.minutes.has($0) }.map { hour * 60 + $0 }
        }
    }
}

/// Days since the epoch, rounded down.
private func day(of seconds: Int64) -> Int64 {
    let (quotient, remainder) = seconds.quotientAndRemainder(dividingBy: 86_400)
    return remainder < 0 ? quotient - 1 : quotient
}
