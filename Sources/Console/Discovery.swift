internal import ClusterAPI
internal import YAML

/// What the API says of itself, so that clients find their way.
enum Discovery {
    static let versions: Node = .mapping([
        "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": .sequence([]),
    ])

    static let groups: Node = .mapping([
        "kind": "APIGroupList", "apiVersion": "v1", "groups": .sequence([Self.groupFields]),
    ])

    static var group: Node {
        var group = Self.groupFields.mapping ?? [:]
        group["kind"] = "APIGroup"
        group["apiVersion"] = "v1"
        return .mapping(group)
    }

    private static var groupFields: Node {
        let version = Node.mapping(["groupVersion": .string(apiVersion), "version": .string(Names.version)])
        return .mapping([
            "name": .string(Names.group), "versions": .sequence([version]), "preferredVersion": version,
        ])
    }

    private static let kinds = [
        (EtcdCluster.plural, EtcdCluster.kind, EtcdCluster.shortName),
        (EtcdSnapshot.plural, EtcdSnapshot.kind, EtcdSnapshot.shortName),
        (EtcdRestore.plural, EtcdRestore.kind, EtcdRestore.shortName),
    ]

    /// Where the group is described further.
    static let openAPIPaths: Node = .mapping([
        "paths": .mapping([
            "apis/\(apiVersion)": .mapping(["serverRelativeURL": .string("/openapi/v3/apis/\(apiVersion)")])
        ])
    ])

    /// OpenAPI as far as `kubectl` needs it: that fields are checked here (`fieldValidation`), so that it need not.
    static var openAPI: Node {
        let paths = self.kinds.map { plural, kind, _ in
            (
                "/apis/\(apiVersion)/namespaces/{namespace}/\(plural)/{name}",
                Node.mapping([
                    "patch": .mapping([
                        "x-kubernetes-group-version-kind": .mapping([
                            "group": .string(Names.group), "version": .string(Names.version), "kind": .string(kind),
                        ]),
                        "parameters": .sequence([
                            .mapping([
                                "name": "fieldValidation", "in": "query", "schema": .mapping(["type": "string"]),
                            ])
                        ]),
                        "responses": .mapping(["200": .mapping(["description": "OK"])]),
                    ])
                ])
            )
        }
        return .mapping([
            "openapi": "3.0.0", "info": .mapping(["title": "Quorate", "version": .string(Names.version)]),
            "paths": .mapping(Mapping(paths)),
        ])
    }

    /// The resources of `quorate.dev/v1alpha1`.
    static var resources: Node {
        let entries = self.kinds.flatMap { plural, kind, shortName in
            [
                Self.resource(
                    plural, kind, shortName, ["create", "delete", "get", "list", "patch", "update", "watch"]),
                Self.resource("\(plural)/status", kind, nil, ["get", "patch", "update"]),
            ]
        }
        return self.list(apiVersion, entries)
    }

    static var coreResources: Node {
        self.list(
            "v1",
            [
                Self.resource("events", "Event", "ev", ["list", "watch"]),
                Self.resource("namespaces", "Namespace", "ns", ["get", "list"], isNamespaced: false),
            ])
    }

    private static func list(_ version: String, _ resources: [Node]) -> Node {
        .mapping([
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(version),
            "resources": .sequence(resources),
        ])
    }

    private static func resource(
        _ name: String, _ kind: String, _ shortName: String?, _ verbs: [String], isNamespaced: Bool = true
    ) -> Node {
        var resource: Mapping = [
            "name": .string(name), "singularName": .string(name.contains("/") ? "" : kind.lowercased()),
            "namespaced": .bool(isNamespaced), "kind": .string(kind), "verbs": .sequence(verbs.map { .string($0) }),
        ]
        if let shortName { resource["shortNames"] = .sequence([.string(shortName)]) }
        return .mapping(resource)
    }

    static func namespace(_ name: String) -> Node {
        .mapping([
            "kind": "Namespace", "apiVersion": "v1", "metadata": .mapping(["name": .string(name)]),
            "status": .mapping(["phase": "Active"]),
        ])
    }

    static var namespaces: Node {
        .mapping([
            "kind": "NamespaceList", "apiVersion": "v1", "metadata": .mapping(["resourceVersion": "1"]),
            "items": .sequence([Self.namespace("default")]),
        ])
    }

    /// - Parameter version: The program's.
    static func version(_ version: String) -> Node {
        .mapping([
            // The level of Kubernetes' API whose shapes are followed.
            "major": "1", "minor": "32", "gitVersion": .string("v1.32.0+quorate-\(version)"),
            "version": .string(version),
        ])
    }
}
