internal import Backups
internal import EtcdWire
internal import Platform
internal import WriteAheadLog
internal import YAML

/// All that the sources of a restore hold, as far as is needed to choose among them.
struct RestoreEvidence {
    /// A stretch of a source's log.
    struct Log {
        var source: Int
        var facts: LogFacts
        var stretch: LogStretch
    }

    var sources: [RecoverySource] = []
    var logs: [Log] = []
    var databases: [DatabaseLook] = []
    /// Databases that cannot be read at all.
    var unreadable: [Finding] = []
    /// Of all logs.
    var logFacts: [LogFacts] = []
    /// Paths of the sources they are of.
    var clusters: [(path: String, id: UInt64)] = []

    /// Times at which entries were seen, from archives.
    var marks: [TimeMark] = []
    /// Of what a store of snapshots holds, what is of another cluster, and left out.
    var leftOut: [String] = []

    init(_ paths: [String], disk: any Disk, progress: ProgressReport?) throws(RecoveryError) {
        var chains: [String] = []
        for path in paths {
            let (found, isChain) = try RecoverySource.expand(path, disk: disk)
            if isChain { chains += found } else { for path in found { try self.add(path, disk, progress) } }
        }
        // What was named says of which cluster the others may be; else the newest does.
        if !chains.isEmpty { try self.add(chain: chains, disk, progress) }
    }

    /// Adds the archives and snapshots of a store that are of one cluster: a restore begins another.
    private mutating func add(chain paths: [String], _ disk: any Disk, _ progress: ProgressReport?) throws(RecoveryError) {
        var sources: [RecoverySource] = []
        for path in paths { sources.append(try RecoverySource.open(path, disk: disk)) }
        var archives: [(path: String, id: String, written: Timestamp)] = []
        for source in sources where source.log != nil {
            // `CLUSTERID-INDEX`
            let name = source.path.split(separator: "/").last ?? ""
            let written = try onDisk { () throws(DiskError) -> Timestamp in
                var written = Timestamp(seconds: 0)
                for file in try disk.list(source.path) {
                    if let info = try disk.stat("\(source.path)/\(file)") { written = max(written, info.modified) }
                }
                return written
            }
            archives.append((source.path, String(name.prefix { $0 != "-" }), written))
        }
        let snapshots = sources.filter { $0.log == nil }
        let labelled = snapshots.max { Self.modified($0) < Self.modified($1) }
        let wanted =
            self.clusters.first.map { hexadecimal($0.id) } ?? archives.max { $0.written < $1.written }?.id
            ?? labelled.flatMap { Self.manifestCluster(of: $0.path, disk) }
        for archive in archives {
            if archive.id == wanted { try self.add(archive.path, disk, progress) } else { self.leftOut.append(archive.path) }
        }
        for source in snapshots {
            if let wanted, let id = Self.manifestCluster(of: source.path, disk), id != wanted {
                self.leftOut.append(source.path)
                continue
            }
            try self.add(source.path, disk, progress)
            self.optional.insert(source.path)
        }
        self.dropForeignSnapshots()
    }

    private static func modified(_ source: RecoverySource) -> Timestamp {
        source.database?.modified ?? Timestamp(seconds: 0)
    }

    /// The cluster that a snapshot's manifest names; nil where there is none that can be read.
    private static func manifestCluster(of snapshot: String, _ disk: any Disk) -> String? {
        let path = String(snapshot.dropLast(".snapshot".count)) + ".manifest.json"
        guard let file = try? disk.open(path, .read) else { return nil }
        defer { try? file.close() }
        guard let bytes = try? file.read(at: 0, count: 1 << 20), let node = try? Node.read(json: bytes),
            let id = node["clusterID"]?.string, !id.isEmpty
        else { return nil }
        return id
    }

    /// Members that entries of the logs are about.
    private var joined: Set<UInt64> = []
    /// Snapshots of a store, which are left out where they are of another cluster, and not refused.
    private var optional: Set<String> = []

    private mutating func dropForeignSnapshots() {
        let optional = self.databases.filter { self.optional.contains($0.file.path) }
        var known = self.knownMembers()
        // With nothing else to go by, the newest is of the cluster that is meant.
        if known.isEmpty, let newest = optional.max(by: { $0.file.modified < $1.file.modified }) {
            known = Set(newest.members)
        }
        for database in optional where !database.members.isEmpty && known.isDisjoint(with: database.members) {
            self.databases.removeAll { $0.file.path == database.file.path }
            self.leftOut.append(database.file.path)
        }
    }

    /// Ids of members that logs, and databases beside logs, name.
    private func knownMembers() -> Set<UInt64> {
        var known = self.loggedMembers()
        for database in self.databases where self.sources[database.source].log != nil { known.formUnion(database.members) }
        return known
    }

    /// Ids of members that logs name.
    private func loggedMembers() -> Set<UInt64> {
        var known = Set(self.logFacts.compactMap { $0.metadata?.nodeID }).union(self.joined)
        for facts in self.logFacts {
            for snapshot in facts.snapshots { known.formUnion(snapshot.confState?.voters ?? []) }
        }
        // An archive is of no member.
        known.remove(0)
        return known
    }

