internal import ClusterAPI
internal import Operator
internal import Platform
internal import Reconcile
internal import YAML

/// The place of one object, or of all of a namespace when there is no name.
struct ResourcePath: Sendable {
    var namespace: String?
    var name: String?
    /// `status`, `plan`
    var subresource: String?
}

/// One kind of resource under the API's group and version.
protocol ResourceServing: Sendable {
    func answer(_ request: APIRequest, _ path: ResourcePath) async throws(StatusError) -> Answer
}

/// Reads and writes the resources of one type.
struct ResourceEndpoint<Object: ServedResource>: ResourceServing {
    let objects: ObjectStore
    let listing: Listing
    let clock: any WallClock
    /// What would be done, for an object as it is or with another spec; nil for types that have no plan.
    var plan: (@Sendable (Object, Object.Spec?) async throws -> Plan)?

    private let collection = ObjectCollection.resources(Object.self)
    /// How often a change is tried again because someone else was faster.
    private static var attempts: Int { 5 }

    init(
        listing: Listing, clock: any WallClock, plan: (@Sendable (Object, Object.Spec?) async throws -> Plan)? = nil
    ) {
        self.objects = ObjectStore(listing.store)
        self.listing = listing
        self.clock = clock
        self.plan = plan
    }

    func answer(_ request: APIRequest, _ path: ResourcePath) async throws(StatusError) -> Answer {
        do {
            guard let namespace = path.namespace, let name = path.name else { return try await self.all(request, path) }
            let target = Target(namespace: namespace, name: name)
            switch (path.subresource, request.method) {
            case (nil, "GET") where request.isWatch, ("status", "GET") where request.isWatch:
                throw StatusError.badRequest("to watch one object, watch its list with fieldSelector=metadata.name=\(name)")
            case (nil, "GET"), ("status", "GET"): return self.show(try await self.existing(target), request)
            case (nil, "PUT"): return try await self.put(request, target)
            case ("status", "PUT"):
                let desired = try self.read(request.document(), target)
                return try await self.change(request, target) { try Admission.replaceStatus($0, with: desired) }
            case (nil, "PATCH"): return try await self.patch(request, target)
            case ("status", "PATCH"):
                let patch = try request.document()
                return try await self.change(request, target) { existing in
                    try Admission.replaceStatus(existing, with: self.read(existing.document.merged(with: patch), target))
                }
            case (nil, "DELETE"): return try await self.delete(request, target)
            case ("plan", "GET"), ("plan", "POST"): return try await self.plan(request, target)
            case (nil, _), ("status", _): throw StatusError.methodNotAllowed(request.method)
            default: throw StatusError.unknownPath(request.target)
            }
        } catch {
            throw StatusError(error, kind: Object.kind, plural: Object.plural, name: path.name ?? "")
        }
    }

    private struct Target {
        var namespace: String
        var name: String
    }

    private func all(_ request: APIRequest, _ path: ResourcePath) async throws -> Answer {
        switch request.method {
        case "GET": return try await self.listing.answer(request, self.collection, namespace: path.namespace)
        case "POST":
            guard let namespace = path.namespace else { throw StatusError.methodNotAllowed("POST without a namespace") }
            let desired = try self.read(request.document(), Target(namespace: namespace, name: ""))
            return try await self.create(request, desired)
        default: throw StatusError.methodNotAllowed(request.method)
        }
    }

    private func create(_ request: APIRequest, _ desired: Object) async throws -> Answer {
        do {
            var object = Admission.create(desired, now: self.clock.now(), uid: newUID())
            if !request.isDryRun { object = try await self.objects.create(object) }
            return self.show(object, request, code: 201)
        } catch {
            let name = desired.metadata.name
            throw StatusError(error, kind: Object.kind, plural: Object.plural, name: name)
        }
    }

    private func put(_ request: APIRequest, _ target: Target) async throws -> Answer {
        let desired = try self.read(request.document(), target)
        return try await self.change(request, target) { try Admission.replace($0, with: desired) }
    }

    private func patch(_ request: APIRequest, _ target: Target) async throws -> Answer {
        guard !request.contentType.isEmpty, !request.contentType.hasPrefix("application/json") else {
            throw StatusError(415, "UnsupportedMediaType", "send a patch as application/merge-patch+json")
        }
        let patch = try request.document()
        guard patch.mapping != nil else { throw StatusError.badRequest("a patch must be an object") }
        let isApply = request.contentType.hasPrefix("application/apply-patch")
        if isApply, try await self.find(target) == nil {
            return try await self.create(request, try self.read(patch, target))
        }
        return try await self.change(request, target) { existing in
            try Admission.replace(existing, with: self.read(existing.document.merged(with: patch), target))
        }
    }

