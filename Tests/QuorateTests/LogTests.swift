internal import Logging
internal import Platform
internal import Synchronization
internal import Testing
internal import YAML

@testable internal import quorate

@Suite("Log lines")
struct LogTests {
    private struct StoppedClock: WallClock {
        func now() -> Timestamp { Samples.now + .milliseconds(7) }
        func uptime() -> Duration { .zero }
        func sleep(for duration: Duration) async throws {}
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        func append(_ line: String) { self.lines.withLock { $0.append(line) } }
        var all: [String] { self.lines.withLock { $0 } }
    }

    private func logger(_ format: LogFormat, _ lines: Lines, level: Logger.Level = .info) -> Logger {
        Logger(label: "controller") { label in
            LineLogHandler(label: label, level: level, format: format, clock: StoppedClock()) { lines.append($0) }
        }
    }

    @Test("JSON: one object on one line")
    func json() throws {
        let lines = Lines()
        var logger = self.logger(.json, lines)
        logger[metadataKey: "cluster"] = "orders"
        logger.info("up\n\"and\" \u{01}running", metadata: ["members": ["a", "b"], "msg": "kept apart", "n": "\(3)"])
        logger.debug("unheard")
        let expected =
            #"{"level":"info","ts":"2026-11-22T23:02:56.007Z","logger":"controller","msg":"up\n\"and\" \u0001running","#
            + #""cluster":"orders","members":["a","b"],"msg_":"kept apart","n":"3"}"# + "\n"
        #expect(lines.all == [expected])
        _ = try Node.read(json: Array(expected.utf8))
    }

    @Test("Text: for people")
    func text() {
        let lines = Lines()
        self.logger(.text, lines).warning("slow\ndisk", metadata: ["took": "12 s", "disk": "sda"])
        #expect(lines.all == ["2026-11-22T23:02:56.007Z WARNING slow disk disk=sda took=\"12 s\"\n"])
    }
}
