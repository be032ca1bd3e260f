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
}

/// A file of specs as its owner writes it: any number of YAML documents, or JSON.
public enum Manifest {
    /// Reads a whole file and tells everything that is wrong with it.
    /// - Parameter file: Named in errors.
    public static func read(_ bytes: [UInt8], file: String) -> ManifestReading {
        var result = ManifestReading()
        var places: [[String]: Int] = [:]
        for document in Node.read(yaml: bytes) {
            var errors = document.errors.map { SpecError(file: file, $0) }
            var reading = Reading(file: file, origin: .file)
            let resource = document.root.flatMap { $0.isNull ? nil : self.resource($0, &reading) }
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