    /// Changes the stored object, again if someone else was faster.
    private func change(
        _ request: APIRequest, _ target: Target, _ body: (Object) throws -> Object
    ) async throws -> Answer {
        var attempt = 1
        while true {
            let changed = try body(try await self.existing(target))
            if request.isDryRun { return self.show(changed, request) }
            do throws(StoreError) {
                return self.show(try await self.objects.update(changed), request)
            } catch {
                guard error.code == .conflict, attempt < Self.attempts else { throw error }
                attempt += 1
            }
        }
    }

    private func delete(_ request: APIRequest, _ target: Target) async throws -> Answer {
        let options = request.body.isEmpty ? Node.null : try request.document()
        var attempt = 1
        while true {
            let existing = try await self.existing(target)
            try self.check(options["preconditions"], against: existing.metadata)
            do throws(StoreError) {
                switch Admission.delete(existing, now: self.clock.now()) {
                case .mark(let marked):
                    return self.show(request.isDryRun ? marked : try await self.objects.update(marked), request)
                case .remove:
                    if !request.isDryRun { try await self.objects.delete(existing) }
                    return .json(200, Self.success(existing.metadata))
                }
            } catch {
                guard error.code == .conflict, attempt < Self.attempts else { throw error }
                attempt += 1
            }
        }
    }

    private func check(_ preconditions: Node?, against metadata: ObjectMeta) throws {
        for (field, value) in [("uid", metadata.uid), ("resourceVersion", metadata.resourceVersion)] {
            if let wanted = preconditions?[field]?.string, wanted != value {
                throw AdmissionError.conflict("the \(field) is \(quoted(value)), not \(quoted(wanted))")
            }
        }
    }

    private static func success(_ metadata: ObjectMeta) -> Node {
        .mapping([
            "kind": "Status", "apiVersion": "v1", "metadata": .mapping([:]), "status": "Success",
            "details": .mapping([
                "name": .string(metadata.name), "group": .string(Names.group), "kind": .string(Object.plural),
                "uid": .string(metadata.uid),
            ]),
        ])
    }

    private func plan(_ request: APIRequest, _ target: Target) async throws -> Answer {
        guard let plan = self.plan else { throw StatusError.unknownPath(request.target) }
        let existing = try await self.find(target)
        guard request.method == "POST", !request.body.isEmpty else {
            guard let existing else { throw self.missing(target) }
            return .json(200, try await plan(existing, nil).document)
        }
        let desired = try self.read(request.document(), target)
        let admitted = try Admission.apply(existing: existing, desired: desired, now: self.clock.now(), uid: newUID())
        if let existing { return .json(200, try await plan(existing, admitted.spec).document) }
        return .json(200, try await plan(admitted, nil).document)
    }

    private func find(_ target: Target) async throws -> Object? {
        let key = ObjectKey.key(plural: Object.plural, namespace: target.namespace, name: target.name)
        return try await self.objects.get(Object.self, key: key)
    }

    private func existing(_ target: Target) async throws -> Object {
        guard let object = try await self.find(target) else { throw self.missing(target) }
        return object
    }

    private func missing(_ target: Target) -> StoreError {
        StoreError(.notFound, key: target.name, "not found")
    }

    /// Reads an object that was sent to a path, and holds it to that path.
    private func read(_ document: Node, _ target: Target) throws -> Object {
        var document = document
        if var metadata = document["metadata"]?.mapping, metadata["namespace"]?.string ?? "" == "" {
            metadata["namespace"] = .string(target.namespace)
            var mapping = document.mapping ?? [:]
            mapping["metadata"] = .mapping(metadata)
            document = .mapping(mapping)
        }
        let object = try Object(document: document, file: "")
        if !target.name.isEmpty, object.metadata.name != target.name {
            throw StatusError.badRequest(
                "the name of the object (\(object.metadata.name)) is not the name in the URL (\(target.name))")
        }
        guard object.metadata.namespace == target.namespace else {
            throw StatusError.badRequest(
                "the namespace of the object (\(object.metadata.namespace)) is not that in the URL (\(target.namespace))")
        }
        return object
    }

    private func show(_ object: Object, _ request: APIRequest, code: Int = 200) -> Answer {
        let presentation = Presentation(self.collection, for: request) { self.clock.now() }
        return .json(code, presentation.one(ObjectCollection.item(object)))
    }
}

/// A random identifier (RFC 9562, version 4).
func newUID() -> String {
    var random = SystemRandomNumberGenerator()
    var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    let groups = [digits[0..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10..<16]]
    return groups.map { $0.joined() }.joined(separator: "-")
}
