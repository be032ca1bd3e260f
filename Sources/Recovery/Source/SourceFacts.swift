internal import Backups
internal import EtcdWire
internal import Platform
internal import WriteAheadLog

/// All that is in a source.
public struct SourceFacts: Sendable, Hashable {
    public var source: RecoverySource
    public var database: DatabaseFacts?
    /// Databases that a leader sent and the member had not begun to use.
    public var received: [DatabaseFacts] = []
    public var log: LogFacts?
    /// `.snap` files, oldest first.
    public var snaps: [SnapFacts] = []
    /// What is wrong with files other than databases and the log.
    public var findings: [Finding] = []

    /// Called with every log entry, those that others replace included, and where it stands.
    typealias EntryVisitor = (RaftEntry, LogItem, inout FindingLog) -> Void

    static func gather(
        _ source: RecoverySource, disk: any Disk, prefixDepth: Int? = nil, visit: EntryVisitor = { _, _, _ in },
        progress: ProgressReport? = nil
    ) throws(RecoveryError) -> SourceFacts {
        var facts = SourceFacts(source: source)
        if let database = source.database {
            facts.database = try DatabaseSurvey.run(database, disk: disk, prefixDepth: prefixDepth, progress: progress)
        } else if source.kind == .dataDirectory {
            let what = source.snap == nil ? "there is no directory of snapshots" : "there is no database"
            facts.findings.append(Finding(source.snap.map { "\($0)/db" } ?? source.path, at: 0, what))
        }
        for database in source.received {
            facts.received.append(try DatabaseSurvey.run(database, disk: disk, progress: progress))
        }
        if let log = source.log {
            facts.log = try LogWalk.run(log, disk: disk, progress: progress) { entry, item, findings in
                Self.check(entry, item, log, &findings)
                visit(entry, item, &findings)
            }
        }
        if source.kind == .archive { facts.findings += try Self.checkArchive(source.path, disk: disk) }
        if let snap = source.snap {
            let walked = try SnapWalk.run(snap, disk: disk)
            facts.snaps = walked.snaps
            facts.findings += walked.findings
        }
        return facts
    }

    /// Compares an archive's segments with their manifests, and those with one another.
    private static func checkArchive(_ path: String, disk: any Disk) throws(RecoveryError) -> [Finding] {
        let archive = ArchiveDirectory(path, disk: disk)
        var findings: [Finding] = []
        do throws(BackupError) {
            let catalog = try archive.catalog()
            for (name, what) in catalog.damaged.sorted(by: { $0.key < $1.key }) {
                findings.append(Finding("\(path)/\(name)", at: 0, what))
            }
            for segment in catalog.closed {
                do throws(BackupError) { try archive.verify(segment) } catch {
                    guard error.code != .disk else { throw error }
                    findings.append(Finding("\(path)/\(segment.name)", at: 0, error.message))
                }
            }
        } catch {
            throw RecoveryError(error)
        }
        return findings
    }

    private init(source: RecoverySource) {
        self.source = source
    }

    private static func check(_ entry: RaftEntry, _ item: LogItem, _ directory: String, _ findings: inout FindingLog) {
        do throws(WireError) {
            _ = try EntryContent(entry)
        } catch {
            findings.add("\(directory)/\(item.segment)", at: item.offset, "entry \(entry.index) is no request: \(error)")
        }
    }
}
