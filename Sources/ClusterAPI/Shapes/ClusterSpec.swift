internal import Platform
internal import YAML

extension EtcdClusterSpec: Fielded {
    static var blank: EtcdClusterSpec { EtcdClusterSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("replicas", &self.replicas, .integer(1...9), "Desired member count.")
        list.warning("replicas", message: self.replicas % 2 == 0 ? evenReplicas(self.replicas) : nil)
        list.field("engine", &self.engine, .object, "The programs that members run.")
        list.field("runtime", &self.runtime, .object, "Where members run.")
        list.field("storage", &self.storage, .object, "How much members may store.")
        list.field("options", &self.options, .object, "etcd's own options; each is applied by a rolling restart.")
        list.unsupported("tls", allowsEmpty: true)
        list.field("backup", &self.backup, .object, "Snapshots and where they are kept; none are taken when left out.")
        list.field("maintenance", &self.maintenance, .object, "Compaction and defragmentation.")
        list.field("recovery", &self.recovery, .object, "What is done when members or the quorum are lost.")
        list.field("bootstrap", &self.bootstrap, .object, "Read only when the cluster is first created.")
        list.field("paused", &self.paused, .bool, "While true, the controller watches and changes nothing.")
        list.field("deletionPolicy", &self.deletionPolicy, .choice, "What becomes of the data when the cluster is deleted.")
        list.warning(
            "recovery",
            message: self.recovery.quorumLossMode == .automatic && self.backup == nil
                ? "quorumLoss.mode is Automatic, and without spec.backup there is nothing to recover from" : nil)
    }
}

private func evenReplicas(_ count: Int) -> String {
    "an even number of members tolerates no more failures than \(count - 1) do"
}

extension Engine: Fielded {
    static var blank: Engine { Engine() }

    mutating func fields(_ list: inout Fields) {
        list.field(
            "type", &self.type, .choice,
            "Which engine members run: Native, which is quorate itself, or Etcd. When left out: \(Engine.standard.rawValue) "
                + "for a new cluster, and as it is for one that exists.")
        list.field(
            "version", &self.version, .engineVersion,
            "The etcd API and disk level to keep: 3.4, 3.5, or with a patch. The native engine's is 3.5.")
        list.rule(
            "version", "type",
            message: self.type == .native && self.version != Engine.nativeVersion
                ? "the native engine keeps the API and disk of etcd 3.5: give version \"3.5\" or none, or type: Etcd"
                : nil)
        list.field(
            "binaryDirectory", &self.binaryDirectory, .path, "Where the engine's program is looked for first: etcd or quorate.")
    }
}

extension RuntimeSpec: Fielded {
    static var blank: RuntimeSpec { RuntimeSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("process", &self.process, .object, "Members are processes of the controller's machine.")
        list.unsupported("kubernetes")
    }
}

extension ProcessRuntimeSpec: Fielded {
    static var blank: ProcessRuntimeSpec { ProcessRuntimeSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("host", &self.host, .host, "The address that members listen on and advertise.")
        list.field(
            "dataDirectory", &self.dataDirectory, .path, "Where members keep their data; ./data/NAME when left out.")
    }
}

extension StorageSpec: Fielded {
    static var blank: StorageSpec { StorageSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("quota", &self.quota, .quantity(1...Int64.max), "Largest size of a member's database.")
        list.warning(
            "quota", message: self.quota > 8 << 30 ? "etcd warns above 8Gi: members start and recover slowly" : nil)
    }
}

extension EtcdOptions: Fielded {
    static var blank: EtcdOptions { EtcdOptions() }

    mutating func fields(_ list: inout Fields) {
        list.field(
            "heartbeatInterval", &self.heartbeatInterval, .duration(.milliseconds(1)...(.seconds(10)), wholeMilliseconds: true),
            "How often the leader tells its followers that it is there.")
        list.field(
            "electionTimeout", &self.electionTimeout, .duration(.milliseconds(5)...(.seconds(50)), wholeMilliseconds: true),
            "How long a follower waits for the leader before it stands for election.")
        let least = self.heartbeatInterval * 5
        list.rule(
            "electionTimeout", "heartbeatInterval",
            message: self.electionTimeout < least
                ? "electionTimeout must be at least 5 times heartbeatInterval, \(least.text)" : nil)
        list.field(
            "snapshotCount", &self.snapshotCount, .integer(1...1_000_000_000),
            "Applied log entries after which etcd writes a snapshot of its own.")
    }
}

extension BackupSpec: Fielded {
    static var blank: BackupSpec { BackupSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("store", &self.store, .object, "Where snapshots are kept.")
        list.field(
            "schedule", &self.schedule, .cron, "When snapshots are taken: cron, five fields; on demand only when left out.")
        list.field("timeZone", &self.timeZone, .timeZone, "The schedule's time zone, an IANA name; UTC when left out.")
        list.field("suspend", &self.suspend, .bool, "While true, the schedule rests.")
        list.field("archive", &self.archive, .object, "When given, the log is archived as it grows.")
        list.field("retention", &self.retention, .object, "Which snapshots are kept. The last good one always is.")
        list.unsupported("verification")
        list.warning("timeZone", message: self.timeZone != nil && self.schedule == nil ? "says nothing without schedule" : nil)
    }
}

