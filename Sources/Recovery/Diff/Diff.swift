internal import EtcdWire
public import Platform
public import YAML

/// What keys became between two moments, which may be of one source or of two. Writes nothing into them. Every call blocks;
/// memory goes with the number of keys that are compared.
public struct Diff: Sendable {
    /// What one key became.
    public struct Change: Sendable, Hashable {
        public var key: [UInt8]
        /// Nil where the key was not there; not both.
        public var from: KeyState?
        public var to: KeyState?

        public var word: String {
            self.from == nil ? "added" : self.to == nil ? "deleted" : "changed"
        }
    }

    public let from: DiffPoint
    public let to: DiffPoint
    /// The revisions that were compared.
    public let fromRevision: Int64
    public let toRevision: Int64
    /// By key.
    public let changes: [Change]
    private let old: OpenedPoint
    private let new: OpenedPoint

    /// - Parameters:
    ///   - keys: Which keys are compared.
    ///   - scratch: A directory for copies that a log is applied to; made where needed, and the caller's to remove.
    public static func run(
        from: DiffPoint, to: DiffPoint, keys: KeyRange = KeyRange(prefix: []), scratch: String, disk: any Disk,
        progress: ProgressReport? = nil
    ) throws(RecoveryError) -> Diff {
        let old = try OpenedPoint(from, scratch: scratch + "/from", disk: disk, progress: progress)
        let new = try OpenedPoint(to, scratch: scratch + "/to", disk: disk, progress: progress)
        let before = try old.keys(in: keys, progress: progress)
        let after = try new.keys(in: keys, progress: progress)
        var changes: [Change] = []
        for (key, state) in before {
            guard let other = after[key] else {
                changes.append(Change(key: key, from: state, to: nil))
                continue
            }
            if !state.isSame(as: other) { changes.append(Change(key: key, from: state, to: other)) }
        }
        for (key, state) in after where before[key] == nil { changes.append(Change(key: key, from: nil, to: state)) }
        changes.sort { $0.key.lexicographicallyPrecedes($1.key) }
        return Diff(old: old, new: new, changes)
    }

    private init(old: OpenedPoint, new: OpenedPoint, _ changes: [Change]) {
        (self.old, self.new, self.changes) = (old, new, changes)
        (self.from, self.to) = (old.point, new.point)
        (self.fromRevision, self.toRevision) = (old.revision, new.revision)
    }

    /// What was left out of writes.
    public struct WriteNotes: Sendable, Hashable {
        /// Keys that hung on leases that are not there any more, and are brought back without.
        public var withoutLease: [[UInt8]] = []
    }

    /// The transactions that bring the keys of `to`, which is the live cluster, back to what they were at `from`: one for each
    /// key, so that one that was changed meanwhile, whose condition then fails, keeps no other from being brought back.
    ///
    /// Each is a `TxnRequest` as etcd's JSON gateway takes it, `POST /v3/kv/txn`: a compare of the key's mod revision, and a
    /// put or a deletion.
    @discardableResult
    public func writes(_ body: (Node) -> Void) throws(RecoveryError) -> WriteNotes {
        let leases = try self.new.leases()
        var notes = WriteNotes()
        let puts = self.changes.filter { $0.from != nil }
        try self.old.values(puts.compactMap(\.from?.row)) { place, value in
            let change = puts[place]
            var put: Mapping = ["key": Self.base64(change.key), "value": Self.base64(value.value)]
            if value.lease != 0 {
                if leases.contains(value.lease) {
                    put["lease"] = .string(String(value.lease))
                } else {
                    notes.withoutLease.append(change.key)
                }
            }
            body(Self.transaction(change, ["requestPut": .mapping(put)]))
        }
        for change in self.changes where change.from == nil {
            body(Self.transaction(change, ["requestDeleteRange": .mapping(["key": Self.base64(change.key)])]))
        }
        return notes
    }

    private static func transaction(_ change: Change, _ operation: Mapping) -> Node {
        let compare: Mapping = [
            "key": Self.base64(change.key), "target": "MOD", "result": "EQUAL",
            "modRevision": .string(String(change.to?.modRevision ?? 0)),
        ]
        return .mapping(["compare": [.mapping(compare)], "success": [.mapping(operation)]])
    }

    private static func base64(_ bytes: [UInt8]) -> Node { .string(Base64.text(bytes)) }

    /// What `diff --json` gives.
    public var node: Node {
        .mapping([
            "from": .mapping(["path": .string(self.from.path), "revision": .int(self.fromRevision)]),
            "to": .mapping(["path": .string(self.to.path), "revision": .int(self.toRevision)]),
            "changes": .sequence(self.changes.map(\.node)),
        ])
    }
}

extension KeyState {
    /// Whether the key is the same; two clusters that made it the same give it other revisions.
    fileprivate func isSame(as other: KeyState) -> Bool {
        self.size == other.size && self.digest == other.digest && self.lease == other.lease
    }

    fileprivate var node: Node {
        var node: Mapping = [
            "createRevision": .int(self.createRevision), "modRevision": .int(self.modRevision),
            "version": .int(self.version), "size": .int(self.size),
        ]
        if self.lease != 0 { node["lease"] = .string(hexadecimal(UInt64(bitPattern: self.lease))) }
        return .mapping(node)
    }
}

extension Diff.Change {
    fileprivate var node: Node {
        var node: Mapping = ["change": .string(self.word), "key": .string(KeyText.printable(self.key))]
        if let from { node["from"] = from.node }
        if let to { node["to"] = to.node }
        return .mapping(node)
    }
}

/// RFC 4648.
enum Base64 {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let word = part.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for place in 0..<4 {
                text.append(place <= part.count ? self.letters[Int(word >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
