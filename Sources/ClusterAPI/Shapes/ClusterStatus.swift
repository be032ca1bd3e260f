internal import Platform
internal import YAML

extension EtcdClusterStatus: Fielded {
    static var blank: EtcdClusterStatus { EtcdClusterStatus() }

    mutating func fields(_ list: inout Fields) {
        list.field(
            "observedGeneration", &self.observedGeneration, .integer,
            "When it equals metadata.generation, every field below describes that spec.")
        list.field("phase", &self.phase, .choice(unknown: .pending), "")
        list.field("clusterID", &self.clusterID, .text, "Hexadecimal.")
        list.field("token", &self.token, .text, "The initial cluster token of this incarnation.")
        list.field("leader", &self.leader, .text, "The leader's name.")
        list.field("readyReplicas", &self.readyReplicas, .integer, "")
        list.field("revision", &self.revision, .integer, "The highest store revision seen.")
        list.field("members", &self.members, .list(of: .object), "")
        list.field("backup", &self.backup, .object, "")
        list.field("maintenance", &self.maintenance, .object, "")
        list.field("operation", &self.operation, .object, "The one change in flight.")
        list.field("blocked", &self.blocked, .list(of: .object), "Why nothing is happening.")
        list.field("conditions", &self.conditions, .list(of: .object), "")
    }
}

extension MemberStatus: Fielded {
    static var blank: MemberStatus { MemberStatus(name: "") }

    mutating func fields(_ list: inout Fields) {
        list.field("name", &self.name, .text, "", .required)
        list.field("id", &self.id, .text, "Hexadecimal; empty until known.")
        list.field("role", &self.role, .text, "Leader, Follower, Learner, or empty when unknown.")
        list.field("state", &self.state, .choice(unknown: .unhealthy), "")
        list.field("endpoint", &self.endpoint, .text, "The client URL.")
        list.field("peerURL", &self.peerURL, .text, "")
        list.field("pid", &self.pid, .integer, "")
        list.field("dataDirectory", &self.dataDirectory, .text, "")
        list.field("engine", &self.engine, .text, "", isOmitted: self.engine.isEmpty)
        list.field("version", &self.version, .text, "")
        list.field("dbSize", &self.dbSize, .integer, "Bytes of the database file.")
        list.field("dbSizeInUse", &self.dbSizeInUse, .integer, "")
        list.field("raftTerm", &self.raftTerm, .integer, "")
        list.field("raftIndex", &self.raftIndex, .integer, "")
        list.field("unhealthySince", &self.unhealthySince, .timestamp, "")
        list.field("errors", &self.errors, .list(of: .text), "")
    }
}

extension BackupStatus: Fielded {
    static var blank: BackupStatus { BackupStatus() }

    mutating func fields(_ list: inout Fields) {
        list.field("lastSnapshot", &self.lastSnapshot, .object, "")
        list.field("lastScheduledTime", &self.lastScheduledTime, .timestamp, "")
        list.field("nextScheduledTime", &self.nextScheduledTime, .timestamp, "")
        list.field("missedRuns", &self.missedRuns, .integer, "Scheduled times that passed with no snapshot.")
        list.field("lastFailure", &self.lastFailure, .text, "")
        list.field("recoveryWindow", &self.recoveryWindow, .object, "Any point in it can be restored.")
        list.field("archiveLag", &self.archiveLag, .object, "What the archive of the log lacks.")
    }
}

extension RecoveryWindow: Fielded {
    static var blank: RecoveryWindow {
        RecoveryWindow(earliest: Timestamp(nanoseconds: 0), latest: Timestamp(nanoseconds: 0))
    }

    mutating func fields(_ list: inout Fields) {
        list.field("earliest", &self.earliest, .timestamp, "", .required)
        list.field("latest", &self.latest, .timestamp, "", .required)
    }
}

extension ArchiveLag: Fielded {
    static var blank: ArchiveLag { ArchiveLag(revisions: 0, seconds: 0) }

    mutating func fields(_ list: inout Fields) {
        list.field("revisions", &self.revisions, .integer, "Entries of the log that are not archived yet.", .required)
        list.field("seconds", &self.seconds, .integer, "How long ago nothing was missing.", .required)
    }
}

extension SnapshotArtifact: Fielded {
    static var blank: SnapshotArtifact {
        SnapshotArtifact(
            uri: "", sizeBytes: 0, sha256: "", revision: 0, raftIndex: 0, raftTerm: 0, clusterID: "",
            takenAt: Timestamp(nanoseconds: 0), member: "")
    }

    mutating func fields(_ list: inout Fields) {
        list.field("revision", &self.revision, .integer, "The store revision it holds.")
        list.field("uri", &self.uri, .text, "", .required)
        list.field("sizeBytes", &self.sizeBytes, .integer, "")
        list.field("sha256", &self.sha256, .text, "Of the database image, hexadecimal.")
        list.field("takenAt", &self.takenAt, .timestamp, "", .required)
        list.field("raftIndex", &self.raftIndex, .integer, "")
        list.field("raftTerm", &self.raftTerm, .integer, "")
        list.field("clusterID", &self.clusterID, .text, "")
        list.field("member", &self.member, .text, "The member it was read from.")
    }
}

extension MaintenanceStatus: Fielded {
    static var blank: MaintenanceStatus { MaintenanceStatus() }

    mutating func fields(_ list: inout Fields) {
        list.field("lastCompactedRevision", &self.lastCompactedRevision, .integer, "")
        list.field("lastCompactionTime", &self.lastCompactionTime, .timestamp, "")
        list.field("defragmentationCycle", &self.defragmentationCycle, .timestamp, "When the last cycle began.")
        list.field("lastDefragmentation", &self.lastDefragmentation, .map(of: .timestamp), "By member.")
    }
}

extension OperationStatus: Fielded {
    static var blank: OperationStatus {
        OperationStatus(type: .bootstrap, step: "", startedAt: Timestamp(nanoseconds: 0), intent: "")
    }

    mutating func fields(_ list: inout Fields) {
        // A type that this program does not know is an error: a change in flight must not be taken for another.
        list.field("type", &self.type, .choice, "", .required)
        list.field("step", &self.step, .text, "", .required)
        list.field("startedAt", &self.startedAt, .timestamp, "", .required)
        list.field("intent", &self.intent, .text, "One sentence for a person.")
        list.field("member", &self.member, .text, "The member concerned.")
        list.field("details", &self.details, .map(of: .text), "What the steps need to know.")
    }
}

extension BlockedAction: Fielded {
    static var blank: BlockedAction {
        BlockedAction(action: "", reason: "", since: Timestamp(nanoseconds: 0), unblockedWhen: "")
    }

    mutating func fields(_ list: inout Fields) {
        list.field("action", &self.action, .text, "", .required)
        list.field("reason", &self.reason, .text, "")
        list.field("since", &self.since, .timestamp, "", .required)
        list.field("unblockedWhen", &self.unblockedWhen, .text, "")
    }
}
