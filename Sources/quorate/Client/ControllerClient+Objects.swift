internal import ClusterAPI
internal import NIOHTTP1

/// The objects of a controller.
extension ControllerClient {
    func get<Object: NamedObject>(_: Object.Type, _ name: String) async throws -> Object {
        try Codec.object(await self.send(.GET, Self.path(Object.plural, name)))
    }

    func list<Object: NamedObject>(_: Object.Type) async throws -> ObjectList<Object> {
        try Codec.list(await self.send(.GET, Self.path(Object.plural)))
    }

    func create<Object: NamedObject>(_ object: Object) async throws -> Object {
        try Codec.object(await self.send(.POST, Self.path(Object.plural), body: object.json()))
    }

    /// Puts an object in the place of the one whose `resourceVersion` it carries.
    func replace<Object: NamedObject>(_ object: Object) async throws -> Object {
        try Codec.object(await self.send(.PUT, Self.path(Object.plural, object.metadata.name), body: object.json()))
    }

    /// Changes the fields of a JSON merge patch (RFC 7386).
    func patch<Object: NamedObject>(_: Object.Type, _ name: String, _ patch: String) async throws -> Object {
        try Codec.object(
            await self.send(
                .PATCH, Self.path(Object.plural, name), body: Array(patch.utf8), type: "application/merge-patch+json"))
    }

    func delete<Object: NamedObject>(_: Object.Type, _ name: String) async throws {
        _ = try await self.send(.DELETE, Self.path(Object.plural, name))
    }

    /// Changes to objects of one kind, from just after `resourceVersion`, until the controller ends the stream or
    /// `receive` returns false.
    func watch<Object: NamedObject>(
        _: Object.Type, after resourceVersion: String, receive: (WatchEvent<Object>) async throws -> Bool
    ) async throws {
        let version = resourceVersion.isEmpty ? "" : "&resourceVersion=\(ServerAddress.percentEncoded(resourceVersion))"
        try await self.watch(Self.path(Object.plural) + "?watch=true\(version)") { line in
            try await receive(Codec.watchEvent(line))
        }
    }

    func events(kind: String, name: String) async throws -> [Event] {
        let about = ServerAddress.percentEncoded("\(kind)/\(name)")
        return try Codec.events(await self.send(.GET, "/api/v1/namespaces/default/events?regarding=\(about)"))
    }

    /// What the controller would do for a cluster as it stands.
    func plan(_ name: String) async throws -> Plan {
        try Codec.plan(await self.send(.GET, Self.path(EtcdCluster.plural, name, "plan")))
    }

    /// What the controller would do were this the cluster's spec.
    func plan(_ cluster: EtcdCluster) async throws -> Plan {
        let path = Self.path(EtcdCluster.plural, cluster.metadata.name, "plan")
        return try Codec.plan(await self.send(.POST, path, body: cluster.json()))
    }
}

struct ObjectList<Object: NamedObject> {
    var items: [Object]
    /// Where a watch that misses nothing begins.
    var resourceVersion: String
}

enum WatchEvent<Object: NamedObject> {
    /// Added or changed.
    case present(Object)
    case deleted(Object)
    /// Says only how far the watch has come.
    case bookmark
    /// The controller gave the watch up: too old, or its own trouble. List and watch again.
    case failed(String)
}
