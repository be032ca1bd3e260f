import Platform
import Testing

@Suite struct TimeTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-22T23:02:56Z", 1_795_388_576), ("2000-02-29T12:00:00Z", 951_825_600),
        ("1969-12-31T23:59:59Z", -1), ("2026-11-22T23:02:56+01:00", 1_795_384_976),
        ("2026-11-22t23:02:56.5z", 1_795_388_576), ("2016-12-31T23:59:60Z", 1_483_228_800),
    ])
    func reads(_ text: String, _ seconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.seconds == seconds)
    }

    @Test(arguments: [
        "", "2026-11-22", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T23:60:00Z",
        "2026-11-22T23:02:56", "2026-11-22T23:02:56Zx", "2026-11-22T23:02:56.Z", "2026-11-22T23:02:56+1:00",
        "9999-01-01T00:00:00Z", "2026-11-22T23:02:61Z", "２026-11-22T23:02:56Z",
    ])
    func refuses(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func fractionsAreNanoseconds() {
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:00.000000001Z")?.nanoseconds == 1)
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:00.1234567899Z")?.nanoseconds == 123_456_789)
    }

    @Test func writingAndReadingAgree() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<2000 {
            let seconds = Int64.random(in: -9_000_000_000...9_000_000_000, using: &random)
            let time = Timestamp(seconds: seconds)
            #expect(Timestamp(rfc3339: time.description) == time, "\(seconds)")
            #expect(CivilTime(secondsSinceEpoch: seconds).secondsSinceEpoch == seconds)
        }
    }

    @Test func everyDayFollowsTheOneBefore() {
        var day = CivilTime(year: 1899, month: 12, day: 31)
        for seconds in stride(from: day.secondsSinceEpoch + 86_400, to: 4_200_000_000, by: 86_400) {
            let next = CivilTime(secondsSinceEpoch: seconds)
            let isNewMonth = day.day == CivilTime.days(inMonth: day.month, of: day.year)
            #expect(next.day == (isNewMonth ? 1 : day.day + 1))
            #expect(next.weekday == (day.weekday + 1) % 7)
            day = next
        }
        #expect(CivilTime(year: 2026, month: 11, day: 22).weekday == 0)
    }

    @Test func durationsClamp() {
        #expect(Duration.seconds(1).nanoseconds == 1_000_000_000)
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.milliseconds(-1500).inSeconds == -1.5)
    }
}
