internal import Platform

/// The rule at the end of a TZif file: a POSIX `TZ` string such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneFooter: Sendable, Hashable {
    /// A day of each year and a time on it.
    struct Rule: Sendable, Hashable {
        enum Day: Sendable, Hashable {
            /// 1 to 365; the 29th of February is never counted.
            case julian(Int)
            /// 0 to 365; the 29th of February is counted.
            case ordinal(Int)
            /// The n-th weekday (0 is Sunday) of a month; the fifth is the last.
            case weekday(month: Int, week: Int, day: Int)
        }

        var day: Day
        /// Seconds after midnight; may be before it, or after the day's end.
        var time: Int64

        /// Seconds of the clock on the wall.
        func local(inYear year: Int) -> Int64 {
            let days: Int64
            switch self.day {
            case .julian(let day):
                let skipped = CivilTime.isLeap(year) && day >= 60 ? 1 : 0
                days = dayNumber(year, 1, 1) + Int64(day - 1 + skipped)
            case .ordinal(let day):
                days = dayNumber(year, 1, 1) + Int64(day)
            case .weekday(let month, let week, let day):
                let first = CivilTime(year: year, month: month, day: 1)
                var date = 1 + (day - first.weekday + 7) % 7 + (week - 1) * 7
                if date > CivilTime.days(inMonth: month, of: year) { date -= 7 }
                days = dayNumber(year, month, date)
            }
            return days * 86_400 + self.time
        }
    }

    var standard: Int64
    /// The other half of the year, where there is one: its offset, and when it begins and ends.
    var daylight: Daylight?

    struct Daylight: Sendable, Hashable {
        var offset: Int64
        var start: Rule
        var end: Rule
    }

    /// The stretch around a moment in which the clock is not changed.
    func period(at time: Int64) -> ZoneRules.Period {
        guard let daylight = self.daylight else {
            return ZoneRules.Period(offset: self.standard, start: .min, end: .max)
        }
        let clamped = min(max(time, -(1 << 40)), 1 << 40)
        let year = CivilTime(secondsSinceEpoch: clamped).year
        // Two years each way: a change may lie over the turn of the year, and two may fall on one moment.
        var changes: [ZoneRules.Change] = []
        for year in (year - 2)...(year + 2) {
            changes.append(
                .init(time: daylight.start.local(inYear: year) - self.standard, offset: daylight.offset))
            changes.append(
                .init(time: daylight.end.local(inYear: year) - daylight.offset, offset: self.standard))
        }
        changes.sort { ($0.time, $0.offset) < ($1.time, $1.offset) }
        let index = changes.lastIndex { $0.time <= clamped }
        let next = changes.first { $0.time > clamped }
        return ZoneRules.Period(
            offset: index.map { changes[$0].offset } ?? self.standard,
            start: index.map { changes[$0].time } ?? .min,
            end: next?.time ?? .max)
    }
}

private func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
    CivilTime(year: year, month: month, day: day).secondsSinceEpoch / 86_400
}

extension ZoneFooter {
    init(_ text: [UInt8]) throws(ZoneError) {
        var scanner = FooterScanner(rest: text[...])
        try scanner.name()
        self.standard = -(try scanner.time(limit: 24))
        guard !scanner.isAtEnd else { return }
        try scanner.name()
        var offset = self.standard + 3600
        if scanner.peek != 0x2C { offset = -(try scanner.time(limit: 24)) }
        try scanner.comma()
        let start = try scanner.rule()
        try scanner.comma()
        let end = try scanner.rule()
        guard scanner.isAtEnd else { throw ZoneError(message: "the footer goes on after its rule") }
        self.daylight = Daylight(offset: offset, start: start, end: end)
    }
}

private struct FooterScanner {
    var rest: ArraySlice<UInt8>

    var peek: UInt8? { self.rest.first }
    var isAtEnd: Bool { self.rest.isEmpty }

    private func failure() -> ZoneError {
        ZoneError(message: "the footer cannot be read")
    }

    /// `CET`, or `<+03>`.
    mutating func name() throws(ZoneError) {
        if self.peek == 0x3C {
            guard let end = self.rest.firstIndex(of: 0x3E) else { throw self.failure() }
            self.rest = self.rest[(end + 1)...]
        } else {
            let letters = self.rest.prefix { (0x61...0x7A).contains($0 | 0x20) }
            guard letters.count >= 3 else { throw self.failure() }
            self.rest.removeFirst(letters.count)
        }
    }

    mutating func comma() throws(ZoneError) {
        try self.skip(0x2C)
    }

    /// `[+-]hh[:mm[:ss]]`, in seconds.
    mutating func time(limit: Int) throws(ZoneError) -> Int64 {
        var sign: Int64 = 1
        if self.peek == 0x2D { sign = -1 }
        if self.peek == 0x2D || self.peek == 0x2B { self.rest.removeFirst() }
        var seconds = Int64(try self.number(0...limit)) * 3600
        for unit: Int64 in [60, 1] where self.peek == 0x3A {
            self.rest.removeFirst()
            seconds += Int64(try self.number(0...59)) * unit
        }
        return sign * seconds
    }

    mutating func rule() throws(ZoneError) -> ZoneFooter.Rule {
        let day: ZoneFooter.Rule.Day
        switch self.peek {
        case 0x4D:
            self.rest.removeFirst()
            let month = try self.number(1...12)
            try self.skip(0x2E)
            let week = try self.number(1...5)
            try self.skip(0x2E)
            day = .weekday(month: month, week: week, day: try self.number(0...6))
        case 0x4A:
            self.rest.removeFirst()
            day = .julian(try self.number(1...365))
        default: day = .ordinal(try self.number(0...365))
        }
        guard self.peek == 0x2F else { return ZoneFooter.Rule(day: day, time: 2 * 3600) }
        self.rest.removeFirst()
        return ZoneFooter.Rule(day: day, time: try self.time(limit: 167))
    }

    private mutating func skip(_ byte: UInt8) throws(ZoneError) {
        guard self.rest.popFirst() == byte else { throw self.failure() }
    }

    private mutating func number(_ range: ClosedRange<Int>) throws(ZoneError) -> Int {
        let digits = self.rest.prefix { (0x30...0x39).contains($0) }
        guard (1...3).contains(digits.count), let value = Int(String(decoding: digits, as: UTF8.self)),
            range.contains(value)
        else { throw self.failure() }
        self.rest.removeFirst(digits.count)
        return value
    }
}
