public import Platform

/// Where members run. It knows how to give a member a place, start it, stop it, and say what is there; never how many
/// there should be. What it reports is read from the machine each time, so it is true after any crash of the controller.
///
/// Every call is idempotent: asking for what is already so changes nothing and succeeds.
public protocol Runtime: Sendable {
    /// Fails as a start would where the machine has no program for the cluster's engine. Starts nothing.
    func checkEngine(of cluster: ClusterPlace) async throws(RuntimeError)

    /// The members that have a place in this cluster, sorted by name.
    func members(of cluster: ClusterPlace) async throws(RuntimeError) -> [MemberProcess]

    /// Gives a member a directory and two ports that no other member of any cluster on this machine has, and remembers
    /// them on disk. The same answer when it has a place already.
    func provision(_ member: String, of cluster: ClusterPlace) async throws(RuntimeError) -> MemberPlace

    /// Starts a member's process, detached, so that it outlives the controller. Nothing when it runs already.
    func start(
        _ member: String, of cluster: ClusterPlace, with options: StartOptions
    ) async throws(RuntimeError) -> MemberProcess

    /// Ends a member's process: an orderly stop, then, after `grace`, a kill. Returns when it is gone.
    func stop(_ member: String, of cluster: ClusterPlace, grace: Duration) async throws(RuntimeError)

    /// Moves a stopped member's data and place aside, under the cluster's `removed/` directory, and frees its ports.
    /// Returns the new path, nil when there was nothing. Refuses while the process runs.
    func retire(_ member: String, of cluster: ClusterPlace, label: String) async throws(RuntimeError) -> String?

    /// Deletes all data of a cluster whose members are all stopped. Only for a deletion policy that says so.
    func deleteData(of cluster: ClusterPlace) async throws(RuntimeError)

    /// Has the data of a stopped member written, which has a place and no data, and puts it in place once it is whole.
    /// - Parameters:
    ///   - origin: What the data is made from. Asked again for the same, nothing is done.
    ///   - write: Writes a data directory to the path, where nothing is. What it says is kept with the member.
    func fill(
        _ member: String, of cluster: ClusterPlace, from origin: DataOrigin,
        write: @escaping @Sendable (_ place: MemberPlace, _ path: String) async throws -> String
    ) async throws
}

/// What the data of a member was made from, if not by the member itself.
public struct DataOrigin: Sendable, Hashable, Codable {
    /// Where it came from, such as a snapshot's URI.
    public var source: String
    /// The `--initial-cluster-token` of the cluster that it begins.
    public var token: String

    public init(source: String, token: String) {
        (self.source, self.token) = (source, token)
    }
}

/// A cluster as its runtime sees it.
public struct ClusterPlace: Sendable, Hashable {
    public var name: String
    /// Absolute; one directory below it for each member.
    public var dataDirectory: String
    /// The address members listen on and advertise.
    public var host: String
    public var engine: EngineChoice

    public init(name: String, dataDirectory: String, host: String, engine: EngineChoice) {
        self.name = name
        self.dataDirectory = dataDirectory
        self.host = host
        self.engine = engine
    }
}

/// What kind of program runs a member.
public enum EngineType: String, Sendable, Hashable, CaseIterable {
    /// etcd's own.
    case etcd = "Etcd"
    /// `quorate member`.
    case native = "Native"
}

/// Which programs run the members.
public struct EngineChoice: Sendable, Hashable {
    public var type: EngineType
    /// `3.4`, `3.5`, or an exact `3.5.1`.
    public var version: String
    /// Where they are looked for first.
    public var binaryDirectory: String?

    public init(type: EngineType, version: String, binaryDirectory: String?) {
        self.type = type
        self.version = version
        self.binaryDirectory = binaryDirectory
    }
}

/// What a member was given.
public struct MemberPlace: Sendable, Hashable {
    public var name: String
    /// `http://127.0.0.1:40001`
    public var clientURL: String
    public var peerURL: String
    /// Absolute.
    public var dataDirectory: String

    public init(name: String, clientURL: String, peerURL: String, dataDirectory: String) {
        self.name = name
        self.clientURL = clientURL
        self.peerURL = peerURL
        self.dataDirectory = dataDirectory
    }
}

/// A member's place, and what runs there.
public struct MemberProcess: Sendable, Hashable {
    public var place: MemberPlace
    /// Nil when it does not run.
    public var pid: Int32?
    public var startedAt: Timestamp?
    public var data: DataState
    /// The words of the last lines of its log, when it ended by itself.
    public var lastWords: String?
    /// What it was started with, as its command line says; nil when it does not run or that cannot be told.
    public var tuning: MemberTuning?
    /// What kind of program runs it; nil when it does not run.
    public var engine: EngineType?
    /// What was said of its data when that was written by other means than its own; see ``Runtime/fill(_:of:from:write:)``.
    public var origin: String?

    public init(
        place: MemberPlace, pid: Int32?, startedAt: Timestamp?, data: DataState, lastWords: String? = nil,
        tuning: MemberTuning? = nil, engine: EngineType? = nil, origin: String? = nil
    ) {
        self.place = place
        self.pid = pid
        self.startedAt = startedAt
        self.data = data
        self.lastWords = lastWords
        self.tuning = tuning
        self.engine = engine
        self.origin = origin
    }
}

/// The options of a member that a restart changes.
public struct MemberTuning: Sendable, Hashable {
    /// Bytes.
    public var quota: Int64
    public var heartbeatInterval: Duration
    public var electionTimeout: Duration
    public var snapshotCount: Int

    public init(quota: Int64, heartbeatInterval: Duration, electionTimeout: Duration, snapshotCount: Int) {
        self.quota = quota
        self.heartbeatInterval = heartbeatInterval
        self.electionTimeout = electionTimeout
        self.snapshotCount = snapshotCount
    }
}

/// What is in a member's data directory.
public enum DataState: Sendable, Hashable {
    /// It never ran.
    case empty
    /// A write-ahead log and a database are there.
    case present
    /// It had data once (its place says so), and has not now.
    case lost
}

/// How a member is started.
public struct StartOptions: Sendable, Hashable {
    public enum ClusterState: String, Sendable, Hashable {
        /// Only for the members of a cluster that is being made.
        case new
        case existing
    }

    public var clusterState: ClusterState
    /// Name and peer URL of every member, this one included, sorted by name.
    public var initialCluster: [InitialMember]
    public var token: String
    public var tuning: MemberTuning

    public init(clusterState: ClusterState, initialCluster: [InitialMember], token: String, tuning: MemberTuning) {
        self.clusterState = clusterState
        self.initialCluster = initialCluster
        self.token = token
        self.tuning = tuning
    }
}

public struct InitialMember: Sendable, Hashable {
    public var name: String
    public var peerURL: String

    public init(name: String, peerURL: String) {
        self.name = name
        self.peerURL = peerURL
    }
}

/// What a runtime could not do.
public struct RuntimeError: Error, Hashable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// No program of the wanted engine and version; the message says what to install.
        case engineMissing
        /// No port is free.
        case noPort
        /// The process ended at once, or could not be started; the message holds its last words.
        case startFailed
        /// It would be unsafe: the process still runs, or data is there.
        case refused
        /// A file could not be read or written.
        case disk
        /// The snapshot is damaged or not one.
        case badSnapshot
        case other
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}
