internal import Backups
internal import Bolt
internal import EtcdWire
internal import Platform
internal import YAML

/// Carries a plan out.
struct RestoreWork {
    let request: RestoreRequest
    let evidence: RestoreEvidence
    var plan: RestorePlan
    let writer: DataDirectoryWriter
    let disk: any Disk
    let progress: ProgressReport?
    private var report: RestoreReport

    init(
        request: RestoreRequest, evidence: RestoreEvidence, plan: RestorePlan, writer: DataDirectoryWriter, disk: any Disk,
        progress: ProgressReport?
    ) {
        (self.request, self.evidence, self.plan, self.writer) = (request, evidence, plan, writer)
        (self.disk, self.progress) = (disk, progress)
        self.report = RestoreReport(target: request.target, dataDirectory: request.dataDirectory)
    }

    mutating func run() throws(RecoveryError) -> RestoreReport {
        let hash = try self.makeDatabase()
        let identity = ClusterIdentity(self.request.cluster)
        try self.finish(identity, hash)
        try self.writer.writeLog(identity)
        self.report.choices = self.plan.choices
        self.report.notes = self.plan.notes + self.report.notes
        self.report.meaning = self.plan.meaning
        self.report.clusterID = hexadecimal(identity.clusterID)
        self.report.memberID = hexadecimal(identity.memberID)
        try self.writer.finish(report: self.report.node.json(isPretty: true))
        return self.report
    }

    /// Makes the database, looks at what it came to, and takes it away again.
    mutating func tryOut() throws(RecoveryError) -> RestoreReport {
        try self.survey(try self.makeDatabase())
        self.report.choices = self.plan.choices
        self.report.notes = self.plan.notes + self.report.notes
        self.report.meaning = self.plan.meaning
        try self.writer.abandon()
        return self.report
    }

    // MARK: The data

    /// Makes the database up to the target.
    /// - Returns: HashKV, where it is known already.
    private mutating func makeDatabase() throws(RecoveryError) -> UInt32? {
        switch self.plan.base {
        case .unreachable(let what): throw RecoveryError(.unreachable, "", what)
        case .rewind(let index): return try self.rewind(self.evidence.databases[index])
        case .replay(let index): return try self.replay(from: index.map { self.evidence.databases[$0] })
        }
    }

    /// Checks a database and copies it.
    private mutating func copy(_ database: DatabaseLook) throws(RecoveryError) -> DatabaseFacts {
        var file = database.file
        if self.request.skipsHashCheck {
            file.hasHash = false
        } else if !file.hasHash, self.evidence.sources[database.source].kind == .database {
            self.report.notes.append("\(file.path) has no hash of its own; its pages and rows were checked")
        }
        let facts = try DatabaseSurvey.run(file, disk: self.disk, progress: self.progress)
        if let damage = facts.findings.first(where: \.isDamage) {
            throw RecoveryError(.damaged, damage.file, at: damage.offset, damage.what)
        }
        if !self.request.skipsHashCheck, let damage = try self.disagreement(facts, file) {
            let remedy = "; give an older snapshot, and of a data directory the wal alone; --skip-hash-check takes it as it is"
            throw RecoveryError(.damaged, damage.file, at: damage.offset, damage.what + remedy)
        }
        try self.writer.copy(file, progress: self.progress)
        self.report.parts.append(
            .init(
                file: file.path, entries: nil, what: "revisions up to \(facts.revision), entries up to \(facts.consistentIndex)"
            ))
        (self.report.revision, self.report.compactRevision) = (facts.revision, facts.compactRevision)
        (self.report.index, self.report.term) = (facts.consistentIndex, facts.term)
        return facts
    }

    /// Where the rows of a database are not what the log says that was chosen.
    private func disagreement(_ facts: DatabaseFacts, _ file: DatabaseFile) throws(RecoveryError) -> Finding? {
        guard !self.request.allowsForeignSources, let parts = self.plan.log?.parts, let first = parts.first?.first,
            let last = parts.last?.last, first <= facts.consistentIndex, facts.consistentIndex <= last
        else { return nil }
        let rows = LoggedRows(file, index: facts.consistentIndex, revision: facts.revision, disk: self.disk)
        return try rows.disagreement(
            holdsAll: first == 1 && self.evidence.logFacts.allSatisfy(\.isFromTheStart), hasAlarm: !facts.alarms.isEmpty,
            entries: { EntryStream(self.evidence, parts, after: first - 1, disk: self.disk) },
            next: { stream throws(RecoveryError) in try stream.nextEntry() })
    }

