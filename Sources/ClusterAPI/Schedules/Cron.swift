internal import Platform

/// Why a text is no schedule.
public struct CronError: Error, Hashable, CustomStringConvertible {
    public var message: String

    public init(message: String) {
        self.message = message
    }

    public var description: String { self.message }
}

/// A schedule of five fields: minute, hour, day of month, month, day of week. Each is `*`, a number, a range `a-b`, either
/// with a step `/n`, or a list of these; months and days of the week have names. `@hourly` and its like stand for the usual
/// ones. As in Vixie's cron, when neither of the day fields begins with `*`, a day that matches either of them matches.
public struct Cron: Sendable, Hashable, CustomStringConvertible {
    /// As it was written.
    public let description: String
    /// Bit n stands for the value n.
    let minutes: UInt64
    let hours: UInt64
    let daysOfMonth: UInt64
    let months: UInt64
    /// 0 is Sunday.
    let daysOfWeek: UInt64
    let matchesEitherDay: Bool
    /// Whether minute or hour begins with `*`: such a schedule follows real time through a change of the clocks, where
    /// any other follows the clock on the wall (see ``next(after:in:)``).
    let followsRealTime: Bool

    public init(_ text: String) throws(CronError) {
        self.description = text
        let words = try Self.expand(text).split { $0 == " " || $0 == "\t" }.map(String.init)
        guard words.count == 5 else {
            throw CronError(
                message:
                    "must have five fields (minute hour day-of-month month day-of-week), and has \(words.count)"
            )
        }
        self.minutes = try CronField.minute.parse(words[0])
        self.hours = try CronField.hour.parse(words[1])
        self.daysOfMonth = try CronField.dayOfMonth.parse(words[2])
        self.months = try CronField.month.parse(words[3])
        let days = try CronField.dayOfWeek.parse(words[4])
        self.daysOfWeek = days & 0x7F | days >> 7
        self.matchesEitherDay = !words[2].hasPrefix("*") && !words[4].hasPrefix("*")
        self.followsRealTime = words[0].hasPrefix("*") || words[1].hasPrefix("*")
        guard self.matchesEitherDay || self.hasDay else {
            throw CronError(message: "never comes: no such month has such a day")
        }
    }

    private static func expand(_ text: String) throws(CronError) -> String {
        guard text.utf8.first == 0x40 else { return text }
        switch text {
        case "@hourly": return "0 * * * *"
        case "@daily", "@midnight": return "0 0 * * *"
        case "@weekly": return "0 0 * * 0"
        case "@monthly": return "0 0 1 * *"
        case "@yearly", "@annually": return "0 0 1 1 *"
        default:
            throw CronError(
                message: "must be @hourly, @daily, @weekly, @monthly, @yearly, or five fields")
        }
    }

    /// Whether some month of the schedule has one of its days.
    private var hasDay: Bool {
        (1...12).contains { month in
            self.months.has(month)
                && (1...CivilTime.days(inMonth: month, of: 2000)).contains { self.daysOfMonth.has($0) }
        }
    }

    /// Whether the schedule has runs on this day at all; the time of day does not count.
    func matches(day: CivilTime) -> Bool {
        guard self.months.has(day.month) else { return false }
        let inMonth = self.daysOfMonth.has(day.day)
        let inWeek = self.daysOfWeek.has(day.weekday)
        return self.matchesEitherDay ? inMonth || inWeek : inMonth && inWeek
    }

    /// Whether the schedule has a run in this minute of the clock on the wall.
    func matches(_ time: CivilTime) -> Bool {
        self.minutes.has(time.minute) && self.hours.has(time.hour) && self.matches(day: time)
    }
}

extension UInt64 {
    /// Whether bit `index` is set.
    func has(_ index: Int) -> Bool {
        (0..<64).contains(index) && self & (1 << UInt64(index)) != 0
    }
}

/// One of the five fields.
struct CronField {
    let name: String
    let range: ClosedRange<Int>
    /// What stands for the first value, the second, and so on.
    var words: [String] = []
    let limits: String

    static let minute = CronField(name: "minute", range: 0...59, limits: "0-59")
    static let hour = CronField(name: "hour", range: 0...23, limits: "0-23")
    static let dayOfMonth = CronField(name: "day of month", range: 1...31, limits: "1-31")
    static let month = CronField(
        name: "month", range: 1...12,
        words: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        limits: "1-12 or JAN-DEC")
    /// 7 is Sunday again.
    static let dayOfWeek = CronField(
        name: "day of week", range: 0...7, words: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        limits: "0-7 or SUN-SAT")

    func parse(_ text: String) throws(CronError) -> UInt64 {
        var bits: UInt64 = 0
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            bits |= try self.item(String(item))
        }
        return bits
    }

    private func item(_ text: String) throws(CronError) -> UInt64 {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2 else {
            throw CronError(message: "\(self.name): a step is written once, as in */5")
        }
        var step = 1
        if parts.count == 2 {
            guard isDigits(parts[1]), let number = Int(parts[1]),
                self.range.contains(number) || number == 1, number > 0
            else {
                throw CronError(
                    message: "\(self.name): the step after / must be 1-\(self.range.upperBound)")
            }
            step = number
        }
        let values = try self.values(parts[0], hasStep: parts.count == 2)
        return stride(from: values.lowerBound, through: values.upperBound, by: step).reduce(0) {
            $0 | 1 << UInt64($1)
        }
    }

    private func values(_ text: String, hasStep: Bool) throws(CronError) -> ClosedRange<Int> {
        if text == "*" { return self.name == "day of week" ? 0...6 : self.range }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard ends.count == 2 else {
            let first = try self.value(text)
            return first...(hasStep ? max(first, self.range.upperBound) : first)
        }
        let (first, last) = (try self.value(ends[0]), try self.value(ends[1]))
        guard first <= last else {
            throw CronError(message: "\(self.name): \(text) runs backwards; write it as two ranges")
        }
        return first...last
    }

    private func value(_ text: String) throws(CronError) -> Int {
        if let index = self.words.firstIndex(of: text.uppercased()) {
            return index + self.range.lowerBound
        }
        guard isDigits(text), let number = Int(text), self.range.contains(number) else {
            throw CronError(message: "\(self.name) must be \(self.limits)")
        }
        return number
    }
}
