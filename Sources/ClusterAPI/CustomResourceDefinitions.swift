internal import YAML

/// The resource types as Kubernetes wants to be told of them, made of the same field lists that read and write them.
public enum CustomResourceDefinitions {
    public struct File: Sendable, Hashable {
        /// `etcdclusters.yaml`, in the folder `manifests`.
        public var name: String
        /// YAML.
        public var text: String
    }

    public static var all: [File] {
        [
            self.file(
                EtcdCluster.self, singular: "etcdcluster", spec: Format<EtcdClusterSpec>.object,
                status: Format<EtcdClusterStatus>.object,
                columns: [
                    Column("Ready", "integer", ".status.readyReplicas"),
                    Column("Quorate", "string", #".status.conditions[?(@.type=="Quorate")].status"#),
                    Column("Leader", "string", ".status.leader"),
                    Column("Revision", "integer", ".status.revision"),
                    Column("DB Size", "integer", ".status.members[0].dbSize"),
                    Column("Last Snapshot", "date", ".status.backup.lastSnapshot.takenAt"),
                    Column("Phase", "string", ".status.phase"),
                    Column("Age", "date", ".metadata.creationTimestamp"),
                ]),
            self.file(
                EtcdSnapshot.self, singular: "etcdsnapshot", spec: Format<EtcdSnapshotSpec>.object,
                status: Format<EtcdSnapshotStatus>.object,
                columns: [
                    Column("Cluster", "string", ".spec.clusterRef"),
                    Column("Phase", "string", ".status.phase"),
                    Column("Revision", "integer", ".status.artifact.revision"),
                    Column("Size", "integer", ".status.artifact.sizeBytes"),
                    Column("Taken", "date", ".status.artifact.takenAt"),
                    Column("Age", "date", ".metadata.creationTimestamp"),
                ]),
            self.file(
                EtcdRestore.self, singular: "etcdrestore", spec: Format<EtcdRestoreSpec>.object,
                status: Format<EtcdRestoreStatus>.object,
                columns: [
                    Column("Cluster", "string", ".spec.clusterRef"),
                    Column("Approved", "boolean", ".spec.approved"),
                    Column("Phase", "string", ".status.phase"),
                    Column("Age", "date", ".metadata.creationTimestamp"),
                ]),
        ]
    }

    private struct Column {
        var name: String
        var type: String
        var path: String

        init(_ name: String, _ type: String, _ path: String) {
            (self.name, self.type, self.path) = (name, type, path)
        }

        var node: Node {
            .mapping(["name": .string(self.name), "type": .string(self.type), "jsonPath": .string(self.path)])
        }
    }

    private static func file<Spec, Status>(
        _ type: (some Resource).Type, singular: String, spec: Format<Spec>, status: Format<Status>, columns: [Column]
    ) -> File {
        let (group, version) = self.groupAndVersion
        var statusSchema = status.schema(false)
        statusSchema["description"] = "What the controller last saw. It alone writes here."
        statusSchema["x-kubernetes-preserve-unknown-fields"] = true
        let schema: Mapping = [
            "type": "object",
            "required": ["spec"],
            "properties": .mapping([
                "apiVersion": .mapping(["type": "string"]),
                "kind": .mapping(["type": "string"]),
                "metadata": .mapping(["type": "object"]),
                "spec": .mapping(spec.schema(true)),
                "status": .mapping(statusSchema),
            ]),
        ]
        let document: Mapping = [
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": .mapping(["name": .string("\(type.plural).\(group)")]),
            "spec": .mapping([
                "group": .string(group),
                "names": .mapping([
                    "kind": .string(type.kind),
                    "listKind": .string("\(type.kind)List"),
                    "plural": .string(type.plural),
                    "singular": .string(singular),
                    "shortNames": [.string(type.shortName)],
                ]),
                "scope": "Namespaced",
                "versions": [
                    .mapping([
                        "name": .string(version),
                        "served": true,
                        "storage": true,
                        "subresources": .mapping(["status": .mapping([:])]),
                        "additionalPrinterColumns": .sequence(columns.map(\.node)),
                        "schema": .mapping(["openAPIV3Schema": .mapping(schema)]),
                    ])
                ],
            ]),
        ]
        let header = "# Made from the resource types; `UPDATE=1 swift test --filter ManifestFileTests` makes it again.\n"
        return File(name: "\(type.plural).yaml", text: header + Node.mapping(document).yaml())
    }

    private static var groupAndVersion: (group: String, version: String) {
        let parts = apiVersion.split(separator: "/")
        return (String(parts[0]), String(parts[1]))
    }
}