    private mutating func replay(from base: DatabaseLook?) throws(RecoveryError) -> UInt32? {
        let facts = try base.map { database throws(RecoveryError) in try self.copy(database) }
        if facts == nil { self.report.revision = 1 }
        guard let log = self.plan.log, let entries = self.plan.entries, entries.upperBound > self.report.index else {
            if case .revision(let revision) = self.plan.goal, self.report.revision < revision {
                return try self.rewindInstead(revision)
            }
            if let log = self.plan.log { try self.describeTime(log, 0, last: self.report.index) }
            return facts?.hashKV
        }
        var stream = EntryStream(self.evidence, log.parts, after: self.report.index, disk: self.disk)
        let staleRevokes = StaleRevokes(self.evidence, log.parts, disk: self.disk)
        let engine = try StoreReplay(self.writer.database, disk: self.disk, staleRevokes: staleRevokes)
        let replay = Replay(engine: engine, goal: self.plan.goal, last: entries.upperBound, progress: self.progress)
        let outcome = try replay.run(&stream)
        if case .revision(let revision) = self.plan.goal, !outcome.isStopped {
            // All was read and the revision not passed: it is the last, or damage or the log's end came before it.
            try self.plan.checkDamage(self.evidence)
            if engine.revision < revision { return try self.rewindInstead(revision) }
        }
        self.report.notes += staleRevokes.notes
        self.describe(stream, outcome, entries.upperBound, commit: log.commit)
        try self.describeTime(log, outcome.requestID, last: entries.upperBound)
        return nil
    }

    /// Where the log ends before a revision, a database that has gone further may still reach it.
    private mutating func rewindInstead(_ revision: Int64) throws(RecoveryError) -> UInt32? {
        try self.plan.choose(.revision(revision), self.evidence, alone: true)
        try self.writer.begin()
        self.report.parts = []
        guard case .rewind(let index) = self.plan.base else {
            guard case .replay(let index?) = self.plan.base else {
                throw RecoveryError(.unreachable, "", "revision \(revision) is not reached by any source")
            }
            return try self.copy(self.evidence.databases[index]).hashKV
        }
        return try self.rewind(self.evidence.databases[index])
    }

    private mutating func describe(_ stream: EntryStream, _ outcome: Replay.Outcome, _ last: UInt64, commit: UInt64) {
        if outcome.index > 0 { (self.report.index, self.report.term) = (outcome.index, outcome.term) }
        for origin in stream.origins where origin.first <= outcome.index {
            let entries = origin.first...min(origin.last, outcome.index)
            self.report.parts.append(
                .init(
                    file: self.evidence.logs[origin.log].facts.directory, entries: entries,
                    what: "entries \(entries.lowerBound) to \(entries.upperBound)"))
        }
        let known = max(commit, self.evidence.databases.map(\.index).max() ?? 0)
        if outcome.index > known {
            let unconfirmed = known + 1...outcome.index
            self.report.unconfirmed = unconfirmed
            self.report.notes.append(
                "entries \(unconfirmed.lowerBound) to \(unconfirmed.upperBound) are kept, though nothing proves that they were "
                    + "committed: a client may have been told of them")
        }
        if self.report.index < last {
            let leftOut = self.report.index + 1...last
            self.report.leftOut = leftOut
            self.report.losses.append(
                "entries \(leftOut.lowerBound) to \(leftOut.upperBound) are after the target, and left out")
        }
    }

    /// - Parameter requestID: Of the last entry; 0 where it is to be looked up.
    private mutating func describeTime(_ log: LogChoice.Choice, _ requestID: UInt64, last: UInt64) throws(RecoveryError) {
        guard let time = self.plan.time else { return }
        var requestID = requestID
        if requestID == 0 {
            // The last few entries may have none.
            let first = max(log.parts.first?.first ?? 1, self.report.index > 100 ? self.report.index - 100 : 1)
            var stream = EntryStream(self.evidence, log.parts, after: first - 1, disk: self.disk)
            while stream.next <= self.report.index, let entry = try stream.nextEntry() {
                if let id = (try? EntryContent(entry))?.requestID, id != 0 { requestID = id }
            }
        }
        var proof = RestoreReport.TimeProof(notAfter: time.bound.time, evidence: time.bound.evidence)
        proof.notBefore = TimeChoice.earliest(requestID: requestID, before: time.bound.time)
        proof.nextAt = time.next?.time
        proof.nextEvidence = time.next?.evidence
        proof.undecided = last > time.index ? last - time.index : 0
        self.report.time = proof
    }

