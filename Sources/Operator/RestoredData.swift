internal import Recovery
internal import YAML

/// What is kept with a member of how its data was brought back: enough for the report, whoever reads it and when.
struct RestoredData: Sendable, Hashable {
    /// The revision that was brought back, and the one that the new cluster goes on from.
    var revision: Int64
    var startRevision: Int64
    /// What came from where, what was chosen, and what is lost: a sentence each.
    var sources: [String]

    init(revision: Int64, startRevision: Int64, sources: [String]) {
        (self.revision, self.startRevision, self.sources) = (revision, startRevision, sources)
    }

    init(_ report: RestoreReport) {
        self.init(
            revision: report.revision, startRevision: report.startRevision, sources: Self.sentences(report))
    }

    /// What came from where, and what is lost.
    static func sentences(_ report: RestoreReport) -> [String] {
        let parts = report.parts.map { part in
            let entries = part.entries.map { ", entries \($0.lowerBound) to \($0.upperBound)" } ?? ""
            return "\(part.file)\(entries): \(part.what)"
        }
        var unsure: [String] = []
        if let unconfirmed = report.unconfirmed {
            let range = "\(unconfirmed.lowerBound) to \(unconfirmed.upperBound)"
            unsure = ["Entries \(range) are kept, though nothing proves that they were committed."]
        }
        return parts + unsure + report.losses + report.notes
    }

    func encoded() -> [UInt8] {
        Node.mapping([
            "revision": .int(self.revision), "startRevision": .int(self.startRevision),
            "sources": .sequence(self.sources.map { .string($0) }),
        ]).json()
    }

    /// Nil where the words are of another kind.
    init?(_ words: String) {
        guard let node = try? Node.read(json: Array(words.utf8)), let revision = node["revision"]?.int,
            let startRevision = node["startRevision"]?.int
        else { return nil }
        self.init(
            revision: Int64(clamping: revision), startRevision: Int64(clamping: startRevision),
            sources: (node["sources"]?.sequence ?? []).compactMap(\.string))
    }
}