extension ArchiveSpec: Fielded {
    static var blank: ArchiveSpec { ArchiveSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field(
            "maxLag", &self.maxLag, .duration(.milliseconds(500)...(.seconds(3600)), wholeMilliseconds: true),
            "How far the archive may be behind the cluster before that is a condition.")
    }
}

extension BackupStoreSpec: Fielded {
    static var blank: BackupStoreSpec { BackupStoreSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field(
            "directory", &self.directory, .object, "A directory of the controller's machine; ./backups/NAME when left out.")
        list.unsupported("s3")
    }
}

extension DirectoryStoreSpec: Fielded {
    static var blank: DirectoryStoreSpec { DirectoryStoreSpec(path: "") }

    mutating func fields(_ list: inout Fields) {
        list.field("path", &self.path, .path, "", .required)
    }
}

extension RetentionSpec: Fielded {
    static var blank: RetentionSpec { RetentionSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("keepLast", &self.keepLast, .integer(1...100_000), "The newest this many.")
        list.field(
            "hourly", &self.hourly, .integer(0...100_000), "The newest of each of the last this many hours that have one.")
        list.field("daily", &self.daily, .integer(0...100_000), "The newest of each of the last this many days that have one.")
    }
}

extension RecoverySpec: Fielded {
    static var blank: RecoverySpec { RecoverySpec() }

    mutating func fields(_ list: inout Fields) {
        list.group("quorumLoss", "When more members are lost for good than the cluster tolerates.") { list in
            list.field(
                "mode", &self.quorumLossMode, .choice,
                "Manual leaves it alone, Approve plans a restore and waits for a person, Automatic carries it out.")
            list.field(
                "waitFor", &self.quorumLossWaitFor, .duration(.seconds(1)...longest),
                "How long the quorum must have been lost before recovery is planned.")
        }
        list.group("memberLoss", "When a single member is lost.") { list in
            list.field(
                "replaceAfter", &self.memberLossReplaceAfter, .duration(.seconds(1)...longest),
                "How long a member must have been dead before it is replaced.")
        }
    }
}

/// Ten years. Longer than anyone means, and short enough to be added to any time.
let longest = Duration.seconds(87_600 * 3_600)

extension BootstrapSpec: Fielded {
    static var blank: BootstrapSpec { BootstrapSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("restore", &self.restore, .object, "Begin with the data of a snapshot.")
    }
}

extension RestoreSource: Fielded {
    static var blank: RestoreSource { RestoreSource() }

    mutating func fields(_ list: inout Fields) {
        list.field(
            "from", &self.from, .source,
            "A path or file:/// URI; of the backup store the best snapshot for the target when left out.")
        list.field("target", &self.target, .target, "The moment to bring back: one of its fields; latest when left out.")
    }
}

extension Format where Value == TargetSpec {
    static var target: Format {
        Format<TargetFields>.object.mapped {
            // The rule below was kept, or this would not be asked.
            $0.targets.first ?? .latest
        } from: {
            TargetFields($0)
        }
    }
}

private struct TargetFields: Fielded {
    var latest: Bool?
    var revision: Int64?
    var time: Timestamp?
    var beforeDelete: String?

    static var blank: TargetFields { TargetFields(nil) }

    init(_ target: TargetSpec?) {
        switch target {
        case nil: break
        case .latest: self.latest = true
        case .revision(let revision): self.revision = revision
        case .time(let time): self.time = time
        case .beforeDelete(let key): self.beforeDelete = key
        }
    }

    var targets: [TargetSpec] {
        let latest: TargetSpec? = self.latest == true ? .latest : nil
        return [
            latest, self.revision.map { .revision($0) }, self.time.map { .time($0) },
            self.beforeDelete.map { .beforeDelete($0) },
        ].compactMap(\.self)
    }

    mutating func fields(_ list: inout Fields) {
        list.field("latest", &self.latest, .bool, "All of the snapshot; of a lost cluster, all that is left.")
        list.field("revision", &self.revision, .integer(1...Int64.max), "Everything before the next revision after this.")
        list.field(
            "time", &self.time, .timestamp, "The last transaction proven to be at this time or before, never one after.")
        list.field(
            "beforeDelete", &self.beforeDelete, .text { $0.isEmpty ? "is no key" : nil },
            "Everything before this key was deleted last; bytes that are not printable as \\xNN.")
        list.unsupported("marker", instead: "name a revision, a time, or beforeDelete")
        list.rule("latest", message: self.latest == false ? "must be true; for another moment name that instead" : nil)
        let isNone = list.isEmpty
        list.rule(
            "latest", "revision", "time", "beforeDelete",
            message: self.targets.count > 1 || isNone
                ? "give exactly one of latest: true, revision, time, beforeDelete" : nil)
    }
}
