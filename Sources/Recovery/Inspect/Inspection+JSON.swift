public import EtcdWire
internal import Platform
internal import WriteAheadLog
public import YAML

extension Finding {
    /// `{"file", "offset", "what"}`
    public var node: Node {
        .mapping(["file": .string(self.file), "offset": .int(self.offset), "what": .string(self.what)])
    }
}

extension Verdict {
    /// What `verify --json` gives. HashKV is 0 where it is not known.
    public var node: Node {
        .mapping([
            "sound": .bool(self.isSound), "revision": .int(self.revision), "hashKV": .int(self.hashKV ?? 0),
            "compactRevision": .int(self.compactRevision), "findings": .sequence(self.findings.map(\.node)),
        ])
    }
}

extension Inspection {
    /// What `inspect --json` gives. Ids of members and clusters are hexadecimal text, as etcd writes them.
    public var node: Node {
        var node: Mapping = [
            "path": .string(self.facts.source.path), "kind": .string(self.facts.source.kind.rawValue),
            "sound": .bool(self.isSound),
        ]
        if let metadata = self.facts.log?.metadata {
            node["clusterID"] = .string(hexadecimal(metadata.clusterID))
            node["memberID"] = .string(hexadecimal(metadata.nodeID))
        }
        if let database = self.facts.database { node["database"] = database.node }
        if !self.facts.received.isEmpty { node["received"] = .sequence(self.facts.received.map(\.node)) }
        if let log = self.facts.log { node["log"] = log.node }
        if self.facts.source.snap != nil { node["snapshots"] = .sequence(self.facts.snaps.map(\.node)) }
        node["findings"] = .sequence(self.findings.map(\.node))
        return .mapping(node)
    }
}

extension DatabaseFacts {
    fileprivate var node: Node {
        var node: Mapping = [
            "path": .string(self.path), "fileSize": .int(self.fileSize), "size": .int(self.size),
            "sizeInUse": .int(self.sizeInUse), "pageSize": .int(self.pageSize),
            "modified": .string(self.modified.description), "revision": .int(self.revision),
            "compactRevision": .int(self.compactRevision), "compacting": .bool(self.isCompacting),
            "consistentIndex": .int(self.consistentIndex), "term": .int(self.term), "keys": .int(self.keys),
            "rows": .int(self.rows), "tombstones": .int(self.tombstones), "hashKV": self.hashKV.map { .int($0) } ?? .null,
            "members": .sequence(self.members.map(\.node)),
            "removedMembers": .sequence(self.removedMembers.map { .string(hexadecimal($0)) }),
            "leases": .sequence(self.leases.map(\.node)),
            "alarms": .sequence(
                self.alarms.map {
                    .mapping(["memberID": .string(hexadecimal($0.memberID)), "alarm": .string($0.alarm.name)])
                }),
            "users": .sequence(self.users.map { .string($0) }), "roles": .sequence(self.roles.map { .string($0) }),
            "authEnabled": .bool(self.isAuthEnabled),
        ]
        if let clusterVersion { node["clusterVersion"] = .string(clusterVersion) }
        if let storageVersion { node["storageVersion"] = .string(storageVersion) }
        if let confState { node["confState"] = confState.node }
        if !self.prefixes.isEmpty { node["prefixes"] = .sequence(self.prefixes.map(\.node)) }
        return .mapping(node)
    }
}

extension AlarmType {
    /// As etcd names it.
    public var name: String {
        switch self {
        case .none: "NONE"
        case .noSpace: "NOSPACE"
        case .corrupt: "CORRUPT"
        }
    }
}

extension MemberRecord {
    fileprivate var node: Node {
        .mapping([
            "id": .string(hexadecimal(self.id)), "name": .string(self.name),
            "peerURLs": .sequence(self.peerURLs.map { .string($0) }),
            "clientURLs": .sequence(self.clientURLs.map { .string($0) }), "learner": .bool(self.isLearner),
        ])
    }
}

extension LeaseRecord {
    fileprivate var node: Node {
        .mapping([
            "id": .string(hexadecimal(UInt64(bitPattern: self.id))), "ttl": .int(self.ttl),
            "remainingTTL": .int(self.remainingTTL),
        ])
    }
}

extension PrefixSize {
    fileprivate var node: Node {
        .mapping([
            "prefix": .string(KeyText.printable(self.prefix)), "keys": .int(self.keys), "keyBytes": .int(self.keyBytes),
            "rows": .int(self.rows), "rowBytes": .int(self.rowBytes),
        ])
    }
}

extension ConfState {
    fileprivate var node: Node {
        .mapping([
            "voters": .sequence(self.voters.map { .string(hexadecimal($0)) }),
            "learners": .sequence(self.learners.map { .string(hexadecimal($0)) }),
        ])
    }
}

extension LogFacts {
    fileprivate var node: Node {
        let end: String =
            switch self.end {
            case .clean: "clean"
            case .torn: "torn"
            case .damaged: "damaged"
            }
        let state: Mapping = [
            "term": .int(self.state.term), "vote": .string(hexadecimal(self.state.vote)), "commit": .int(self.state.commit),
        ]
        return .mapping([
            "directory": .string(self.directory), "firstIndex": .int(self.firstIndex), "lastIndex": .int(self.lastIndex),
            "lastTerm": .int(self.lastTerm), "replaced": .int(self.replaced), "end": .string(end),
            "hardState": .mapping(state),
            "terms": .sequence(
                self.runs.map { .mapping(["term": .int($0.term), "first": .int($0.first), "last": .int($0.last)]) }),
            "snapshots": .sequence(
                self.snapshots.map { .mapping(["index": .int($0.index), "term": .int($0.term)]) }),
            "segments": .sequence(self.segments.map(\.node)),
        ])
    }
}

extension SegmentFacts {
    fileprivate var node: Node {
        .mapping([
            "file": .string(self.path), "fileSize": .int(self.fileSize), "usedBytes": .int(self.usedBytes),
            "modified": .string(self.modified.description), "entries": .int(self.entries), "lastIndex": .int(self.lastIndex),
        ])
    }
}

extension SnapFacts {
    fileprivate var node: Node {
        var node: Mapping = [
            "file": .string(self.path), "index": .int(self.index), "term": .int(self.term),
            "members": .sequence(self.members.map { .string(hexadecimal($0)) }),
        ]
        if let confState { node["confState"] = confState.node }
        return .mapping(node)
    }
}

extension EntryFacts {
    /// One line of `inspect --entries --json`.
    public var node: Node {
        var node: Mapping = [
            "index": .int(self.index), "term": .int(self.term), "summary": .string(self.summary), "size": .int(self.size),
            "file": .string(self.file), "offset": .int(self.offset),
        ]
        if !self.details.isEmpty { node["details"] = .sequence(self.details.map { .string($0) }) }
        if self.requestID != 0 { node["requestID"] = .string(hexadecimal(self.requestID)) }
        if self.replaces { node["replaces"] = true }
        return .mapping(node)
    }
}
