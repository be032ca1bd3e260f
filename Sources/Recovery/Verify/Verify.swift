public import Platform
internal import EtcdWire
internal import WriteAheadLog

/// What ``Verify`` found out.
public struct Verdict: Sendable, Hashable {
    /// Of the database; 0 where there is none that can be read.
    public var revision: Int64 = 0
    /// HashKV at `revision`, as members compute it; nil where it is not known.
    public var hashKV: UInt32?
    /// 0 where no history was cut off.
    public var compactRevision: Int64 = 0
    /// What is wrong, and what is worth knowing.
    public var findings: [Finding] = []

    public var isSound: Bool { !self.findings.contains(where: \.isDamage) }
}

/// Checks all that is in a snapshot, a database, a data directory or a log: every page, row, record, checksum, and what
/// refers to what. Writes nothing, and looks on after damage. Every call blocks. Memory stays below 200 MB.
public enum Verify {
    public static func run(
        _ path: String, disk: any Disk, progress: ProgressReport? = nil
    ) throws(RecoveryError) -> Verdict {
        try self.run(RecoverySource.open(path, disk: disk), disk: disk, progress: progress)
    }

    public static func run(
        _ source: RecoverySource, disk: any Disk, progress: ProgressReport? = nil
    ) throws(RecoveryError) -> Verdict {
        let facts = try SourceFacts.gather(source, disk: disk, progress: progress)
        var verdict = self.verdict(facts)
        if verdict.isSound, let finding = try self.disagreement(facts, disk) { verdict.findings.append(finding) }
        return verdict
    }

    /// Where the rows of a data directory's database are not what its log says.
    private static func disagreement(_ facts: SourceFacts, _ disk: any Disk) throws(RecoveryError) -> Finding? {
        guard let file = facts.source.database, let database = facts.database, let log = facts.log,
            let stretch = log.stretches.last, stretch.firstIndex...stretch.lastIndex ~= database.consistentIndex
        else { return nil }
        let rows = LoggedRows(file, index: database.consistentIndex, revision: database.revision, disk: disk)
        return try rows.disagreement(
            holdsAll: stretch.firstIndex == 1 && log.isFromTheStart, hasAlarm: !database.alarms.isEmpty,
            entries: { StretchEntries(log, stretch, after: stretch.firstIndex - 1, disk: disk) },
            next: { entries throws(RecoveryError) in
                entries.next <= stretch.lastIndex ? try entries.nextEntry() : nil
            })
    }

    /// What the facts say when looked at together.
    static func verdict(_ facts: SourceFacts) -> Verdict {
        var verdict = Verdict()
        if let database = facts.database {
            (verdict.revision, verdict.hashKV) = (database.revision, database.hashKV)
            verdict.compactRevision = database.compactRevision
            verdict.findings += database.findings
        }
        for database in facts.received { verdict.findings += database.findings }
        verdict.findings += facts.log?.findings ?? []
        verdict.findings += facts.findings
        verdict.findings += CrossCheck.findings(facts)
        return verdict
    }
}

/// What a database, a log and `.snap` files of one member say of one another.
enum CrossCheck {
    static func findings(_ facts: SourceFacts) -> [Finding] {
        var findings: [Finding] = []
        // An archive is of no member, and only notes how far it is durable.
        if let log = facts.log, facts.source.kind != .archive { findings += self.hardState(log) }
        if let log = facts.log, let database = facts.database { findings += self.applied(database, log) }
        if let log = facts.log { findings += self.snapshots(facts.snaps, log) }
        if let database = facts.database, let newest = facts.snaps.last, database.isSound,
            newest.index > database.consistentIndex, !self.isWaiting(newest, facts)
        {
            findings.append(
                Finding(
                    newest.path, at: 0,
                    "it stands at index \(newest.index), but the database has applied \(database.consistentIndex) only"))
        }
        return findings
    }

    /// Whether a leader's snapshot was received, and its database not yet put in place.
    private static func isWaiting(_ snap: SnapFacts, _ facts: SourceFacts) -> Bool {
        facts.received.contains { $0.consistentIndex >= snap.index }
    }

    private static func hardState(_ log: LogFacts) -> [Finding] {
        guard log.isSound, let segment = log.segments.last else { return [] }
        var findings: [Finding] = []
        let last = max(log.lastIndex, log.snapshots.last?.index ?? 0)
        if log.state.commit > last {
            let what = "entries up to \(log.state.commit) are committed, but the log ends at \(last)"
            // A member that is killed may have written its commit index and not yet, as a follower, the entries' last part.
            findings.append(Finding(segment.path, at: segment.usedBytes, what))
        }
        if log.lastTerm > log.state.term {
            let what = "the last entry is of term \(log.lastTerm), but the hard state of term \(log.state.term)"
            findings.append(Finding(segment.path, at: segment.usedBytes, what))
        }
        return findings
    }

    private static func applied(_ database: DatabaseFacts, _ log: LogFacts) -> [Finding] {
        guard log.isSound, database.isSound, let segment = log.segments.last else { return [] }
        let index = database.consistentIndex
        let last = max(log.lastIndex, log.snapshots.last?.index ?? 0)
        if index > last {
            let what = "the database has applied entries up to \(index), but the log ends at \(last)"
            return [Finding(segment.path, at: segment.usedBytes, what)]
        }
        if log.firstIndex > index + 1 {
            let what = "the log begins at entry \(log.firstIndex), but the database has applied entries up to \(index) only"
            return [Finding(log.segments[0].path, at: 0, what)]
        }
        if database.term > 0, MetaBucket.keepsTerm(database.clusterVersion), let term = log.term(at: index),
            term != database.term
        {
            let what = "the database has applied entry \(index) of term \(database.term), which is of term \(term) in the log"
            return [Finding(database.path, at: 0, what)]
        }
        return []
    }

    /// Every snapshot that a member may start from has its file, unless it was purged with those before it.
    private static func snapshots(_ snaps: [SnapFacts], _ log: LogFacts) -> [Finding] {
        guard log.isSound, let newest = log.snapshots.last(where: { $0.index <= log.state.commit && $0.index > 0 }) else {
            return []
        }
        guard !snaps.contains(where: { $0.index == newest.index && $0.term == newest.term }), !snaps.isEmpty else { return [] }
        let what = "the log names a snapshot at index \(newest.index), of which there is no .snap file"
        return [Finding(log.segments[log.segments.count - 1].path, at: 0, what)]
    }
}
