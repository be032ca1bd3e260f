internal import ClusterAPI
internal import Platform

/// What `quorate run` shows on a terminal: every cluster, the members of each, what is being done, and what is not and why.
enum LiveTable {
    /// - Parameters:
    ///   - width: Lines are cut to this many characters.
    ///   - height: With more lines than this the members are left out.
    static func lines(
        _ clusters: [EtcdCluster], now: Timestamp, style: Style = .plain, width: Int? = nil, height: Int? = nil
    ) -> [String] {
        let clusters = clusters.sorted { $0.metadata.name < $1.metadata.name }
        guard !clusters.isEmpty else { return ["quorate  \(now)  no clusters: add a spec, or  quorate apply -f FILE"] }
        let running = clusters.count { $0.status.phase == .running }
        var head = ["quorate  \(now)  \(Human.count(clusters.count, "cluster")), \(running) running", ""]
        head += Columns.clusters(clusters, now: now, wide: false).lines(style: style, width: width)
        let doings = clusters.flatMap { self.doings($0, now: now, style: style, width: width) }
        if !doings.isEmpty { head += [""] + doings }
        let members = clusters.filter { !$0.status.members.isEmpty }.flatMap { cluster in
            [""] + Columns.members(cluster.status.members, wide: false).lines(style: style, width: width)
        }
        if let height, head.count + members.count > height { return head }
        return head + members
    }

    private static func doings(_ cluster: EtcdCluster, now: Timestamp, style: Style, width: Int?) -> [String] {
        let name = cluster.metadata.name
        var lines: [(String, Style.Colour)] = []
        if let operation = cluster.status.operation {
            let age = Human.age(now - operation.startedAt)
            let progress = operation.details["progress"].map { ", \($0)" } ?? ""
            lines.append(("\(name): \(operation.intent) (\(operation.step), \(age)\(progress))", .yellow))
        }
        for blocked in cluster.status.blocked {
            lines.append(("\(name): \(blocked.action) waits: \(blocked.reason); until \(blocked.unblockedWhen)", .yellow))
        }
        if cluster.status.phase == .quorumLost {
            let message = cluster.condition("Quorate")?.message ?? "quorum is lost"
            lines.append(("\(name): \(message); see  quorate restore \(name)", .red))
        }
        return lines.map { text, colour in
            let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
            guard let width, line.count > width else { return style.paint(line, colour) }
            return style.paint(line.prefix(max(0, width - 1)) + "…", colour)
        }
    }
}
