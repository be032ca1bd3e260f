public import Platform
public import YAML

/// What a restore did: what was chosen and why, what came from where, and what is lost.
public struct RestoreReport: Sendable, Hashable {
    /// Entries, and the log they were read from.
    public struct Part: Sendable, Hashable {
        /// The database, or the directory of the log.
        public var file: String
        /// The entries it gave; nil for the database.
        public var entries: ClosedRange<UInt64>?
        public var what: String
    }

    /// What proves when the restored state was there.
    public struct TimeProof: Sendable, Hashable {
        /// It was there at this time at the latest.
        public var notAfter: Timestamp
        public var evidence: String
        /// It was not there before, as its last request tells; nil where that says nothing.
        public var notBefore: Timestamp?
        /// The next proof, of something later that is left out.
        public var nextAt: Timestamp?
        public var nextEvidence: String?
        /// Entries after the proof that are left out, though some may have been in time.
        public var undecided: UInt64 = 0

        /// In words: a sentence each.
        public var sentences: [String] {
            var lines = ["at \(self.notAfter) at the latest: \(self.evidence)"]
            if let notBefore { lines.append("after \(notBefore), when the member that proposed it had started") }
            if let nextAt, let nextEvidence { lines.append("the next proof is of \(nextAt): \(nextEvidence)") }
            if self.undecided > 0 {
                lines.append("\(self.undecided) entries after that are left out, though some may have been in time")
            }
            return lines
        }
    }

    public var target: RestoreTarget
    /// What the target means, where that had to be found out.
    public var meaning: String?
    public var dataDirectory: String
    /// Of the database before it is moved on.
    public var revision: Int64 = 0
    public var compactRevision: Int64 = 0
    /// HashKV at `revision`; nil where it was not computed.
    public var hashKV: UInt32?
    /// The last entry applied.
    public var index: UInt64 = 0
    public var term: UInt64 = 0
    /// How far revisions were moved on, and the revision that the new cluster begins at.
    public var bump: Int64 = 0
    public var startRevision: Int64 = 0
    public var isMarkedCompacted = false
    public var bumpReason = ""
    public var clusterID = ""
    public var memberID = ""
    /// What was chosen, and why: a sentence each.
    public var choices: [String] = []
    public var parts: [Part] = []
    /// Entries that are kept though nothing proves that they were committed; a client may have been told of them.
    public var unconfirmed: ClosedRange<UInt64>?
    /// Entries that the sources hold after the target.
    public var leftOut: ClosedRange<UInt64>?
    /// What is lost, or may be: a sentence each.
    public var losses: [String] = []
    /// What is worth knowing besides.
    public var notes: [String] = []
    public var time: TimeProof?

    init(target: RestoreTarget, dataDirectory: String) {
        (self.target, self.dataDirectory) = (target, dataDirectory)
    }

    /// The report as it is written beside the directory, and printed with `--json`.
    public var node: Node {
        var node: Mapping = [
            "target": .string(self.target.description), "dataDirectory": .string(self.dataDirectory),
            "clusterID": .string(self.clusterID), "memberID": .string(self.memberID), "revision": .int(self.revision),
            "compactRevision": .int(self.compactRevision), "hashKV": self.hashKV.map { .int($0) } ?? .null,
            "index": .int(self.index), "term": .int(self.term), "bump": .int(self.bump),
            "markedCompacted": .bool(self.isMarkedCompacted), "startRevision": .int(self.startRevision),
            "bumpReason": .string(self.bumpReason), "choices": Self.strings(self.choices),
            "parts": .sequence(self.parts.map(\.node)), "losses": Self.strings(self.losses), "notes": Self.strings(self.notes),
        ]
        if let unconfirmed { node["unconfirmedEntries"] = Self.range(unconfirmed) }
        if let leftOut { node["leftOutEntries"] = Self.range(leftOut) }
        if let time { node["time"] = time.node }
        return .mapping(node)
    }

    private static func strings(_ strings: [String]) -> Node { .sequence(strings.map { .string($0) }) }

    fileprivate static func range(_ range: ClosedRange<UInt64>) -> Node {
        .mapping(["first": .int(range.lowerBound), "last": .int(range.upperBound)])
    }
}

extension RestoreReport.Part {
    fileprivate var node: Node {
        var node: Mapping = ["file": .string(self.file), "what": .string(self.what)]
        if let entries { node["entries"] = RestoreReport.range(entries) }
        return .mapping(node)
    }
}

extension RestoreReport.TimeProof {
    fileprivate var node: Node {
        var node: Mapping = [
            "notAfter": .string(self.notAfter.description), "evidence": .string(self.evidence),
            "undecidedEntries": .int(self.undecided),
        ]
        if let notBefore { node["notBefore"] = .string(notBefore.description) }
        if let nextAt { node["nextAt"] = .string(nextAt.description) }
        if let nextEvidence { node["nextEvidence"] = .string(nextEvidence) }
        return .mapping(node)
    }
}
