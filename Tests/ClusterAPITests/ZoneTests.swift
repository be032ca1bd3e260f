import ClusterAPI
internal import Glibc
import Platform
import Testing

@Suite(.serialized) struct ZoneTests {
    /// Against the C library, at random moments, near each other and far away.
    @Test(arguments: [
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
        "Asia/Kathmandu", "Pacific/Apia",
        "America/Sao_Paulo", "Europe/Dublin", "Asia/Tehran", "Antarctica/Troll", "America/Nuuk",
        "Asia/Gaza", "UTC", "Etc/GMT+12",
    ])
    func agreesWithTheCLibrary(name: String) throws {
        let zone = try ZoneRules.named(name)
        unsafe setenv("TZ", ":/usr/share/zoneinfo/\(name)", 1)
        defer { unsafe unsetenv("TZ") }
        tzset()
        var random = SeededRandom(seed: 11)
        for _ in 0..<3_000 {
            let seconds = Int64.random(in: -3_000_000_000...8_000_000_000, using: &random)
            var (time, broken) = unsafe (time_t(seconds), tm())
            unsafe localtime_r(&time, &broken)
            #expect(
                unsafe zone.offset(at: Timestamp(seconds: seconds)) == broken.tm_gmtoff,
                "\(name) \(seconds)")
        }
    }

    @Test func showsTheClockOnTheWall() throws {
        let time = try #require(Timestamp(rfc3339: "2026-03-29T01:00:00Z"))
        let berlin = try ZoneRules.named("Europe/Berlin")
        #expect(berlin.civilTime(at: time) == CivilTime(year: 2026, month: 3, day: 29, hour: 3))
        #expect(
            berlin.civilTime(at: time - .seconds(1))
                == CivilTime(year: 2026, month: 3, day: 29, hour: 1, minute: 59, second: 59))
        #expect(ZoneRules.utc.offset(at: time) == 0)
    }

    @Test func refusesWhatIsNoZone() throws {
        #expect(throws: ZoneError(message: "no TZif file")) {
            try ZoneRules(tzif: Array("hello, world".utf8))
        }
        #expect(throws: ZoneError(message: "the file ends too soon")) { try ZoneRules(tzif: []) }
        let whole = try Repository.read(absolute: "/usr/share/zoneinfo/Europe/Berlin")
        for count in 0..<whole.count {
            #expect(throws: ZoneError.self) { try ZoneRules(tzif: Array(whole.prefix(count))) }
        }
    }

    @Test func damagedFilesNeverTrap() throws {
        let names = ["Europe/Berlin", "UTC", "America/New_York", "Asia/Gaza"]
        let files = try names.map { try Repository.read(absolute: "/usr/share/zoneinfo/\($0)") }
        let schedules = try ["30 2 * * *", "*/30 * * * *"].map { try Cron($0) }
        var random = SeededRandom(seed: 5)
        for turn in 0..<1_500 {
            var bytes = files[turn % files.count]
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                // Headers and footers more often than the tables between them.
                let at =
                    random.chance(0.5)
                    ? Int.random(in: 0..<bytes.count, using: &random)
                    : bytes.count - 1 - Int.random(in: 0..<min(bytes.count, 40), using: &random)
                bytes[at] =
                    random.chance(0.5)
                    ? UInt8.random(in: 0...255, using: &random)
                    : UInt8.random(in: 0x2B...0x3A, using: &random)
            }
            guard let zone = try? ZoneRules(tzif: bytes) else { continue }
            let times = [Int64.min, -1, 0, 1_774_746_000, 4_000_000_000, .max / 1_000_000_000].map {
                Timestamp(seconds: $0)
            }
            for (time, cron) in zip(times, schedules + schedules + schedules) {
                _ = zone.civilTime(at: time)
                if let run = cron.next(after: time, in: zone) { #expect(run > time, "turn \(turn)") }
            }
        }
    }
}
