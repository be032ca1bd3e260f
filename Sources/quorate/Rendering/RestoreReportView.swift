internal import Recovery

/// What `restore --data-dir` prints.
enum RestoreReportView {
    static func lines(_ report: RestoreReport, style: Style) -> [String] {
        var lines = ["\(style.paint("restored", .green)) \(report.dataDirectory), target \(report.target)"]
        lines += self.rows([
            ("revision", "\(report.revision)"),
            ("HashKV", report.hashKV.map { String($0) } ?? "not known"),
            ("last entry", "\(report.index)" + (report.term > 0 ? " of term \(report.term)" : "")),
            ("cluster", "\(report.clusterID), new"),
            ("member", report.memberID),
            (
                "begins at",
                "revision \(report.startRevision)"
                    + (report.bump == 0
                        ? ", not moved on" : ", moved on by \(report.bump)\(report.isMarkedCompacted ? ", compacted" : "")")
            ),
        ])
        if report.bump > 0 { lines.append("  \(report.bumpReason)") }
        lines += self.section("What was chosen", report.choices)
        lines += self.section(
            "What came from where",
            report.parts.map { "\($0.file): \($0.what)" })
        if let time = report.time { lines += self.section("When that was", time.sentences) }
        lines += self.section("What is lost", report.losses.isEmpty ? ["nothing that the sources hold"] : report.losses)
        lines += self.section("Notes", report.notes)
        return lines + ["", "The report is in \(report.dataDirectory).report.json"]
    }

    private static func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", "\(title):"] + lines.map { "  \($0)" }
    }

    private static func rows(_ rows: [(String, String)]) -> [String] {
        rows.map { "  \($0)\(String(repeating: " ", count: max(1, 12 - $0.count)))\($1)" }
    }
}