    private mutating func add(_ path: String, _ disk: any Disk, _ progress: ProgressReport?) throws(RecoveryError) {
        let source = try RecoverySource.open(path, disk: disk)
        let place = self.sources.count
        self.sources.append(source)
        for file in [source.database].compactMap(\.self) + source.received {
            do throws(RecoveryError) {
                self.databases.append(try DatabaseLook(file, source: place, disk: disk))
            } catch {
                guard error.code != .disk else { throw error }
                self.unreadable.append(Finding(error))
            }
        }
        guard let directory = source.log else { return }
        let facts = try LogWalk.run(directory, disk: disk, progress: progress) { entry, _, _ in
            guard entry.kind == .confChange, let change = try? ConfChange(decoding: entry.data) else { return }
            self.joined.insert(change.nodeID)
        }
        if let metadata = facts.metadata { self.clusters.append((source.path, metadata.clusterID)) }
        self.logFacts.append(facts)
        for var stretch in facts.stretches {
            if source.kind == .archive { stretch.commit = stretch.lastIndex }
            self.logs.append(Log(source: place, facts: facts, stretch: stretch))
        }
        guard source.kind == .archive else { return }
        for segment in facts.segments {
            do throws(BackupError) {
                self.marks += try ArchiveDirectory(directory, disk: disk).times(of: "\(segment.name)")
            } catch {
                guard error.code != .disk else { throw RecoveryError(error) }
                self.unreadable.append(Finding(directory, at: 0, error.message))
            }
        }
    }

    var candidates: [LogChoice.Candidate] {
        self.logs.map {
            LogChoice.Candidate(runs: $0.stretch.runs, commit: $0.stretch.commit, isDamaged: $0.stretch.damage != nil)
        }
    }

    /// Refuses sources of different clusters: a log's metadata says of which it is, and a database has its members.
    func checkCluster(_ request: RestoreRequest) throws(RecoveryError) {
        guard !request.allowsForeignSources, let first = self.clusters.first else { return }
        let remedy = "; give those of one cluster, or --allow-foreign-sources"
        for other in self.clusters where other.id != first.id {
            throw RecoveryError(
                .refused, "",
                "\(first.path) is of cluster \(hexadecimal(first.id)), \(other.path) of \(hexadecimal(other.id))\(remedy)")
        }
        let (logged, all) = (self.loggedMembers(), self.knownMembers())
        for database in self.databases where !database.members.isEmpty {
            // One that stands beside a log must be of that log's cluster itself.
            let known = self.sources[database.source].log == nil ? all : logged
            guard !known.isEmpty, known.isDisjoint(with: database.members + database.removedMembers) else { continue }
            let members = database.members.map(hexadecimal).joined(separator: ", ")
            throw RecoveryError(
                .refused, database.file.path,
                "its members, \(members), are none of cluster \(hexadecimal(first.id)), of which \(first.path) is\(remedy)")
        }
    }

    /// Whether the logs of a majority of the members, as the newest database knows them, are among the sources.
    var hasMajority: Bool {
        let newest = self.databases.max { $0.index < $1.index }
        guard let members = newest?.members, !members.isEmpty else { return false }
        let present = Set(self.logFacts.filter(\.isSound).compactMap { $0.metadata?.nodeID }).intersection(members)
        return present.count * 2 > members.count
    }
}

/// The entries of the chosen parts, in order.
struct EntryStream {
    private let evidence: RestoreEvidence
    private let parts: [LogChoice.Part]
    private let disk: any Disk
    private var part = 0
    private var entries: StretchEntries?
    /// The index of the entry that comes next.
    private(set) var next: UInt64
    /// Where each entry was read from: the log's directory, and how many came from it.
    private(set) var origins: [Origin] = []

    struct Origin {
        var log: Int
        var first: UInt64
        var last: UInt64
    }

    /// - Parameter index: The entry after it comes first.
    init(_ evidence: RestoreEvidence, _ parts: [LogChoice.Part], after index: UInt64, disk: any Disk) {
        (self.evidence, self.parts, self.disk) = (evidence, parts, disk)
        self.next = index + 1
    }

    /// The file that the entry given last stands in.
    var file: String { self.entries?.file ?? "" }

    mutating func nextEntry() throws(RecoveryError) -> RaftEntry? {
        while self.part < self.parts.count {
            let part = self.parts[self.part]
            guard part.last >= self.next else {
                self.part += 1
                self.entries = nil
                continue
            }
            let log = self.evidence.logs[part.log]
            var entries = self.entries ?? StretchEntries(log.facts, log.stretch, after: self.next - 1, disk: self.disk)
            let entry = try entries.nextEntry()
            self.entries = entries
            self.next += 1
            self.note(entry.index, of: part.log)
            return entry
        }
        return nil
    }

    private mutating func note(_ index: UInt64, of log: Int) {
        if let last = self.origins.last, last.log == log {
            self.origins[self.origins.count - 1].last = index
        } else {
            self.origins.append(Origin(log: log, first: index, last: index))
        }
    }
}
