internal import Backups
internal import Platform

/// What a restore will do, as the evidence has it: which log is believed, which database it begins with, and where it ends.
struct RestorePlan {
    let request: RestoreRequest
    private let candidates: [LogChoice.Candidate]
    /// Nil where there is no log.
    let log: LogChoice.Choice?
    private(set) var goal = BaseChoice.Goal.latest
    private(set) var base = BaseChoice.Choice.replay(from: nil)
    private(set) var time: TimeChoice.Choice?
    /// What the target means, where that had to be found out.
    private(set) var meaning: String?
    /// Why: a sentence each.
    private(set) var choices: [String] = []
    private(set) var notes: [String] = []

    /// For a target before a deletion the base is chosen later, by ``choose(_:_:)``.
    init(_ request: RestoreRequest, _ evidence: RestoreEvidence) throws(RecoveryError) {
        self.request = request
        self.candidates = evidence.candidates
        do throws(LogChoice.Refusal) {
            self.log = try LogChoice.choose(self.candidates)
        } catch {
            guard case .contradiction(let log, let other, let index) = error else { preconditionFailure("no other refusal") }
            throw RecoveryError(
                .refused, "",
                "\(evidence.logs[other].facts.directory) knows entry \(index) to be committed, and "
                    + "\(evidence.logs[log].facts.directory), which has the last term, has another or none in its place: "
                    + "they are not of one history; restore from one of them")
        }
        self.explain(evidence)
        switch request.target {
        case .latest:
            try self.checkDamage(evidence)
            try self.choose(.latest, evidence)
        case .revision(let revision):
            guard revision >= 1 else { throw RecoveryError(.unreachable, "", "a store begins at revision 1") }
            try self.choose(.revision(revision), evidence)
        case .time(let time): try self.choose(time, evidence)
        case .beforeDelete: break
        }
    }

    /// Says what the target was found to mean.
    mutating func mean(_ what: String) {
        self.meaning = what
        self.choices.append(what)
    }

    private mutating func explain(_ evidence: RestoreEvidence) {
        defer { self.noteWhatIsWrong(evidence) }
        guard let log else { return }
        let chosen = evidence.logs[log.log]
        let others = self.candidates.indices.filter { $0 != log.log }
        let (term, last) = (self.candidates[log.log].lastTerm, self.candidates[log.log].last)
        if others.isEmpty {
            self.choices.append("the log is that of \(chosen.facts.directory): it ends at entry \(last) of term \(term)")
        } else {
            self.choices.append(
                "of \(self.candidates.count) logs that of \(chosen.facts.directory) is believed: it ends at entry \(last) "
                    + "of term \(term), the last term, and in it the last entry")
        }
        for other in others {
            let candidate = self.candidates[other]
            self.notes.append(
                "\(evidence.logs[other].facts.directory) ends at entry \(candidate.last) of term \(candidate.lastTerm)")
        }
    }

    private mutating func noteWhatIsWrong(_ evidence: RestoreEvidence) {
        for facts in evidence.logFacts {
            for finding in facts.findings {
                self.notes.append("\(finding.file): at byte \(finding.offset): \(finding.what)")
            }
        }
        for path in evidence.leftOut { self.notes.append("\(path) is of another cluster, and left out") }
        for finding in evidence.unreadable {
            self.notes.append("\(finding.file): at byte \(finding.offset): \(finding.what)")
        }
    }

    /// Refuses what may have lost acknowledged entries, where all are wanted.
    func checkDamage(_ evidence: RestoreEvidence) throws(RecoveryError) {
        guard !self.request.allowsDamagedLog else { return }
        let remedy = "; what is before it can be had with --allow-damaged-log"
        if let log, let damage = evidence.logs[log.log].stretch.damage {
            throw RecoveryError(.damaged, damage.file, at: damage.offset, damage.what + remedy)
        }
        guard self.log == nil else { return }
        // A log of which nothing can be read at all.
        for facts in evidence.logFacts {
            guard let damage = facts.findings.first(where: \.isDamage) else { continue }
            throw RecoveryError(.damaged, damage.file, at: damage.offset, damage.what + remedy)
        }
    }

