public import Backups
public import ClusterAPI
public import Runtimes

/// One thing done to a cluster. Every one may be carried out twice, or be found done already.
public enum Action: Sendable, Hashable {
    /// Gives members a place on the machine.
    case provision(members: [String])
    /// Starts members' processes.
    case start(members: [MemberStart])
    /// Ends members' processes in an orderly way, then by force.
    case stop(members: [String], grace: Duration)
    /// Ends a running member's process and starts it again on its data, once there is a program for its engine.
    /// - Parameter changes: What is different then: `as Native 3.5`, `with new options`.
    case restart(member: MemberStart, changes: String, grace: Duration)
    /// Moves a stopped member's data and place aside.
    case retire(member: String, label: String)
    case addLearner(member: String, peerURL: String, via: [String])
    case promote(member: String, id: UInt64, via: [String])
    case removeMember(member: String, id: UInt64, via: [String])
    /// Sent to the leader.
    case moveLeader(to: String, id: UInt64, leader: String)
    case compact(revision: Int64, via: [String])
    case defragment(member: String, endpoint: String)
    /// Ends every alarm of kind NOSPACE.
    case disarmNoSpace(via: [String])
    case takeSnapshot(name: String, labels: SnapshotLabels, endpoint: String)
    case removeSnapshot(SnapshotManifest)
    /// Reads a snapshot wholly and compares it with what it says of itself. Nothing else is touched.
    case verifySnapshot(uri: String)
    /// Finds out what a restore's target comes to, by trying it out on a copy. Nothing else is touched.
    case resolveTarget(TargetQuestion)
    /// Writes what is brought back as a member's data directory, as the only member of a new cluster.
    case restore(member: String, uri: String, options: RestoreOptions)
    case deleteData
    /// Nothing of the cluster is left to do: the object itself may go.
    case forget

    /// The kind's name, for logs, events and failures.
    public var name: String {
        switch self {
        case .provision: "Provision"
        case .start: "Start"
        case .stop: "Stop"
        case .restart: "Restart"
        case .retire: "Retire"
        case .addLearner: "AddLearner"
        case .promote: "Promote"
        case .removeMember: "RemoveMember"
        case .moveLeader: "MoveLeader"
        case .compact: "Compact"
        case .defragment: "Defragment"
        case .disarmNoSpace: "DisarmNoSpace"
        case .takeSnapshot: "TakeSnapshot"
        case .removeSnapshot: "RemoveSnapshot"
        case .verifySnapshot: "VerifySnapshot"
        case .resolveTarget: "ResolveTarget"
        case .restore: "Restore"
        case .deleteData: "DeleteData"
        case .forget: "Forget"
        }
    }

    /// Under which its failures are counted: what is tried again, whatever figures the next try has.
    public var retryKey: String {
        switch self {
        case .compact: self.name
        case .takeSnapshot(let name, _, _): "\(self.name) \(name)"
        default: self.description
        }
    }

    /// What it is done to, for people: `AddLearner orders-4`.
    public var description: String {
        switch self {
        case .provision(let members): "Provision \(members.joined(separator: ", "))"
        case .start(let members): "Start \(members.map(\.name).joined(separator: ", "))"
        case .stop(let members, _): "Stop \(members.joined(separator: ", "))"
        case .restart(let member, let changes, _): "Restart \(member.name) \(changes)"
        case .retire(let member, _): "MoveAside \(member)"
        case .addLearner(let member, _, _): "AddLearner \(member)"
        case .promote(let member, _, _): "Promote \(member)"
        case .removeMember(let member, _, _): "RemoveMember \(member)"
        case .moveLeader(let to, _, _): "MoveLeader to \(to)"
        case .compact(let revision, _): "Compact at revision \(revision)"
        case .defragment(let member, _): "Defragment \(member)"
        case .disarmNoSpace: "Disarm NOSPACE"
        case .takeSnapshot(let name, let labels, _): "TakeSnapshot \(name) from \(labels.member)"
        case .removeSnapshot(let manifest): "RemoveSnapshot \(manifest.name)"
        case .verifySnapshot(let uri): "VerifySnapshot \(uri)"
        case .resolveTarget(let question): "ResolveTarget \(question.key)"
        case .restore(let member, let uri, _): "Restore \(member) from \(uri)"
        case .deleteData: "DeleteData"
        case .forget: "Forget"
        }
    }
}

public struct MemberStart: Sendable, Hashable {
    public var name: String
    public var options: StartOptions
    public var engine: EngineChoice

    public init(name: String, options: StartOptions, engine: EngineChoice) {
        self.name = name
        self.options = options
        self.engine = engine
    }
}

/// What is brought back, and into what.
public struct RestoreOptions: Sendable, Hashable {
    /// The token of the new cluster.
    public var token: String
    /// The hexadecimal SHA-256 that the snapshot's database image must have; unchecked when nil.
    public var sha256: String?
    /// The id, hexadecimal, of the cluster that the snapshot is of; empty where that is not known.
    public var snapshotClusterID = ""
    /// The highest revision that was seen of the cluster before; 0 for none.
    public var lastSeen: Int64 = 0
    /// Up to which moment; for any but the latest the archive of the snapshot's cluster is used.
    public var target = TargetSpec.latest
    /// The cluster that was lost, of which everything is to be brought back that is left; nil brings back the snapshot alone.
    public var lostCluster: LostCluster?

    public struct LostCluster: Sendable, Hashable {
        /// Hexadecimal.
        public var id: String
        /// Where what was left of its members was moved to.
        public var survivors: [String]

        public init(id: String, survivors: [String]) {
            (self.id, self.survivors) = (id, survivors)
        }
    }

    public init(token: String, sha256: String?) {
        self.token = token
        self.sha256 = sha256
    }
}

/// What an action came to.
public enum Outcome: Sendable, Hashable {
    case done
    case movedAside(path: String?)
    case snapshot(SnapshotManifest)
    case resolved(ResolvedTarget)
}

/// An action that failed. It may have happened all the same: the next look tells.
public struct ActionError: Error, Hashable, CustomStringConvertible {
    /// The reason when etcd does not take a change yet and soon will: no failure, but a wait.
    public static let tooEarly = "TooEarly"

    public var action: String
    /// One word in CamelCase: `EngineMissing`, `NoPort`, `Unreachable`.
    public var reason: String
    public var message: String

    public init(action: String, reason: String, message: String) {
        self.action = action
        self.reason = reason
        self.message = message
    }

    public var description: String { "\(self.action): \(self.message)" }
}
