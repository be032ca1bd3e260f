public import ClusterAPI
public import Reconcile

/// How resources lie in the store: as JSON under ``ObjectKey``, the mod revision kept apart.
extension EtcdCluster: StoredObject {
    public static var keyPrefix: String { ObjectKey.prefix(plural: Self.plural) }
}

extension EtcdSnapshot: StoredObject {
    public static var keyPrefix: String { ObjectKey.prefix(plural: Self.plural) }
}

extension EtcdRestore: StoredObject {
    public static var keyPrefix: String { ObjectKey.prefix(plural: Self.plural) }
}

extension StoredObject where Self: Resource {
    public var storeKey: String {
        ObjectKey.key(plural: Self.plural, namespace: self.metadata.namespace, name: self.metadata.name)
    }

    public var modRevision: Int64 {
        get { Int64(self.metadata.resourceVersion) ?? 0 }
        set { self.metadata.resourceVersion = newValue == 0 ? "" : String(newValue) }
    }
}

extension Resource where Self: Documented {
    public init(stored value: [UInt8], modRevision: Int64) throws {
        try self.init(json: value)
        self.metadata.resourceVersion = modRevision == 0 ? "" : String(modRevision)
    }

    public func storedBytes() -> [UInt8] {
        var copy = self
        copy.metadata.resourceVersion = ""
        return copy.json()
    }
}
