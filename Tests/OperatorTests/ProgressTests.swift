import Platform
import Testing

@testable import Operator

@Suite("Progress of long actions")
struct ProgressTests {
    @Test(
        "A share and the time left, where there is a total; never an invented one",
        arguments: [
            (1 << 30, 4 << 30, 10, "streaming: 25 % (1.0 GiB of 4.0 GiB), about 30 s left"),
            (1 << 20, 1 << 30, 1, "streaming: 0 % (1.0 MiB of 1.0 GiB), about 17 min left"),
            (1 << 30, 1 << 30, 10, "streaming: 100 % (1.0 GiB of 1.0 GiB)"),
            (0, 2_048, 10, "streaming: 0 % (0 B of 2.0 KiB)"),
            (1_500, nil, 10, "streaming: 1.4 KiB"),
            // More came than the member had when it was asked: the expectation is worth nothing any more.
            (4_096, 2_048, 10, "streaming: 4.0 KiB"),
            (5, 0, 10, "streaming: 5 B"),
            (20 << 40, 25 << 40, 3_600, "streaming: 80 % (20 TiB of 25 TiB), about 15 min left"),
            (1, .max, 3_600, "streaming: 0 % (1 B of 8.0 EiB)"),
        ] as [(Int64, Int64?, Int64, String)])
    func words(done: Int64, total: Int64?, seconds: Int64, expected: String) {
        let progress = ActionProgress(phase: "streaming", done: done, total: total)
        #expect(progress.text(after: .seconds(seconds)) == expected)
    }

    @Test("No words in the first second, then one a second, and each phase by its own rate")
    func meter() {
        var meter = ProgressMeter(start: .seconds(100))
        var texts: [String] = []
        for tick in 0...50 {
            let progress = ActionProgress(phase: "verifying", done: Int64(tick), total: 50)
            if let text = meter.report(progress, at: .seconds(100) + .milliseconds(100 * tick)) { texts.append(text) }
        }
        #expect(texts.count == 5)
        #expect(texts.first == "verifying: 20 % (10 B of 50 B), about 4 s left")
        #expect(
            meter.report(ActionProgress(phase: "writing", done: 1, total: 4), at: .seconds(106)) == "writing: 25 % (1 B of 4 B)"
        )
        #expect(
            meter.report(ActionProgress(phase: "writing", done: 2, total: 4), at: .seconds(107))
                == "writing: 50 % (2 B of 4 B), about 1 s left")
    }
}
