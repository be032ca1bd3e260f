internal import Recovery

/// What `diff` prints.
enum DiffView {
    static func lines(_ diff: Diff, style: Style) -> [String] {
        let title = "\(diff.from.path) at revision \(diff.fromRevision) -> \(diff.to.path) at revision \(diff.toRevision)"
        let counts = ["added", "changed", "deleted"].map { word in
            "\(diff.changes.count { $0.word == word }) \(word)"
        }
        guard !diff.changes.isEmpty else { return [title, "no difference"] }
        let rows: [[TextTable.Cell]] = diff.changes.map { change in
            [
                .init(change.word, Self.colour(change)), .init(KeyText.printable(change.key)), .init(Self.state(change.from)),
                .init(Self.state(change.to)),
            ]
        }
        return [title, counts.joined(separator: ", "), ""]
            + TextTable(header: ["CHANGE", "KEY", "FROM", "TO"], rows: rows).lines(style: style)
    }

    private static func colour(_ change: Diff.Change) -> Style.Colour {
        change.from == nil ? .green : change.to == nil ? .red : .yellow
    }

    private static func state(_ state: KeyState?) -> String {
        state.map { "revision \($0.modRevision), \(Human.bytes(Int64($0.size)))" } ?? "-"
    }
}
