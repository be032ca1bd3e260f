extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with whole seconds, as Kubernetes writes times: `2026-11-22T23:02:56Z`.
    public var description: String {
        let date = CivilTime(secondsSinceEpoch: self.seconds)
        return "\(pad(date.year, 4))-\(pad(date.month, 2))-\(pad(date.day, 2))"
            + "T\(pad(date.hour, 2)):\(pad(date.minute, 2)):\(pad(date.second, 2))Z"
    }

    /// Reads RFC 3339: `2026-11-22T23:02:56Z`, with an optional fraction and either `Z` or an offset such as `+01:00`.
    /// Returns nil for anything else.
    public init?(rfc3339 text: some StringProtocol) {
        var scanner = Digits(text.utf8)
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), scanner.skip("T") || scanner.skip("t") || scanner.skip(" "),
            let hour = scanner.number(2), scanner.skip(":"), let minute = scanner.number(2), scanner.skip(":"),
            let second = scanner.number(2)
        else { return nil }
        guard (1...12).contains(month), (1...CivilTime.days(inMonth: month, of: year)).contains(day), hour < 24, minute < 60,
            second < 61
        else { return nil }
        var nanoseconds: Int64 = 0
        if scanner.skip(".") {
            guard let fraction = scanner.fraction() else { return nil }
            nanoseconds = fraction
        }
        var offset: Int64 = 0
        if !(scanner.skip("Z") || scanner.skip("z")) {
            let sign: Int64
            if scanner.skip("+") { sign = 1 } else if scanner.skip("-") { sign = -1 } else { return nil }
            guard let hours = scanner.number(2), scanner.skip(":"), let minutes = scanner.number(2), hours < 24, minutes < 60
            else { return nil }
            offset = sign * Int64(hours * 3600 + minutes * 60)
        }
        guard scanner.isAtEnd else { return nil }
        let civil = CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        let (scaled, overflow) = (civil.secondsSinceEpoch - offset).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return nil }
        self.init(nanoseconds: scaled &+ nanoseconds)
    }
}

/// A date and a time of day with no zone, in the proleptic Gregorian calendar.
public struct CivilTime: Sendable, Hashable {
    public var year: Int
    /// 1 to 12.
    public var month: Int
    /// 1 to 31.
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int

    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second) = (hour, minute, second)
    }

    /// The civil time, in UTC, of a number of seconds since the epoch (days-from-civil, Howard Hinnant's algorithm).
    public init(secondsSinceEpoch: Int64) {
        let days = floorDivide(secondsSinceEpoch, 86_400)
        let rest = Int(secondsSinceEpoch - days * 86_400)
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = Int(shifted - era * 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
        self.init(
            year: year, month: month, day: dayOfYear - (153 * monthFromMarch + 2) / 5 + 1,
            hour: rest / 3600, minute: rest % 3600 / 60, second: rest % 60)
    }

    /// Seconds since the epoch if this civil time is read as UTC.
    public var secondsSinceEpoch: Int64 {
        let year = Int64(self.month <= 2 ? self.year - 1 : self.year)
        let era = floorDivide(year, 400)
        let yearOfEra = year - era * 400
        let monthFromMarch = Int64(self.month > 2 ? self.month - 3 : self.month + 9)
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(self.day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return days * 86_400 + Int64(self.hour * 3600 + self.minute * 60 + self.second)
    }

    /// 0 is Sunday, as cron counts.
    public var weekday: Int {
        let days = floorDivide(self.secondsSinceEpoch, 86_400)
        return Int((days % 7 + 11) % 7)
    }

    public static func isLeap(_ year: Int) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    public static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: self.isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
}

private func pad(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// Walks over ASCII digits and separators.
private struct Digits {
    private var rest: ArraySlice<UInt8>

    init(_ text: some Sequence<UInt8>) {
        self.rest = Array(text)[...]
    }

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func skip(_ separator: Unicode.Scalar) -> Bool {
        guard let first = self.rest.first, UInt32(first) == separator.value else { return false }
        self.rest.removeFirst()
        return true
    }

    mutating func number(_ width: Int) -> Int? {
        guard self.rest.count >= width else { return nil }
        var value = 0
        for digit in self.rest.prefix(width) {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        self.rest.removeFirst(width)
        return value
    }

    /// Digits after a decimal point, as nanoseconds; more than nine are cut.
    mutating func fraction() -> Int64? {
        var value: Int64 = 0
        var count = 0
        while let digit = self.rest.first, (0x30...0x39).contains(digit) {
            if count < 9 { value = value * 10 + Int64(digit - 0x30) }
            count += 1
            self.rest.removeFirst()
        }
        guard count > 0 else { return nil }
        for _ in min(count, 9)..<9 { value *= 10 }
        return value
    }
}
