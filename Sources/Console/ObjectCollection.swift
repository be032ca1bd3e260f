internal import ClusterAPI
internal import Platform
internal import Reconcile
internal import YAML

/// Objects of one kind as they are listed, watched and shown, whatever their type.
struct ObjectCollection: Sendable {
    /// One stored object.
    struct Item: Sendable {
        var document: Node
        /// Of the table's row, at a moment.
        var cells: @Sendable (Timestamp) -> [Node]
    }

    var apiVersion: String
    var kind: String
    var columns: [Node]
    /// The keys of a namespace, or of all.
    var prefix: @Sendable (String?) -> String
    /// - Throws: When the value is no such object.
    var read: @Sendable (_ key: String, _ value: [UInt8], _ revision: Int64) throws -> Item

    static func resources<Object: ServedResource>(_ type: Object.Type) -> ObjectCollection {
        ObjectCollection(
            apiVersion: ClusterAPI.apiVersion, kind: Object.kind, columns: Object.columns.map(\.definition),
            prefix: { $0.map { ObjectKey.prefix(plural: Object.plural, namespace: $0) } ?? Object.keyPrefix },
            read: { _, value, revision in self.item(try Object(stored: value, modRevision: revision)) })
    }

    static func item<Object: ServedResource>(_ object: Object) -> Item {
        Item(document: object.document) { now in Object.columns.map { $0.cell(object, now) } }
    }

    /// - Parameter isNative: Whether to show events as they are stored, not as Kubernetes' `v1` writes them.
    static func events(isNative: Bool) -> ObjectCollection {
        ObjectCollection(
            apiVersion: isNative ? ClusterAPI.apiVersion : "v1", kind: "Event",
            columns: ["Last Seen", "Type", "Reason", "Object", "Message"].map {
                Column<Event>($0) { _, _ in .null }.definition
            },
            prefix: { "\(ObjectKey.root)events/" + ($0.map { "\($0)/" } ?? "") },
            read: { key, value, revision in
                let event = try Event(json: value)
                let document = isNative ? event.document : Self.coreEvent(event, key: key, revision: revision)
                return Item(document: document) { now in
                    [
                        age(event.lastSeen, now), .string(event.type.rawValue), .string(event.reason),
                        .string(event.regarding.lowercased()), .string(event.message),
                    ]
                }
            })
    }

    /// An event as Kubernetes' `v1` writes it.
    private static func coreEvent(_ event: Event, key: String, revision: Int64) -> Node {
        // /quorate.dev/events/NAMESPACE/KIND/NAME/REASON-NUMBER
        let parts = key.dropFirst(ObjectKey.root.count).split(separator: "/").map(String.init)
        let about = event.regarding.split(separator: "/").map(String.init)
        let namespace = parts.count > 1 ? parts[1] : "default"
        let name = parts.suffix(2).joined(separator: ".").lowercased()
        return .mapping([
            "apiVersion": "v1", "kind": "Event",
            "metadata": .mapping([
                "name": .string(name), "namespace": .string(namespace), "resourceVersion": .string(String(revision)),
                "creationTimestamp": .string(event.firstSeen.description),
            ]),
            "involvedObject": .mapping([
                "apiVersion": .string(ClusterAPI.apiVersion), "kind": .string(about.first ?? ""),
                "namespace": .string(namespace), "name": .string(about.count > 1 ? about[1] : ""),
            ]),
            "type": .string(event.type.rawValue), "reason": .string(event.reason), "message": .string(event.message),
            "firstTimestamp": .string(event.firstSeen.description), "lastTimestamp": .string(event.lastSeen.description),
            "count": .int(event.count), "source": .mapping(["component": "quorate"]),
        ])
    }
}

/// A stored value that is read later.
struct RawObject: StoredObject {
    static let keyPrefix = ObjectKey.root
    var value: [UInt8]
    var modRevision: Int64
    let storeKey = ""

    init(stored value: [UInt8], modRevision: Int64) throws {
        (self.value, self.modRevision) = (value, modRevision)
    }

    func storedBytes() -> [UInt8] { self.value }
}

/// How objects are shown: as they are, or as a table's rows.
struct Presentation: Sendable {
    let collection: ObjectCollection
    private let isTable: Bool
    private let includesObject: String
    private let now: @Sendable () -> Timestamp

    init(_ collection: ObjectCollection, for request: APIRequest, now: @escaping @Sendable () -> Timestamp) {
        self.collection = collection
        self.isTable = request.wantsTable
        self.includesObject = request.query["includeObject"] ?? "Metadata"
        self.now = now
    }

    func list(_ items: [ObjectCollection.Item], revision: Int64) -> Node {
        if self.isTable { return self.table(items, revision: String(revision)) }
        return .mapping([
            "apiVersion": .string(self.collection.apiVersion), "kind": .string("\(self.collection.kind)List"),
            "metadata": .mapping(["resourceVersion": .string(String(revision))]),
            "items": .sequence(items.map(\.document)),
        ])
    }

    /// - Parameter hasHead: Whether a table says what its columns are: not again within one watch.
    func one(_ item: ObjectCollection.Item, hasHead: Bool = true) -> Node {
        guard self.isTable else { return item.document }
        let revision = item.document.text(at: ["metadata", "resourceVersion"]) ?? ""
        return self.table([item], revision: revision, hasHead: hasHead)
    }

    /// Says only how far a watch has come.
    func bookmark(_ revision: Int64) -> Node {
        if self.isTable { return self.table([], revision: String(revision), hasHead: false) }
        return .mapping([
            "apiVersion": .string(self.collection.apiVersion), "kind": .string(self.collection.kind),
            "metadata": .mapping(["resourceVersion": .string(String(revision))]),
        ])
    }

    private func table(_ items: [ObjectCollection.Item], revision: String, hasHead: Bool = true) -> Node {
        let now = self.now()
        var table: Mapping = [
            "apiVersion": "meta.k8s.io/v1", "kind": "Table",
            "metadata": .mapping(["resourceVersion": .string(revision)]),
        ]
        table["columnDefinitions"] = .sequence(hasHead ? self.collection.columns : [])
        table["rows"] = .sequence(
            items.map { item in
                var row: Mapping = ["cells": .sequence(item.cells(now))]
                switch self.includesObject {
                case "None": break
                case "Object": row["object"] = item.document
                default:
                    row["object"] = .mapping([
                        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                        "metadata": item.document["metadata"] ?? .mapping([:]),
                    ])
                }
                return .mapping(row)
            })
        return .mapping(table)
    }
}
