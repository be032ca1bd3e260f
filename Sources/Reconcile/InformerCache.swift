internal import EtcdWire

/// What an informer knows, at one moment.
public struct InformerSnapshot<Object: StoredObject>: Sendable {
    /// By key.
    public var objects: [String: Object] = [:]
    /// Keys whose value could not be read, each with why. Where an earlier value could, that one stands in `objects`.
    public var unreadable: [String: String] = [:]
    /// Every change up to this revision is in.
    public var revision: Int64 = 0
    /// False until the first list is in: until then the absence of an object says nothing.
    public var isFilled = false

    public init() {}

    /// In the order of keys.
    public var sorted: [Object] { self.objects.sorted { $0.key < $1.key }.map(\.value) }
}

/// The informer without its tasks: lists and watch responses go in, the keys that changed come out.
///
/// What comes twice or late is left out: an event counts only if its revision is above all that is in. An object that
/// cannot be read never replaces or removes one that could.
struct InformerCache<Object: StoredObject>: Sendable {
    private(set) var snapshot = InformerSnapshot<Object>()

    /// Takes a whole list in place of what was known.
    mutating func replace(with list: ObjectList<Object>) -> [String] {
        var fresh: [String: Object] = [:]
        for (key, object) in zip(list.keys, list.items) { fresh[key] = object }
        for key in list.unreadable.keys where fresh[key] == nil { fresh[key] = self.snapshot.objects[key] }
        let old = self.snapshot.objects
        let changed = Set(old.keys).union(fresh.keys).filter { old[$0]?.modRevision != fresh[$0]?.modRevision }
        let newlyUnreadable = list.unreadable.filter { self.snapshot.unreadable[$0.key] != $0.value }.keys
        self.snapshot.objects = fresh
        self.snapshot.unreadable = list.unreadable
        self.snapshot.revision = list.revision
        self.snapshot.isFilled = true
        return changed.union(newlyUnreadable).sorted()
    }

    /// Takes one watch response.
    mutating func apply(_ response: WatchResponse) -> [String] {
        var changed: [String] = []
        for event in response.events where event.kv.modRevision > self.snapshot.revision {
            guard let key = String(validating: event.kv.key, as: UTF8.self) else {
                self.snapshot.unreadable[String(decoding: event.kv.key, as: UTF8.self)] = "the key is not UTF-8"
                continue
            }
            self.apply(event, key: key)
            if changed.last != key { changed.append(key) }
        }
        // The events of one revision belong together: it counts as seen once its last fragment is in.
        if !response.fragment, let last = response.events.last?.kv.modRevision {
            self.snapshot.revision = max(self.snapshot.revision, last)
        }
        let isProgress = response.events.isEmpty && !response.created && !response.canceled && !response.fragment
        if isProgress { self.snapshot.revision = max(self.snapshot.revision, response.header.revision) }
        return changed
    }

    private mutating func apply(_ event: WatchEvent, key: String) {
        switch event.type {
        case .delete:
            self.snapshot.objects[key] = nil
            self.snapshot.unreadable[key] = nil
        case .put:
            do {
                self.snapshot.objects[key] = try Object(stored: event.kv.value, modRevision: event.kv.modRevision)
                self.snapshot.unreadable[key] = nil
            } catch { self.snapshot.unreadable[key] = "\(error)" }
        }
    }
}
