public import ClusterAPI
internal import Platform
public import Reconcile

/// Writes events beside the objects they are about. The same words again are counted, not repeated; an hour after the last
/// time, the store forgets them.
public struct EventRecorder: Sendable {
    private let objects: ObjectStore

    public init(objects: ObjectStore) {
        self.objects = objects
    }

    static let lifetime: Duration = .seconds(3600)

    /// An event that cannot be written is dropped: no work waits for it.
    public func record(_ event: Event, namespace: String) async {
        let parts = event.regarding.split(separator: "/")
        guard parts.count == 2 else { return }
        let words = String(FNV1a.checksum(event.message.utf8), radix: 36)
        let key =
            ObjectKey.eventPrefix(namespace: namespace, kind: String(parts[0]), name: String(parts[1]))
            + "\(event.reason)-\(words)"
        var event = event
        if let before = try? await self.objects.get(StoredEvent.self, key: key) {
            event.firstSeen = before.event.firstSeen
            event.count = before.event.count + 1
        }
        try? await self.objects.putEvent(key: key, value: event.json(), ttl: Self.lifetime)
    }
}

/// An event as it lies in the store.
public struct StoredEvent: StoredObject {
    public static var keyPrefix: String { "\(ObjectKey.root)events/" }

    public var event: Event
    public var storeKey = ""
    public var modRevision: Int64

    public init(stored value: [UInt8], modRevision: Int64) throws {
        self.event = try Event(json: value)
        self.modRevision = modRevision
    }

    public func storedBytes() -> [UInt8] { self.event.json() }
}
