public import ClusterAPI
internal import Platform

/// Which moment a restore is to come to, and what there is to reach it from.
public struct TargetQuestion: Sendable, Hashable {
    /// The restore that asks; empty for a cluster that is to be made.
    public var asker: String
    public var target: TargetSpec
    /// The snapshots to choose among, by URI.
    public var snapshots: [String]
    /// The cluster that they are of, hexadecimal: its archived log is read with them.
    public var clusterID: String
    /// Directories of the logs that are left of a cluster that lost its quorum.
    public var logs: [String]
    /// The snapshot that was named, if one was.
    public var from: String?

    public init(
        asker: String, target: TargetSpec, snapshots: [String], clusterID: String, logs: [String] = [], from: String? = nil
    ) {
        (self.asker, self.target, self.snapshots) = (asker, target, snapshots)
        (self.clusterID, self.logs, self.from) = (clusterID, logs, from)
    }

    /// What tells it from others, whatever snapshots come and go meanwhile.
    public var key: String {
        let from = self.from.map { ", from \($0)" } ?? ""
        return "\(self.target) of cluster \(self.clusterID)\(self.logs.isEmpty ? "" : ", with what is left of it")\(from)"
    }
}

/// The answer to a question.
public struct TargetAnswer: Sendable, Hashable {
    /// See ``TargetQuestion/key``.
    public var key: String
    public var resolved: ResolvedTarget
}

/// What a target comes to, found by trying it out on a copy.
public struct ResolvedTarget: Sendable, Hashable {
    public var revision: Int64
    /// The URI of the snapshot that it begins with; nil where the log alone has all.
    public var snapshot: String?
    /// One sentence.
    public var words: String
    /// When that was there, and what proves it: a sentence each.
    public var timing: [String]
    /// What would come from where, and what is left out: a sentence each.
    public var sources: [String]

    public init(revision: Int64, snapshot: String?, words: String, timing: [String] = [], sources: [String] = []) {
        (self.revision, self.snapshot, self.words) = (revision, snapshot, words)
        (self.timing, self.sources) = (timing, sources)
    }
}

/// As an operation's details keep it.
extension TargetSpec {
    var detail: String {
        switch self {
        case .latest: "latest"
        case .revision(let revision): "revision:\(revision)"
        case .time(let time): "time:\(time.rfc3339)"
        case .beforeDelete(let key): "beforeDelete:\(key)"
        }
    }

    init?(detail: String) {
        guard detail != "latest" else {
            self = .latest
            return
        }
        guard let colon = detail.firstIndex(of: ":") else { return nil }
        let value = String(detail[detail.index(after: colon)...])
        switch detail[..<colon] {
        case "revision": self = .revision(Int64(value) ?? 0)
        case "time": self = .time(Timestamp(rfc3339: value) ?? Timestamp(nanoseconds: 0))
        case "beforeDelete": self = .beforeDelete(value)
        default: return nil
        }
    }
}
