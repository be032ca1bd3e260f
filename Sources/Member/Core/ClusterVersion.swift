/// What all members of a cluster can do.
enum ClusterVersion {
    /// Before the members' releases are known.
    private static let minimum = "3.0.0"

    /// The version that a cluster is to have from now on, or nil where it is to stay as it is.
    ///
    /// - Parameter others: The release of each other member; nil where it is not known.
    ///
    /// Source: etcd 3.5, `server/etcdserver/server.go`, `monitorVersions`.
    static func decide(own: String, others: [UInt64: String?], current: String?) -> String? {
        let releases = others.values.map { $0.flatMap { ReleaseVersion($0)?.release } } + [ReleaseVersion(own)?.release]
        let oldest = releases.contains { $0 == nil } ? nil : releases.compactMap(\.self).min()
        guard let current, let now = ReleaseVersion(current)?.release else {
            return oldest.map { "\($0.major).\($0.minor).0" } ?? Self.minimum
        }
        guard let oldest, oldest.major == now.major, oldest > now else { return nil }
        return "\(oldest.major).\(oldest.minor).0"
    }
}
