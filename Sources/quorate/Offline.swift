internal import Glibc
internal import Platform
internal import Recovery
internal import YAML

/// Where the words of a command that needs no controller go.
struct Output {
    var terminal: Terminal
    /// Standard output.
    var write: (String) -> Void
    /// Standard error: progress and warnings.
    var note: (String) -> Void
    /// Whether standard error is a terminal, where one line can show progress.
    var showsProgress: Bool

    static func standard() -> Output {
        Output(
            terminal: .standardOutput(), write: { Terminal.write($0, to: STDOUT_FILENO) },
            note: { Terminal.write($0, to: STDERR_FILENO) }, showsProgress: isatty(STDERR_FILENO) == 1)
    }

    func print(_ lines: [String]) {
        self.write(lines.map { "\($0)\n" }.joined())
    }

    func print(_ node: Node) {
        self.write(String(decoding: node.json(isPretty: true), as: UTF8.self))
    }

    /// Runs a recovery with progress on one line, and its errors as the command's.
    func run<Value>(_ work: (ProgressReport?) throws(RecoveryError) -> Value) throws(CommandError) -> Value {
        let meter = ProgressMeter(note: self.note)
        do throws(RecoveryError) {
            let value = try work(self.showsProgress ? meter.show : nil)
            meter.clear()
            return value
        } catch {
            meter.clear()
            throw CommandError(error.code == .refused ? .unsafe : .failed, error.description)
        }
    }
}

/// One line of a terminal that says how far a long work has come.
final class ProgressMeter {
    private let note: (String) -> Void
    private let clock = ContinuousClock()
    private var shownAt: ContinuousClock.Instant?
    private var isShown = false

    init(note: @escaping (String) -> Void) {
        self.note = note
    }

    func show(_ progress: RecoveryProgress) {
        let now = self.clock.now
        if let shownAt, now - shownAt < .milliseconds(100) { return }
        // The first is not shown: what is done at once needs no progress.
        defer { self.shownAt = now }
        guard self.shownAt != nil else { return }
        self.isShown = true
        self.note("\r\u{1B}[K\(Self.line(progress))")
    }

    static func line(_ progress: RecoveryProgress) -> String {
        let share = progress.total > 0 ? min(100, progress.done * 100 / progress.total) : 0
        return "\(progress.step.rawValue) \(progress.file)  \(share)%"
    }

    func clear() {
        if self.isShown { self.note("\r\u{1B}[K") }
        self.isShown = false
    }
}