    /// Takes a database and takes back what is after the revision.
    private mutating func rewind(_ database: DatabaseLook) throws(RecoveryError) -> UInt32? {
        let facts = try self.copy(database)
        guard case .revision(let revision) = self.plan.goal, facts.revision > revision else { return facts.hashKV }
        self.report.revision = revision
        self.report.losses.append("revisions \(revision + 1) to \(facts.revision) are after the target, and left out")
        self.report.notes.append(
            "users, roles and alarms are those of revision \(facts.revision): a database keeps no history of them")
        try Rewind(path: self.writer.database, disk: self.disk).run(to: revision, leases: self.grants()) { note in
            self.report.notes.append(note)
        }
        return nil
    }

    /// Leases that the logs say were granted, with their TTL.
    private func grants() throws(RecoveryError) -> [Int64: Int64] {
        var grants: [Int64: Int64] = [:]
        for source in self.evidence.sources {
            guard let log = source.log else { continue }
            _ = try LogWalk.run(
                log, disk: self.disk,
                visit: { entry, _, _ in
                    guard case .request(let request)? = try? EntryContent(entry),
                        case .leaseGrant(let grant) = request.operation
                    else { return }
                    grants[grant.id] = grant.ttl
                })
        }
        return grants
    }

    // MARK: The new cluster

    /// What was written anew is read again before it is called good.
    /// - Parameter hash: HashKV of what was copied as it was.
    private mutating func survey(_ hash: UInt32?) throws(RecoveryError) {
        self.report.hashKV = hash
        guard hash == nil else { return }
        let info = try onDisk { () throws(DiskError) in try self.disk.stat(self.writer.database) }
        guard let info else { throw RecoveryError(.disk, self.writer.database, "the database is gone") }
        let file = DatabaseFile(path: self.writer.database, imageSize: info.size, hasHash: false, modified: info.modified)
        let facts = try DatabaseSurvey.run(file, disk: self.disk, progress: self.progress)
        if let damage = facts.findings.first(where: \.isDamage) {
            throw RecoveryError(.damaged, damage.file, at: damage.offset, "what was restored is not sound: \(damage.what)")
        }
        self.report.hashKV = facts.hashKV
        (self.report.revision, self.report.compactRevision) = (facts.revision, facts.compactRevision)
    }

    private mutating func finish(_ identity: ClusterIdentity, _ hash: UInt32?) throws(RecoveryError) {
        try self.survey(hash)
        let last = self.plan.entries?.upperBound ?? 0
        let bumpEvidence = RevisionBump.Evidence(
            restored: self.report.revision,
            highestSeen: max(self.request.lastSeen, self.evidence.databases.map(\.revision).max() ?? 0),
            entriesAfter: last > self.report.index ? last - self.report.index : 0, hasMajority: self.evidence.hasMajority)
        self.report.bump = RevisionBump.amount(self.request.bump, bumpEvidence)
        self.report.bumpReason = Self.reason(self.request.bump, bumpEvidence)
        self.report.isMarkedCompacted = self.request.marksCompacted && self.report.bump > 0
        let (start, overflow) = self.report.revision.addingReportingOverflow(self.report.bump)
        guard !overflow, start < Int64.max / 2 else {
            throw RecoveryError(.refused, "", "--bump-revision \(self.report.bump) leaves no room for further revisions")
        }
        self.report.startRevision = start
        let rebirth = Rebirth(
            identity: identity, bumpedRevision: self.report.bump > 0 ? start : nil,
            marksCompacted: self.report.isMarkedCompacted)
        for alarm in try rebirth.run(self.writer.database, disk: self.disk) {
            self.report.notes.append("alarm \(alarm) is dropped: it is raised again should there be cause")
        }
    }

    private static func reason(_ wish: RevisionBump.Wish, _ evidence: RevisionBump.Evidence) -> String {
        guard case .fromEvidence = wish else { return "as was asked for" }
        let margin = evidence.hasMajority ? RevisionBump.marginWithMajority : RevisionBump.marginWithoutMajority
        let why =
            evidence.hasMajority
            ? "a majority's logs are here, so no other write was acknowledged"
            : "members whose logs are not here may have acknowledged more"
        return
            "the highest revision seen is \(max(evidence.restored, evidence.highestSeen)), \(evidence.entriesAfter) entries "
            + "left out may each have made one more, and \(margin) are added: \(why)"
    }
}
