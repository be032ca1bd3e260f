internal import Glibc

/// Where output goes, and what may be written there.
struct Terminal: Sendable, Hashable {
    var isTerminal: Bool
    var style: Style
    /// Columns and rows; nil when there is no terminal.
    var width: Int?
    var height: Int?

    static let none = Terminal(isTerminal: false, style: .plain, width: nil, height: nil)

    /// Standard output as it is now: asked again for each drawing, since windows change.
    static func standardOutput() -> Terminal {
        guard isatty(STDOUT_FILENO) == 1, Self.environment("TERM") != "dumb" else { return .none }
        let style = Style(isColoured: (Self.environment("NO_COLOR") ?? "").isEmpty)
        var size = winsize()
        let known = unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return Terminal(
            isTerminal: true, style: style, width: known ? Int(size.ws_col) : nil, height: known ? Int(size.ws_row) : nil)
    }

    /// Whether a person can be asked.
    static func canAsk() -> Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Writes the whole text, or as much as the reader takes.
    static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
