public import YAML

/// A resource of any kind.
public enum AnyResource: Sendable, Hashable {
    case cluster(EtcdCluster)
    case snapshot(EtcdSnapshot)
    case restore(EtcdRestore)

    public var metadata: ObjectMeta {
        switch self {
        case .cluster(let cluster): cluster.metadata
        case .snapshot(let snapshot): snapshot.metadata
        case .restore(let restore): restore.metadata
        }
    }

    public var kind: String {
        switch self {
        case .cluster: EtcdCluster.kind
        case .snapshot: EtcdSnapshot.kind
        case .restore: EtcdRestore.kind
        }
    }

    public var plural: String {
        switch self {
        case .cluster: EtcdCluster.plural
        case .snapshot: EtcdSnapshot.plural
        case .restore: EtcdRestore.plural
        }
    }

    public var document: Node {
        switch self {
        case .cluster(let cluster): cluster.document
        case .snapshot(let snapshot): snapshot.document
        case .restore(let restore): restore.document
        }
    }
}

/// A resource and the place of its document.
public struct ManifestResource: Sendable, Hashable {
    public var resource: AnyResource
    public var mark: Mark
}

/// Everything that was found in one file. A document with an error yields no resource.
public struct ManifestReading: Sendable {
    public var resources: [ManifestResource] = []
    /// In the order of the text.
    public var errors: [SpecError] = []
    public var warnings: [SpecWarning] = []
    /// What the documents are about, those with errors too, as far as that can be told.
    public var named: [ResourceIdentity] = []
}

/// Which resource a document is about.
public struct ResourceIdentity: Sendable, Hashable {
    public var kind: String
    public var namespace: String
    public var name: String

    public init(kind: String, namespace: String, name: String) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }
}

/// A file of specs as its owner writes it: any number of YAML documents, or JSON.
public enum Manifest {
    /// Reads a whole file and tells everything that is wrong with it.
    /// - Parameters:
    ///   - file: Named in errors.
    ///   - knowsZone: Whether there is a time zone of that name; nil when it is not to be looked at.
    public static func read(
        _ bytes: [UInt8], file: String, knowsZone: ((_ name: String) -> Bool)? = nil
    ) -> ManifestReading {
        var result = ManifestReading()
        var places: [[String]: Int] = [:]
        for document in Node.read(yaml: bytes) {
            var errors = document.errors.map { SpecError(file: file, $0) }
            var reading = Reading(file: file, origin: .file)
            let resource = document.root.flatMap { $0.isNull ? nil : self.resource($0, &reading) }
            if let root = document.root, let knowsZone { self.refuseZones(root, &reading, unless: knowsZone) }
            if let root = document.root, let identity = self.identity(root) { result.named.append(identity) }
            errors += reading.errors
            result.warnings += reading.warnings
            if let resource, let root = document.root, errors.isEmpty {
                let metadata = resource.metadata
                let name = root["metadata"]?["name"]?.mark ?? root.mark
                let identity = [resource.kind, metadata.namespace, metadata.name]
                if let line = places[identity] {
                    errors.append(
                        SpecError(
                            file: file, line: name.line, column: name.column, path: "metadata.name",
                            message: "\(resource.kind) \(quoted(metadata.name)) is in line \(line) already"))
                } else {
                    places[identity] = name.line
                    result.resources.append(ManifestResource(resource: resource, mark: root.mark))
                }
            }
            result.errors += errors.inOrder
        }
        return result
    }

    /// Nil when the document does not say it in a way that a resource could have.
    private static func identity(_ root: Node) -> ResourceIdentity? {
        guard let kind = root["kind"]?.string, [EtcdCluster.kind, EtcdSnapshot.kind, EtcdRestore.kind].contains(kind),
            let name = root["metadata"]?["name"]?.string, isLabel(name, isLowercase: true)
        else { return nil }
        let namespace = root["metadata"]?["namespace"]?.string ?? ObjectMeta(name: name).namespace
        guard isLabel(namespace, isLowercase: true) else { return nil }
        return ResourceIdentity(kind: kind, namespace: namespace, name: name)
    }

    /// Names the time zones of schedules that nobody knows.
    private static func refuseZones(_ root: Node, _ reading: inout Reading, unless knowsZone: (String) -> Bool) {
        guard root["kind"]?.string == EtcdCluster.kind else { return }
        for parents in [["spec", "backup"], ["spec", "maintenance", "defragmentation"]] {
            var form = Reading(file: "", origin: .file)
            guard let zone = parents.reduce(root as Node?, { $0?[$1] })?["timeZone"],
                let name = Format.timeZone.read(zone, &form), !knowsZone(name)
            else { continue }
            reading.path = parents + ["timeZone"]
            let _: Never? = reading.refuse(zone, "is no time zone of this machine: see /usr/share/zoneinfo")
            reading.path = []
        }
    }

    /// Reads one document by its `kind`.
    private static func resource(_ root: Node, _ reading: inout Reading) -> AnyResource? {
        guard root.mapping != nil else {
            return reading.refuse(root, "must be a mapping with apiVersion, kind, metadata and spec")
        }
        let kinds = [EtcdCluster.kind, EtcdSnapshot.kind, EtcdRestore.kind]
        guard let kind = root["kind"] else {
            reading.descend("kind") { $0.fail(root.mark, "required: \(alternatives(kinds))") }
            return nil
        }
        switch kind.string {
        case EtcdCluster.kind: return Format<EtcdCluster>.object.read(root, &reading).map { .cluster($0) }
        case EtcdSnapshot.kind: return Format<EtcdSnapshot>.object.read(root, &reading).map { .snapshot($0) }
        case EtcdRestore.kind: return Format<EtcdRestore>.object.read(root, &reading).map { .restore($0) }
        default:
            let hint = kind.string.flatMap { nearest($0, in: kinds) }.map { "; did you mean \($0)?" } ?? ""
            return reading.descend("kind") { $0.refuse(kind, "must be \(alternatives(kinds))\(hint)") }
        }
    }
}
