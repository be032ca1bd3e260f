internal import ClusterAPI
internal import EtcdClient
internal import Logging
internal import Platform
internal import Reconcile
internal import YAML

/// Finds the answer to each request. Knows nothing of sockets.
struct API: Sendable {
    private let listing: Listing
    private let resources: [String: any ResourceServing]
    private let metrics: MetricsRegistry
    private let readiness: @Sendable () async -> [String]
    private let version: String

    init(
        store: any StoreClient, clock: any WallClock, metrics: MetricsRegistry, planner: any PlanProvider,
        readiness: @escaping @Sendable () async -> [String], version: String, logger: Logger
    ) {
        let listing = Listing(store: store, clock: clock, logger: logger)
        self.listing = listing
        self.resources = [
            EtcdCluster.plural: ResourceEndpoint<EtcdCluster>(listing: listing, clock: clock) {
                try await planner.plan(for: $0, proposed: $1)
            },
            EtcdSnapshot.plural: ResourceEndpoint<EtcdSnapshot>(listing: listing, clock: clock),
            EtcdRestore.plural: ResourceEndpoint<EtcdRestore>(listing: listing, clock: clock),
        ]
        self.metrics = metrics
        self.readiness = readiness
        self.version = version
    }

    /// Errors are answers too.
    func answer(_ request: APIRequest) async -> Answer {
        do throws(StatusError) {
            return try await self.route(request)
        } catch {
            return .json(error.code, error.document)
        }
    }

    private func route(_ request: APIRequest) async throws(StatusError) -> Answer {
        let path = request.path
        if path.starts(with: ["apis", Names.group, Names.version]) {
            return try await self.group(request, Array(path.dropFirst(3)))
        }
        if path.starts(with: ["api", "v1"]) { return try await self.core(request, Array(path.dropFirst(2))) }
        guard request.method == "GET" else {
            throw Self.isKnown(path) ? .methodNotAllowed(request.method) : .unknownPath(request.target)
        }
        switch path {
        case []: return .json(200, .mapping(["paths": .sequence(Self.paths.map { .string($0) })]))
        case ["api"]: return .json(200, Discovery.versions)
        case ["apis"]: return .json(200, Discovery.groups)
        case ["apis", Names.group]: return .json(200, Discovery.group)
        case ["openapi", "v3"]: return .json(200, Discovery.openAPIPaths)
        case ["openapi", "v3", "apis", Names.group, Names.version]: return .json(200, Discovery.openAPI)
        case ["version"]: return .json(200, Discovery.version(self.version))
        case ["healthz"], ["livez"]: return .text(200, "ok")
        case ["readyz"]:
            let missing = await self.readiness()
            return missing.isEmpty ? .text(200, "ok") : .text(503, missing.map { "\($0)\n" }.joined())
        case ["metrics"]: return .text(200, self.metrics.render(), type: "text/plain; version=0.0.4; charset=utf-8")
        default: throw .unknownPath(request.target)
        }
    }

    private static let paths = [
        "/api", "/api/v1", "/apis", "/apis/quorate.dev", "/apis/quorate.dev/v1alpha1", "/healthz", "/livez", "/metrics",
        "/readyz", "/version",
    ]

    private static func isKnown(_ path: [String]) -> Bool {
        path.isEmpty || self.paths.contains("/" + path.joined(separator: "/"))
    }

    /// What follows `/apis/quorate.dev/v1alpha1`.
    private func group(_ request: APIRequest, _ path: [String]) async throws(StatusError) -> Answer {
        if path.isEmpty { return try self.read(request, Discovery.resources) }
        let isNamespaced = path.count >= 3 && path[0] == "namespaces"
        let rest = isNamespaced ? Array(path.dropFirst(2)) : path
        guard let endpoint = self.resources[rest[0]], rest.count <= (isNamespaced ? 3 : 1) else {
            throw .unknownPath(request.target)
        }
        let target = ResourcePath(
            namespace: isNamespaced ? path[1] : nil, name: rest.count > 1 ? rest[1] : nil,
            subresource: rest.count > 2 ? rest[2] : nil)
        for part in [target.namespace, target.name] {
            if let part, part.contains("/") { throw .badRequest("\(quoted(part)) is not a name") }
        }
        return try await endpoint.answer(request, target)
    }

    /// What follows `/api/v1`: events, and the one namespace.
    private func core(_ request: APIRequest, _ path: [String]) async throws(StatusError) -> Answer {
        switch path.count {
        case 0: return try self.read(request, Discovery.coreResources)
        case 1 where path == ["namespaces"]: return try self.read(request, Discovery.namespaces)
        case 2 where path == ["namespaces", "default"]: return try self.read(request, Discovery.namespace("default"))
        case 1 where path == ["events"]: return try await self.events(request, namespace: nil)
        case 3 where path[0] == "namespaces" && path[2] == "events":
            return try await self.events(request, namespace: path[1])
        default: throw .unknownPath(request.target)
        }
    }

    private func events(_ request: APIRequest, namespace: String?) async throws(StatusError) -> Answer {
        guard request.method == "GET" else { throw .methodNotAllowed(request.method) }
        do {
            let collection = ObjectCollection.events(isNative: request.query["regarding"] != nil)
            return try await self.listing.answer(request, collection, namespace: namespace)
        } catch {
            throw StatusError(error, kind: "Event", plural: "events", name: "")
        }
    }

    private func read(_ request: APIRequest, _ document: Node) throws(StatusError) -> Answer {
        guard request.method == "GET" else { throw .methodNotAllowed(request.method) }
        return .json(200, document)
    }
}
