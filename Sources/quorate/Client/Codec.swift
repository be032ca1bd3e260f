internal import ClusterAPI
internal import YAML

/// Objects to and from the bytes that a controller sends and a file holds.
enum Codec {
    static func object<Object: NamedObject>(_ bytes: [UInt8]) throws(CommandError) -> Object {
        try self.read(self.node(bytes))
    }

    static func list<Object: NamedObject>(_ bytes: [UInt8]) throws(CommandError) -> ObjectList<Object> {
        let node = try self.node(bytes)
        return ObjectList(
            items: try self.items(node), resourceVersion: node["metadata"]?["resourceVersion"]?.string ?? "")
    }

    /// One line of a watch: `{"type":"MODIFIED","object":{…}}`.
    static func watchEvent<Object: NamedObject>(_ line: [UInt8]) throws(CommandError) -> WatchEvent<Object> {
        let node = try self.node(line)
        guard let type = node["type"]?.string, let object = node["object"] else { throw self.strange("a change with no type") }
        switch type {
        case "ADDED", "MODIFIED": return .present(try self.read(object))
        case "DELETED": return .deleted(try self.read(object))
        case "BOOKMARK": return .bookmark
        case "ERROR": return .failed(object["message"]?.string ?? "the watch ended")
        default: throw self.strange("a change of type \(quoted(type))")
        }
    }

    static func events(_ bytes: [UInt8]) throws(CommandError) -> [Event] {
        try self.items(self.node(bytes))
    }

    static func plan(_ bytes: [UInt8]) throws(CommandError) -> Plan {
        let node = try self.node(bytes)
        // Unknown fields are passed over, so that any object would read as an empty plan.
        guard node["summary"]?.string != nil else { throw self.strange("what is no plan") }
        return try self.read(node)
    }

    /// What a Kubernetes `Status` says; nil when it is none.
    static func status(_ answer: [UInt8]) -> (reason: String, message: String)? {
        guard let node = try? self.node(answer), node["kind"]?.string == "Status", let message = node["message"]?.string else {
            return nil
        }
        return (node["reason"]?.string ?? "", message)
    }

    static func jsonText(_ object: some NamedObject) -> String {
        String(decoding: object.document.json(isPretty: true), as: UTF8.self)
    }

    static func listText(_ objects: [some NamedObject]) -> String {
        let list = Mapping([("apiVersion", "v1"), ("kind", "List"), ("items", .sequence(objects.map { $0.document }))])
        return String(decoding: Node.mapping(list).json(isPretty: true), as: UTF8.self)
    }

    /// Reads a file of specs. Of one with an error no object is taken.
    static func manifest(
        _ bytes: [UInt8], file: String, knowsZone: ((String) -> Bool)? = nil, into read: inout ManifestFiles
    ) {
        let reading = Manifest.read(bytes, file: file, knowsZone: knowsZone)
        read.errors += reading.errors.map(\.description)
        read.warnings += reading.warnings.map(\.description)
        if reading.errors.isEmpty {
            read.objects += reading.resources.map { $0.resource.object }
        }
    }

    private static func node(_ bytes: [UInt8]) throws(CommandError) -> Node {
        var limits = Limits()
        limits.size = ControllerClient.maximumAnswer
        limits.nodes = 10_000_000
        do throws(YAMLError) {
            return try Node.read(json: bytes, limits: limits)
        } catch {
            throw self.strange("what is no JSON (\(error))")
        }
    }

    private static func read<Value: Documented>(_ node: Node) throws(CommandError) -> Value {
        do throws(SpecErrors) {
            return try Value(document: node, file: "")
        } catch {
            throw self.strange("what this command cannot read: \(error)")
        }
    }

    private static func items<Value: Documented>(_ list: Node) throws(CommandError) -> [Value] {
        var values: [Value] = []
        for item in list["items"]?.sequence ?? [] { values.append(try self.read(item)) }
        return values
    }

    private static func strange(_ what: String) -> CommandError {
        CommandError(.failed, "the controller sent \(what); are both of the same version?")
    }
}

extension AnyResource {
    fileprivate var object: any NamedObject {
        switch self {
        case .cluster(let cluster): cluster
        case .snapshot(let snapshot): snapshot
        case .restore(let restore): restore
        }
    }
}
