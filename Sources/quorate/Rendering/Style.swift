/// How text is marked on a terminal. Plain everywhere else, and where `NO_COLOR` is set.
struct Style: Sendable, Hashable {
    enum Colour: String, Sendable, Hashable, CaseIterable {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    var isColoured: Bool

    static let plain = Style(isColoured: false)
    static let coloured = Style(isColoured: true)

    func paint(_ text: String, _ colour: Colour?) -> String {
        guard self.isColoured, let colour, !text.isEmpty else { return text }
        return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
    }
}
