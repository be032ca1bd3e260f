internal import Platform
internal import YAML

extension EtcdSnapshotSpec: Fielded {
    static var blank: EtcdSnapshotSpec { EtcdSnapshotSpec(clusterRef: "") }

    mutating func fields(_ list: inout Fields) {
        list.field("clusterRef", &self.clusterRef, .label, "The cluster's name.", .required)
    }
}

extension EtcdSnapshotStatus: Fielded {
    static var blank: EtcdSnapshotStatus { EtcdSnapshotStatus() }

    mutating func fields(_ list: inout Fields) {
        list.field("phase", &self.phase, .choice(unknown: .pending), "")
        list.field("artifact", &self.artifact, .object, "The snapshot, once it is whole.")
        list.field("message", &self.message, .text, "")
        list.field("completedAt", &self.completedAt, .timestamp, "")
    }
}

extension EtcdRestoreSpec: Fielded {
    static var blank: EtcdRestoreSpec { EtcdRestoreSpec(clusterRef: "") }

    mutating func fields(_ list: inout Fields) {
        list.field("clusterRef", &self.clusterRef, .label, "The cluster's name.", .required)
        self.source.fields(&list)
        list.unsupported("mode", instead: "the cluster is restored in place; for a new one use spec.bootstrap.restore")
        list.field("approved", &self.approved, .bool, "Nothing is done before a person has said so.")
    }
}

extension EtcdRestoreStatus: Fielded {
    static var blank: EtcdRestoreStatus { EtcdRestoreStatus() }

    mutating func fields(_ list: inout Fields) {
        // A phase that this program does not know is an error: a restore must not begin anew by mistake.
        list.field("phase", &self.phase, .choice, "")
        list.field("message", &self.message, .text, "")
        list.field("report", &self.report, .object, "What came back, and what could not.")
        list.field("startedAt", &self.startedAt, .timestamp, "")
        list.field("completedAt", &self.completedAt, .timestamp, "")
    }
}

extension RestoreResult: Fielded {
    static var blank: RestoreResult {
        RestoreResult(artifact: .blank, lastSeenRevision: 0, possiblyLost: nil, summary: "", movedAside: [])
    }

    mutating func fields(_ list: inout Fields) {
        list.field("artifact", &self.artifact, .object, "The snapshot that it begins with.", .required)
        list.field("target", &self.target, .target, "The moment that was asked for.")
        list.field("resolved", &self.resolved, .text, "What the target comes to.")
        list.field("revision", &self.revision, .integer, "The revision that is brought back; 0 until it is known.")
        list.field("timing", &self.timing, .list(of: .text), "When that was, and what proves it.")
        list.field("lastSeenRevision", &self.lastSeenRevision, .integer, "The highest revision seen before the loss.")
        list.field("possiblyLost", &self.possiblyLost, .revisions, "The revisions that may be lost.")
        list.field("summary", &self.summary, .text, "")
        list.field("movedAside", &self.movedAside, .list(of: .text), "Where the old data is.")
        list.field("sources", &self.sources, .list(of: .text), "What came from where, and what is lost.")
        list.field("startRevision", &self.startRevision, .integer, "The revision that the new cluster goes on from.")
    }
}

extension Format where Value == ClosedRange<Int64> {
    fileprivate static var revisions: Format {
        Format<RevisionFields>.object.mapped {
            // The rule below was kept, or this would not be asked.
            $0.first...max($0.first, $0.last)
        } from: {
            RevisionFields(first: $0.lowerBound, last: $0.upperBound)
        }
    }
}

private struct RevisionFields: Fielded {
    var first: Int64 = 0
    var last: Int64 = 0

    static var blank: RevisionFields { RevisionFields() }

    mutating func fields(_ list: inout Fields) {
        list.field("first", &self.first, .integer, "", .required)
        list.field("last", &self.last, .integer, "", .required)
        list.rule("last", "first", message: self.first > self.last ? "last must not be before first" : nil)
    }
}
