/// Findings as they come, each once. A file that is wrong throughout fills no memory.
struct FindingLog {
    static let limit = 1000

    private(set) var findings: [Finding] = []
    private var seen: Set<Finding> = []
    /// Findings beyond the limit.
    private(set) var unlisted = 0

    var hasDamage: Bool { self.unlisted > 0 || self.findings.contains(where: \.isDamage) }

    mutating func add(_ finding: Finding) {
        guard self.findings.count < Self.limit else {
            if finding.isDamage, !self.seen.contains(finding) { self.unlisted += 1 }
            return
        }
        if self.seen.insert(finding).inserted { self.findings.append(finding) }
    }

    mutating func add(_ file: String, at offset: Int64, _ what: String, isDamage: Bool = true) {
        self.add(Finding(file, at: offset, what, isDamage: isDamage))
    }

    mutating func add(contentsOf other: FindingLog) {
        for finding in other.findings { self.add(finding) }
        self.unlisted += other.unlisted
    }

    /// Everything, with a last word on what is not listed.
    func all(of file: String) -> [Finding] {
        guard self.unlisted > 0 else { return self.findings }
        return self.findings + [Finding(file, at: 0, "\(self.unlisted) more of the kind, not listed")]
    }
}
