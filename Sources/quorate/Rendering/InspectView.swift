internal import EtcdWire
internal import Platform
internal import Recovery

/// What `verify` prints.
enum VerifyView {
    static func lines(_ verdict: Verdict, of path: String, style: Style) -> [String] {
        let word = verdict.isSound ? style.paint("sound", .green) : style.paint("damaged", .red)
        var lines = ["\(path): \(word)"]
        if verdict.revision > 0 {
            lines.append("  revision          \(verdict.revision)")
            if verdict.compactRevision > 0 { lines.append("  compacted up to   \(verdict.compactRevision)") }
            lines.append("  HashKV            \(verdict.hashKV.map { String($0) } ?? "not known")")
        }
        return lines + FindingView.lines(verdict.findings, style: style)
    }
}

enum FindingView {
    static func lines(_ findings: [Finding], style: Style) -> [String] {
        findings.map { finding in
            let mark = finding.isDamage ? style.paint("damage", .red) : style.paint("note", .yellow)
            return "  \(mark)  \(finding.file): at byte \(finding.offset): \(finding.what)"
        }
    }
}

/// What `inspect` prints.
enum InspectView {
    static func lines(_ inspection: Inspection, style: Style) -> [String] {
        let facts = inspection.facts
        let word = inspection.isSound ? style.paint("sound", .green) : style.paint("damaged", .red)
        var lines = ["\(facts.source.path): \(facts.source.kind.rawValue), \(word)"]
        if let metadata = facts.log?.metadata {
            lines += self.rows([("cluster", hex(metadata.clusterID)), ("member", hex(metadata.nodeID))])
        }
        if let database = facts.database { lines += self.database(database, style) }
        for database in facts.received {
            lines += ["", "Received from a leader"] + self.database(database, style)
        }
        if let log = facts.log { lines += self.log(log, style) }
        if !facts.snaps.isEmpty {
            lines += [""]
            let table = TextTable(
                header: ["SNAP FILE", "INDEX", "TERM", "VOTERS"],
                rows: facts.snaps.map { snap in
                    [
                        .init(name(of: snap.path)), .init("\(snap.index)"), .init("\(snap.term)"),
                        .init((snap.confState?.voters ?? []).map(hex).joined(separator: " ")),
                    ]
                })
            lines += table.lines(style: style)
        }
        if !inspection.findings.isEmpty { lines += [""] + FindingView.lines(inspection.findings, style: style) }
        return lines
    }

    /// One entry of a log, and what its transaction does.
    static func lines(_ entry: EntryFacts) -> [String] {
        let mark = entry.replaces ? "  (replaces an earlier leader's)" : ""
        return ["\(entry.index)  term \(entry.term)  \(entry.summary)\(mark)"] + entry.details.map { "        \($0)" }
    }

    private static func rows(_ rows: [(String, String)]) -> [String] {
        rows.map { "  \($0)\(String(repeating: " ", count: max(1, 18 - $0.count)))\($1)" }
    }

    private static func database(_ database: DatabaseFacts, _ style: Style) -> [String] {
        var rows: [(String, String)] = [
            ("database", database.path),
            ("size", "\(Human.bytes(database.fileSize)), \(Human.bytes(database.sizeInUse)) in use"),
            ("revision", "\(database.revision)"),
            ("compacted up to", database.compactRevision > 0 ? "\(database.compactRevision)" : "-"),
            ("applied index", "\(database.consistentIndex)" + (database.term > 0 ? ", term \(database.term)" : "")),
            ("keys", "\(database.keys), \(database.rows) changes kept"),
            ("HashKV", database.hashKV.map { String($0) } ?? "not known"),
            ("leases", "\(database.leases.count)"),
            ("users, roles", "\(database.users.count), \(database.roles.count), auth \(database.isAuthEnabled ? "on" : "off")"),
        ]
        if let version = database.clusterVersion { rows.append(("cluster version", version)) }
        for alarm in database.alarms {
            rows.append(("alarm", "\(alarm.alarm.name) of member \(hex(alarm.memberID))"))
        }
        var lines = self.rows(rows)
        if !database.members.isEmpty {
            let table = TextTable(
                header: ["MEMBER", "NAME", "PEER URLS", "CLIENT URLS", "ROLE"],
                rows: database.members.map { member in
                    [
                        .init(hex(member.id)), .init(member.name), .init(member.peerURLs.joined(separator: ",")),
                        .init(member.clientURLs.joined(separator: ",")), .init(member.isLearner ? "learner" : "voter"),
                    ]
                })
            lines += [""] + table.lines(style: style)
        }
        if !database.prefixes.isEmpty {
            let table = TextTable(
                header: ["PREFIX", "KEYS", "SIZE", "CHANGES", "WITH HISTORY"],
                rows: database.prefixes.prefix(40).map { size in
                    [
                        .init(size.prefix.isEmpty ? "(no /)" : KeyText.printable(size.prefix)), .init("\(size.keys)"),
                        .init(Human.bytes(size.keyBytes)), .init("\(size.rows)"), .init(Human.bytes(size.rowBytes)),
                    ]
                })
            lines += [""] + table.lines(style: style)
            if database.prefixes.count > 40 { lines.append("(\(database.prefixes.count - 40) more with --json)") }
        }
        return lines
    }

    private static func log(_ log: LogFacts, _ style: Style) -> [String] {
        var rows: [(String, String)] = [
            ("log", log.directory),
            ("entries", log.runs.isEmpty ? "none" : "\(log.firstIndex) to \(log.lastIndex)"),
            ("committed", "\(log.state.commit), as far as was written"),
            ("term", "\(log.state.term), voted for \(log.state.vote == 0 ? "nobody" : hex(log.state.vote))"),
        ]
        if log.replaced > 0 { rows.append(("replaced", "\(log.replaced) entries of earlier leaders")) }
        let table = TextTable(
            header: ["SEGMENT", "ENTRIES", "LAST INDEX", "USED", "LAST WRITTEN"],
            rows: log.segments.map { segment in
                [
                    .init(name(of: segment.path)), .init("\(segment.entries)"), .init("\(segment.lastIndex)"),
                    .init("\(Human.bytes(segment.usedBytes)) of \(Human.bytes(segment.fileSize))"),
                    .init("\(segment.modified)"),
                ]
            })
        return [""] + self.rows(rows) + [""] + table.lines(style: style)
    }
}

private func hex(_ id: UInt64) -> String { String(id, radix: 16) }

private func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
