/// Columns of text, each as wide as its widest cell, three blanks apart, with nothing at the end of a line.
struct TextTable {
    struct Cell: Hashable, ExpressibleByStringLiteral {
        var text: String
        var colour: Style.Colour?

        init(_ text: String, _ colour: Style.Colour? = nil) {
            // One row is one line, whatever stands in a message.
            self.text =
                text.contains(where: \.isNewline) ? text.split(whereSeparator: \.isNewline).joined(separator: " ") : text
            self.colour = colour
        }

        init(stringLiteral text: String) {
            self.init(text)
        }
    }

    var header: [String]
    var rows: [[Cell]]

    init(header: [String], rows: [[Cell]] = []) {
        self.header = header
        self.rows = rows
    }

    /// - Parameter width: Lines are cut to this many characters; nil for no end.
    func lines(style: Style = .plain, indent: Int = 0, width: Int? = nil) -> [String] {
        let heading = self.header.map { Cell($0, .bold) }
        var widths = [Int](repeating: 0, count: self.header.count)
        for row in [heading] + self.rows {
            precondition(row.count == self.header.count, "a row has as many cells as the header")
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.text.count) }
        }
        return ([heading] + self.rows).map { Self.line($0, widths, style: style, indent: indent, width: width) }
    }

    private static func line(_ row: [Cell], _ widths: [Int], style: Style, indent: Int, width: Int?) -> String {
        let last = row.lastIndex { !$0.text.isEmpty } ?? 0
        var line = String(repeating: " ", count: indent)
        var left = (width ?? .max) - indent
        for (column, cell) in row[...last].enumerated() where left > 0 {
            let text = Self.cut(cell.text, to: left)
            line += style.paint(text, cell.colour)
            left -= text.count
            guard column < last else { break }
            let gap = min(max(0, left), widths[column] - text.count + 3)
            line += String(repeating: " ", count: gap)
            left -= gap
        }
        // A line that was cut may end in a gap.
        while line.last == " " { line.removeLast() }
        return line
    }

    private static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : text.prefix(max(0, width - 1)) + "…"
    }
}
