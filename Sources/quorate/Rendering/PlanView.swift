internal import ClusterAPI
internal import Platform

/// What would be done, step by step, and what would not.
enum PlanView {
    static func lines(_ plan: Plan, of cluster: String, now: Timestamp, style: Style = .plain) -> [String] {
        var lines = ["\(cluster): \(plan.summary)"]
        if !plan.steps.isEmpty {
            var table = TextTable(header: ["STEP", "ACTION", "RISK", "TOLERANCE", "WHY"])
            table.rows = plan.steps.enumerated().map { index, step in
                [
                    .init(String(index + 1)), .init(step.action), .init(step.risk.rawValue, self.colour(of: step.risk)),
                    .init("\(self.tolerance(step.toleranceBefore)) -> \(self.tolerance(step.toleranceAfter))"), .init(step.why),
                ]
            }
            lines += [""] + table.lines(style: style, indent: 2)
            lines += ["", "  TOLERANCE is how many members may fail with quorum kept, before and after the step."]
        }
        if !plan.blocked.isEmpty {
            lines += ["", style.paint("Blocked", .bold)] + DescribeView.blocked(plan.blocked, now: now)
        }
        return lines
    }

    /// Below zero there is no quorum to lose.
    private static func tolerance(_ members: Int) -> String {
        members < 0 ? "none" : String(members)
    }

    private static func colour(of risk: PlanStep.Risk) -> Style.Colour? {
        switch risk {
        case .none: .green
        case .leaderChange, .memberRestart, .dataMove: .yellow
        case .dataLoss: .red
        }
    }
}
