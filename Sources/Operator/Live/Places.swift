public import ClusterAPI
public import Runtimes

/// Where a cluster's things are on this machine. Relative paths of the spec start at the directory recorded when the
/// cluster was made, so that they mean the same wherever the controller is started.
public struct Places: Sendable, Hashable {
    public var cluster: ClusterPlace
    /// The directory of the snapshot store, absolute.
    public var backups: String

    public init(_ cluster: EtcdCluster) {
        let name = cluster.metadata.name
        let base = cluster.metadata.annotations[baseDirectoryAnnotation] ?? "/"
        let spec = cluster.spec
        self.cluster = ClusterPlace(
            name: name, dataDirectory: Self.absolute(spec.runtime.process.dataDirectory ?? "./data/\(name)", base),
            host: spec.runtime.process.host,
            engine: EngineChoice(
                type: spec.engine.kind == .native ? .native : .etcd, version: spec.engine.version,
                binaryDirectory: spec.engine.binaryDirectory.map { Self.absolute($0, base) }))
        self.backups = Self.absolute(spec.backup?.store.directory?.path ?? "./backups/\(name)", base)
    }

    /// A path below `base` unless it is absolute, without `.` components.
    static func absolute(_ path: String, _ base: String) -> String {
        let full = path.hasPrefix("/") ? path : "\(base)/\(path)"
        var parts: [Substring] = []
        for part in full.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
