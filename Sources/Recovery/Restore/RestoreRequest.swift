public import Backups
public import Platform

/// What to bring back, from where, and into what cluster.
public struct RestoreRequest: Sendable, Hashable {
    /// Paths of snapshots, databases, data directories and logs, in no particular order.
    public var sources: [String]
    /// The data directory to make: absent, or empty.
    public var dataDirectory: String
    public var target: RestoreTarget
    public var cluster: NewCluster
    public var bump: RevisionBump.Wish
    /// The highest revision that is known to have been there, from elsewhere than the sources; 0 for none.
    public var lastSeen: Int64 = 0
    /// Whether clients are told that revisions up to the bump are compacted, so that none goes on from one it knew.
    public var marksCompacted: Bool
    /// Times at which entries were seen, from an archive.
    public var timeMarks: [TimeMark]
    /// Restores a snapshot whose hash is missing or wrong.
    public var skipsHashCheck = false
    /// Takes sources of different clusters for one's.
    public var allowsForeignSources = false
    /// Takes what a damaged log holds before its damage for all there is.
    public var allowsDamagedLog = false

    public init(
        from sources: [String], to dataDirectory: String, target: RestoreTarget = .latest, cluster: NewCluster = NewCluster(),
        bump: RevisionBump.Wish = .fromEvidence, marksCompacted: Bool? = nil, timeMarks: [TimeMark] = []
    ) {
        (self.sources, self.dataDirectory, self.target) = (sources, dataDirectory, target)
        (self.cluster, self.bump, self.timeMarks) = (cluster, bump, timeMarks)
        self.marksCompacted = marksCompacted ?? (bump != .by(0))
    }
}

/// Which moment to bring back.
public enum RestoreTarget: Sendable, Hashable {
    /// All that the sources hold, entries included that may never have been committed: a client may have been told of them.
    case latest
    /// Everything before the first transaction after this revision.
    case revision(Int64)
    /// The last transaction that is proven to have been at this time or before; never one after.
    case time(Timestamp)
    /// Everything before the transaction that deleted this key last.
    case beforeDelete([UInt8])
}

extension RestoreTarget: CustomStringConvertible {
    public var description: String {
        switch self {
        case .latest: "latest"
        case .revision(let revision): "revision \(revision)"
        case .time(let time): "time \(time)"
        case .beforeDelete(let key): "before the last deletion of \(KeyText.printable(key))"
        }
    }
}

/// The cluster that the restored directory begins. Its members get new ids, and it gets a new cluster id, from their peer URLs
/// and the token.
public struct NewCluster: Sendable, Hashable {
    /// A member's name, and the URLs at which other members reach it.
    public struct Member: Sendable, Hashable {
        public var name: String
        public var peerURLs: [String]

        public init(name: String, peerURLs: [String]) {
            (self.name, self.peerURLs) = (name, peerURLs)
        }
    }

    /// The member whose data directory is made.
    public var name: String
    public var members: [Member]
    public var token: String

    /// The defaults are etcd's.
    public init(name: String = "default", members: [Member]? = nil, token: String = "etcd-cluster") {
        (self.name, self.token) = (name, token)
        self.members = members ?? [Member(name: name, peerURLs: ["http://localhost:2380"])]
    }

    /// Reads `name=url[,name=url...]`, as etcd's `--initial-cluster` is written; a name given twice has both URLs.
    /// - Parameter advertised: The URLs of `name`, which must be the same there; nil does not compare them.
    public init(
        name: String, initialCluster: String, token: String, advertised: [String]? = nil
    ) throws(NewClusterError) {
        var members: [Member] = []
        for part in initialCluster.split(separator: ",", omittingEmptySubsequences: false) {
            guard let equals = part.firstIndex(of: "="), equals != part.startIndex else {
                throw NewClusterError("\"\(part)\" in --initial-cluster is not NAME=URL")
            }
            let member = String(part[..<equals])
            let url = try Self.checked(String(part[part.index(after: equals)...]))
            if let index = members.firstIndex(where: { $0.name == member }) {
                members[index].peerURLs.append(url)
            } else {
                members.append(Member(name: member, peerURLs: [url]))
            }
        }
        guard let own = members.first(where: { $0.name == name }) else {
            throw NewClusterError("--initial-cluster has no member named \(name)")
        }
        if let advertised, try advertised.map(Self.checked).sorted() != own.peerURLs.sorted() {
            throw NewClusterError("--initial-advertise-peer-urls are not those of \(name) in --initial-cluster")
        }
        let urls = members.flatMap(\.peerURLs)
        guard Set(urls).count == urls.count else {
            throw NewClusterError("--initial-cluster gives two members one URL")
        }
        self.init(name: name, members: members, token: token)
    }

    private static func checked(_ url: String) throws(NewClusterError) -> String {
        guard let scheme = ["http://", "https://"].first(where: { url.hasPrefix($0) }) else {
            throw NewClusterError("\"\(url)\" is not http://HOST:PORT or https://HOST:PORT")
        }
        let rest = url.dropFirst(scheme.count)
        guard let colon = rest.lastIndex(of: ":"), colon != rest.startIndex, !rest.contains("/"),
            let port = Int(rest[rest.index(after: colon)...]), (1...65535).contains(port)
        else { throw NewClusterError("\"\(url)\" is not \(scheme)HOST:PORT") }
        return url
    }
}

/// Why words do not describe a cluster.
public struct NewClusterError: Error, Hashable, CustomStringConvertible {
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}
