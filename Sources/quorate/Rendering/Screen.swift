/// Redraws a block of lines in place on a terminal.
struct Screen {
    private var drawn = 0

    /// What to write so that these lines stand where the ones before did. The cursor ends below them.
    mutating func redraw(_ lines: [String]) -> String {
        var text = self.drawn > 0 ? "\u{1B}[\(self.drawn)A\r" : ""
        for line in lines { text += "\(line)\u{1B}[K\n" }
        text += "\u{1B}[J"
        self.drawn = lines.count
        return text
    }
}
