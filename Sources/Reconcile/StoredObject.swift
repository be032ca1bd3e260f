/// An object that is kept in the store under one key. This room knows of an object only what stands here.
public protocol StoredObject: Sendable {
    /// The keys of all objects of the type begin with it.
    static var keyPrefix: String { get }
    var storeKey: String { get }
    /// The revision that changed the object last; 0 for one that was not stored yet. Not a part of the stored bytes.
    var modRevision: Int64 { get set }

    init(stored value: [UInt8], modRevision: Int64) throws
    func storedBytes() -> [UInt8]
}

/// Objects as they were at one revision.
public struct ObjectList<Object: StoredObject>: Sendable {
    /// In the order of keys.
    public var items: [Object]
    /// The key each item is stored under.
    public var keys: [String]
    /// The store's revision the list was read at: a watch from the next one misses nothing.
    public var revision: Int64
    /// Keys whose value could not be read, each with why.
    public var unreadable: [String: String]

    public init(items: [Object] = [], keys: [String] = [], revision: Int64 = 0, unreadable: [String: String] = [:]) {
        self.items = items
        self.keys = keys
        self.revision = revision
        self.unreadable = unreadable
    }
}

/// The keys that begin with a prefix, as etcd's requests name them.
public struct KeyRange: Sendable, Hashable {
    public var start: [UInt8]
    /// The first key after the range; `[0]` when the range ends with the last key there is.
    public var end: [UInt8]

    public init(prefix: String) {
        self.start = Array(prefix.utf8)
        var end = self.start
        while let last = end.last, last == 0xFF { end.removeLast() }
        if let last = end.last { end[end.count - 1] = last + 1 } else { end = [0] }
        self.end = end
    }
}