    /// Chooses the database for a goal.
    mutating func choose(_ goal: BaseChoice.Goal, _ evidence: RestoreEvidence, alone: Bool = false) throws(RecoveryError) {
        self.goal = goal
        let entries = alone ? nil : self.entries
        let base = BaseChoice.choose(
            evidence.databases.map(\.candidate), entries: entries, goal: goal, term: { self.term(at: $0) })
        self.base = base
        switch base {
        case .unreachable(let what):
            if evidence.databases.isEmpty, let finding = evidence.unreadable.first {
                throw RecoveryError(.damaged, finding.file, at: finding.offset, finding.what)
            }
            for facts in evidence.logFacts {
                guard let damage = facts.findings.first(where: \.isDamage) else { continue }
                throw RecoveryError(.damaged, damage.file, at: damage.offset, "\(damage.what); without it, \(what)")
            }
            throw RecoveryError(.unreachable, "", what)
        case .replay(nil):
            // Nothing is lost by going on without it, but that is for whoever asked to say.
            if let finding = evidence.unreadable.first {
                throw RecoveryError(
                    .damaged, finding.file, at: finding.offset,
                    "\(finding.what); the log has every entry there ever was: give the directory of *.wal alone")
            }
            self.choices.append("it begins with an empty store: the log has every entry there ever was")
        case .replay(let index?):
            let database = evidence.databases[index]
            self.choices.append(
                "it begins with \(database.file.path), at revision \(database.revision), entry \(database.index): the newest "
                    + "database at or before the target")
        case .rewind(let index):
            let database = evidence.databases[index]
            self.choices.append(
                "it begins with \(database.file.path), at revision \(database.revision), and takes back what is after the "
                    + "target: there is no earlier database that the log goes on from")
        }
    }

    private mutating func choose(_ time: Timestamp, _ evidence: RestoreEvidence) throws(RecoveryError) {
        let bounds = self.bounds(evidence)
        guard let choice = TimeChoice.choose(bounds, at: time) else {
            guard let earliest = bounds.min(by: { $0.time < $1.time }) else {
                throw RecoveryError(.refused, "", "nothing tells when any entry was written")
            }
            throw RecoveryError(
                .refused, "",
                "nothing is proven to be at \(time) or before: the earliest proof is of \(earliest.time), from "
                    + "\(earliest.evidence); name a later time, a revision, or an archive that has time marks")
        }
        self.time = choice
        self.mean(
            "entry \(choice.index) is the last that is proven to be at \(time) or before: \(choice.bound.evidence), "
                + "\(choice.bound.time)")
        try self.choose(.index(choice.index), evidence)
    }

    /// Every proof of a time among the sources.
    func bounds(_ evidence: RestoreEvidence) -> [TimeChoice.Bound] {
        var bounds: [TimeChoice.Bound] = []
        for log in evidence.logs {
            let segments = log.facts.segments
            for place in log.stretch.segments {
                // What a later segment replaces was not final before that was written.
                let reached = log.stretch.segments.lowerBound...place
                let highest = reached.map { segments[$0].lastIndex }.max() ?? 0
                let later = segments[(place + 1)...].filter { $0.entries > 0 }.map(\.firstIndex).min() ?? .max
                let index = min(highest, log.stretch.lastIndex, later == .max ? .max : later &- 1)
                let term = log.stretch.runs.first { $0.first <= index && index <= $0.last }?.term
                guard index > 0, let term, term == self.term(at: index) else { continue }
                bounds.append(
                    .init(index: index, time: segments[place].modified, evidence: "\(segments[place].path) was last written to")
                )
            }
        }
        for database in evidence.databases {
            let term = self.term(at: database.index)
            guard database.index > 0, database.term == 0 || term == nil || term == database.term else { continue }
            bounds.append(
                .init(
                    index: database.index, time: database.file.modified, evidence: "\(database.file.path) was last written to"))
        }
        for mark in self.request.timeMarks + evidence.marks {
            bounds.append(.init(index: mark.index, time: mark.time, evidence: "the archive saw it"))
        }
        return bounds
    }

    // MARK: The chosen log

    var entries: ClosedRange<UInt64>? {
        guard let log, let first = log.parts.first?.first, let last = log.parts.last?.last else { return nil }
        return first...last
    }

    func term(at index: UInt64) -> UInt64? {
        guard let log, let part = log.parts.first(where: { $0.first <= index && index <= $0.last }) else { return nil }
        return self.candidates[part.log].term(at: index)
    }
}
