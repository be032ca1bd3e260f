public import Platform

extension Cron {
    /// The first run after `time`, to the second; nil when there is none within fifty years.
    ///
    /// As in Vixie's cron: a time that the clocks skip runs once, right after the gap, and a time that comes twice runs the
    /// first time. A schedule whose minute or hour begins with `*` follows real time instead: nothing of it is made up
    /// for, and it goes on through the repeated hour.
    public func next(after time: Timestamp, in zone: ZoneRules) -> Timestamp? {
        let after = time.seconds
        let found =
            self.followsRealTime ? self.nextByRealTime(after, zone) : self.nextByWallClock(after, zone)
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
        // What the clock shows now, and what is less, it has shown already. It may have shown more, before it was put back.
        let now = after + zone.period(at: after).offset
        var local = now + 1
        while let match = self.firstMatch(from: local, before: now + Self.horizon * 86_400) {
            let instant = zone.instant(ofWallClock: match)
            if instant > after { return instant }
            local = match + 1
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

    /// The first matching minute in `start..<end`, all in seconds of a clock that never changes.
    private func firstMatch(from start: Int64, before end: Int64) -> Int64? {
        var day = day(of: start)
        var minute = Int((start - day * 86_400 + 59) / 60)
        while day * 86_400 < end {
            let date = CivilTime(secondsSinceEpoch: day * 86_400)
            if self.matches(day: date), let match = self.firstMinute(ofDayFrom: minute) {
                let time = day * 86_400 + Int64(match) * 60
                return time < end ? time : nil
            }
            let isInMonth = self.months.has(date.month)
            day +=
                isInMonth ? 1 : Int64(CivilTime.days(inMonth: date.month, of: date.year) - date.day + 1)
            minute = 0
        }
        return nil
    }

    /// The first run of a day at or after `minute`, in minutes since midnight.
    private func firstMinute(ofDayFrom minute: Int) -> Int? {
        guard minute < 1440 else { return nil }
        if self.hours.has(minute / 60), let rest = self.minutes.first(from: minute % 60) {
            return minute / 60 * 60 + rest
        }
        guard let hour = self.hours.first(from: minute / 60 + 1),
            let first = self.minutes.first(from: 0)
        else { return nil }
        return hour * 60 + first
    }
}

extension UInt64 {
    /// The lowest bit set at or above `index`.
    fileprivate func first(from index: Int) -> Int? {
        let rest = index < 64 ? self >> UInt64(index) : 0
        return rest == 0 ? nil : index + rest.trailingZeroBitCount
    }
}

/// Days since the epoch, rounded down.
private func day(of seconds: Int64) -> Int64 {
    let (quotient, remainder) = seconds.quotientAndRemainder(dividingBy: 86_400)
    return remainder < 0 ? quotient - 1 : quotient
}
