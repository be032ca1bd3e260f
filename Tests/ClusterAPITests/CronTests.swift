import ClusterAPI
import Platform
import Testing

@Suite struct CronTests {
    @Test(arguments: [
        ("61 * * * *", "minute must be 0-59"), ("-1 * * * *", "minute must be 0-59"),
        ("x * * * *", "minute must be 0-59"),
        ("* 24 * * *", "hour must be 0-23"), ("* * 0 * *", "day of month must be 1-31"),
        ("* * 32 * *", "day of month must be 1-31"),
        ("* * * 13 *", "month must be 1-12 or JAN-DEC"),
        ("* * * foo *", "month must be 1-12 or JAN-DEC"),
        ("* * * * 8", "day of week must be 0-7 or SUN-SAT"),
        ("* * * * sund", "day of week must be 0-7 or SUN-SAT"),
        ("* * * *", "must have five fields (minute hour day-of-month month day-of-week), and has 4"),
        (
            "0 * * * * *", "must have five fields (minute hour day-of-month month day-of-week), and has 6"
        ),
        ("", "must have five fields (minute hour day-of-month month day-of-week), and has 0"),
        ("*/0 * * * *", "minute: the step after / must be 1-59"),
        ("*/60 * * * *", "minute: the step after / must be 1-59"),
        ("*/x * * * *", "minute: the step after / must be 1-59"),
        ("1/2/3 * * * *", "minute: a step is written once, as in */5"),
        ("* 22-2 * * *", "hour: 22-2 runs backwards; write it as two ranges"),
        ("1-2-3 * * * *", "minute must be 0-59"),
        ("1,,2 * * * *", "minute must be 0-59"), ("1, * * * *", "minute must be 0-59"),
        ("- * * * *", "minute must be 0-59"),
        ("? * * * *", "minute must be 0-59"), ("99999999999999999999 * * * *", "minute must be 0-59"),
        ("٣ * * * *", "minute must be 0-59"),
        ("0 0 31 2 *", "never comes: no such month has such a day"),
        ("0 0 30-31 FEB *", "never comes: no such month has such a day"),
        ("0 0 31 4,6,9,11 *", "never comes: no such month has such a day"),
        ("@every 5m", "must be @hourly, @daily, @weekly, @monthly, @yearly, or five fields"),
        ("@reboot", "must be @hourly, @daily, @weekly, @monthly, @yearly, or five fields"),
    ])
    func refuses(text: String, message: String) {
        #expect(throws: CronError.self) { try Cron(text) }
        do throws(CronError) { _ = try Cron(text) } catch { #expect(error.message == message) }
    }

    @Test(arguments: [
        // 2026-11-22 is a Sunday.
        ("*/30 * * * *", "2026-11-22T23:02:56Z", "2026-11-22T23:30:00Z"),
        ("* * * * *", "2026-11-22T23:02:56Z", "2026-11-22T23:03:00Z"),
        ("* * * * *", "2026-11-22T23:03:00Z", "2026-11-22T23:04:00Z"),
        ("0 4 * * *", "2026-11-22T23:02:56Z", "2026-11-23T04:00:00Z"),
        ("@hourly", "2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z"),
        ("@weekly", "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"),
        ("0 0 * * 7", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00Z"),
        ("0 0 * * sun-Tue", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
        ("0 12 * jan,MAR 1-5", "2026-11-22T00:00:00Z", "2027-01-01T12:00:00Z"),
        ("5/20 * * * *", "2026-11-22T00:25:00Z", "2026-11-22T00:45:00Z"),
        ("0 0 29 2 *", "2026-11-22T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("@yearly", "2026-11-22T00:00:00Z", "2027-01-01T00:00:00Z"),
        // Either day field, when both are given; both, when one begins with a star.
        ("0 0 13 * 5", "2026-11-22T00:00:00Z", "2026-11-27T00:00:00Z"),
        ("0 0 13 * */5", "2026-11-22T00:00:00Z", "2026-12-13T00:00:00Z"),
        ("0 0 29 2 */7", "2026-11-22T00:00:00Z", "2032-02-29T00:00:00Z"),
        ("0 0 31 2 5", "2026-11-28T00:00:00Z", "2027-02-05T00:00:00Z"),
        ("0 0 29 2 */7", "2088-03-01T00:00:00Z", "2128-02-29T00:00:00Z"),
        ("0 0 1 1 *", "1969-06-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("59 23 31 12 *", "1950-01-01T00:00:00Z", "1950-12-31T23:59:00Z"),
    ])
    func finds(text: String, after: String, next: String) throws {
        let cron = try Cron(text)
        let start = try #require(Timestamp(rfc3339: after))
        let run = try #require(cron.next(after: start, in: .utc))
        #expect(run.description == next)
        #expect(cron.previous(before: run + .nanoseconds(1), in: .utc) == run)
        #expect(try #require(cron.previous(before: run, in: .utc)) <= start)
    }

    @Test func theEndOfTimeIsNoTrap() throws {
        let cron = try Cron("0 0 29 2 *")
        #expect(cron.next(after: Timestamp(nanoseconds: .max), in: .utc) == nil)
        #expect(cron.previous(before: Timestamp(nanoseconds: .min), in: .utc) == nil)
        for zone in [ZoneRules.utc, try .named("Europe/Berlin")] {
            for text in ["* * * * *", "0 4 * * *"] {
                let cron = try Cron(text)
                #expect(cron.next(after: Timestamp(nanoseconds: .max), in: zone) == nil)
                #expect(cron.previous(before: Timestamp(nanoseconds: .min), in: zone) == nil)
                #expect(cron.next(after: Timestamp(nanoseconds: .min), in: zone) != nil)
                #expect(cron.previous(before: Timestamp(nanoseconds: .max), in: zone) != nil)
            }
        }
    }

    @Test(arguments: [
        // The clocks of Berlin skip 02:00-03:00 on 2026-03-29, and show 02:00-03:00 twice on 2026-10-25.
        ("30 2 * * *", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("0,15,30 2 * * *", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        ("0 3 * * *", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]),
        ("30 2 * * *", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("0 3 * * *", "2026-10-24T12:00:00Z", ["2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"]),
        // What is due every half hour goes on being so.
        (
            "*/30 * * * *", "2026-10-25T00:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"]
        ),
        ("*/30 * * * *", "2026-03-29T00:30:00Z", ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]),
    ])
    func changesOfTheClocks(text: String, after: String, expected: [String]) throws {
        let (cron, zone) = (try Cron(text), try ZoneRules.named("Europe/Berlin"))
        var time = try #require(Timestamp(rfc3339: after))
        for run in expected {
            time = try #require(cron.next(after: time, in: zone))
            #expect(time.description == run)
        }
    }

    /// Against a model that goes minute by minute over the days around each change of the clocks.
    @Test(arguments: [
        "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns",
        "Africa/Casablanca", "Asia/Kathmandu",
        "Pacific/Apia", "America/Santiago", "Atlantic/Azores",
    ])
    func agreesWithANaiveModel(name: String) throws {
        let zone = try ZoneRules.named(name)
        var random = SeededRandom(seed: UInt64(name.utf8.reduce(7) { $0 &* 31 &+ Int($1) } & 0xFFFF))
        let middles = [
            "2026-03-08T12:00:00Z", "2026-03-29T01:00:00Z", "2026-04-05T00:00:00Z",
            "2026-10-25T01:00:00Z", "2026-11-01T08:00:00Z",
            "2011-12-30T10:00:00Z", "2037-10-25T01:00:00Z", "2090-03-26T01:00:00Z",
            "2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z",
        ]
        for middle in middles {
            let center = try #require(Timestamp(rfc3339: middle)).seconds
            let minutes = CronModel.minutes(from: center - 40 * 3600, to: center + 40 * 3600, zone)
            for _ in 0..<6 {
                let model = CronModel(&random)
                let cron = try Cron(model.text)
                let expected = model.runs(minutes)
                var found: [Int64] = []
                var time = Timestamp(seconds: minutes[0].instant)
                let end = minutes[minutes.count - 1].instant
                while let run = cron.next(after: time, in: zone), run.seconds <= end {
                    found.append(run.seconds)
                    time = run
                }
                #expect(found == expected, "\(name) \(middle) \(model.text)")
                // And back again, from a few of them.
                for (earlier, later) in zip(expected, expected.dropFirst()).prefix(3) {
                    #expect(
                        cron.previous(before: Timestamp(seconds: later), in: zone)?.seconds == earlier,
                        "\(name) \(model.text)")
                }
            }
        }
    }
}

/// A schedule as plain sets of numbers, and its runs found by looking at every minute.
private struct CronModel {
    struct Minute {
        var instant: Int64
        /// Seconds of the clock on the wall.
        var local: Int64
        var civil: CivilTime
    }

    var text = ""
    private var sets: [Set<Int>] = []
    private var stars: [Bool] = []

    init(_ random: inout SeededRandom) {
        var words: [String] = []
        for (index, range) in [0...59, 0...23, 1...31, 1...12, 0...6].enumerated() {
            let roll = Int.random(in: 0..<10, using: &random)
            if roll < (index < 2 ? 3 : 7) {
                words.append("*")
                self.sets.append(Set(range))
                self.stars.append(true)
            } else if roll < (index < 2 ? 5 : 8) {
                let step = Int.random(in: 1...7, using: &random)
                words.append("*/\(step)")
                self.sets.append(Set(stride(from: range.lowerBound, through: range.upperBound, by: step)))
                self.stars.append(true)
            } else {
                // Hours near those in which clocks are changed; every month.
                let near = index == 1 ? 0...4 : range
                let values = (0...Int.random(in: 0...2, using: &random)).map { _ in
                    Int.random(in: near, using: &random)
                }
                let chosen = index == 3 ? Array(range) : values
                words.append(chosen.map(String.init).joined(separator: ","))
                self.sets.append(Set(chosen))
                self.stars.append(false)
            }
        }
        self.text = words.joined(separator: " ")
    }

    static func minutes(from start: Int64, to end: Int64, _ zone: ZoneRules) -> [Minute] {
        stride(from: start - start % 60, through: end, by: 60).map { instant in
            let local = instant + Int64(zone.offset(at: Timestamp(seconds: instant)))
            return Minute(instant: instant, local: local, civil: CivilTime(secondsSinceEpoch: local))
        }
    }

    private func matches(_ time: CivilTime) -> Bool {
        guard self.sets[0].contains(time.minute), self.sets[1].contains(time.hour),
            self.sets[3].contains(time.month)
        else {
            return false
        }
        let (inMonth, inWeek) = (self.sets[2].contains(time.day), self.sets[4].contains(time.weekday))
        return self.stars[2] || self.stars[4] ? inMonth && inWeek : inMonth || inWeek
    }

    /// Runs after the first minute.
    func runs(_ minutes: [Minute]) -> [Int64] {
        let followsRealTime = self.stars[0] || self.stars[1]
        var latest = minutes[0].local
        return minutes.dropFirst().compactMap { minute in
            if followsRealTime { return self.matches(minute.civil) ? minute.instant : nil }
            // Shown before: the clock was put back.
            guard minute.local > latest else { return nil }
            defer { latest = minute.local }
            // The minutes that the clock skipped, and this one.
            let shown = stride(from: latest + 60, through: minute.local, by: 60)
            return shown.contains { self.matches(CivilTime(secondsSinceEpoch: $0)) }
                ? minute.instant : nil
        }
    }
}
