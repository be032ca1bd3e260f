public import EtcdClient
internal import EtcdWire

/// Objects in the store, each change made only if the object is still what the caller saw. With a ``Fence``, only while
/// the caller's term of leadership lasts.
///
/// A write whose reply is lost may have happened: the key is then read again, and the write counts as done when its
/// value is there. Since every write is a comparison with a revision, trying it once more is always safe.
public struct ObjectStore: Sendable {
    public let client: any StoreClient
    public let fence: Fence?
    /// Keys read with one request.
    private static let pageSize: Int64 = 500

    public init(_ client: any StoreClient, fence: Fence? = nil) {
        self.client = client
        self.fence = fence
    }

    /// The same store, writing under another fence.
    public func fenced(by fence: Fence?) -> ObjectStore { ObjectStore(self.client, fence: fence) }

    public func get<Object: StoredObject>(_ type: Object.Type, key: String) async throws(StoreError) -> Object? {
        guard let stored = try await self.read(key) else { return nil }
        return try Self.decode(Object.self, stored, key: key)
    }

    /// All objects under a prefix, at one revision, however many requests that takes.
    public func list<Object: StoredObject>(
        _ type: Object.Type, prefix: String = Object.keyPrefix
    ) async throws(StoreError) -> ObjectList<Object> {
        var list = ObjectList<Object>()
        list.revision = try await self.readAll(prefix: prefix) { stored in
            guard let key = String(validating: stored.key, as: UTF8.self) else {
                list.unreadable[String(decoding: stored.key, as: UTF8.self)] = "the key is not UTF-8"
                return
            }
            do {
                list.items.append(try Object(stored: stored.value, modRevision: stored.modRevision))
                list.keys.append(key)
            } catch {
                list.unreadable[key] = "\(error)"
            }
        }
        return list
    }

    /// - Returns: The object with its first revision.
    public func create<Object: StoredObject>(_ object: Object) async throws(StoreError) -> Object {
        let key = object.storeKey
        let bytes = object.storedBytes()
        let write = Write(key: key, compare: .version(of: Array(key.utf8), .equal, 0), operation: Self.put(key, bytes))
        return switch try await self.commit(write, isDone: { $0?.value == bytes && $0?.version == 1 }) {
        case .done(let revision): object.at(revision)
        case .found(nil): throw StoreError(.unavailable, key: key, "the reply was lost; the object is not there yet")
        case .found: throw StoreError(.alreadyExists, key: key, "already exists")
        }
    }

    /// Writes an object over the one it was read as. Nothing is written when nothing changed.
    ///
    /// - Returns: The object with its new revision.
    public func update<Object: StoredObject>(_ object: Object) async throws(StoreError) -> Object {
        let key = object.storeKey
        let bytes = object.storedBytes()
        guard let stored = try await self.read(key) else { throw StoreError(.notFound, key: key, "not found") }
        guard stored.modRevision == object.modRevision else {
            throw Self.conflict(key, expected: object.modRevision, found: stored)
        }
        if stored.value == bytes { return object }
        let compare = Compare.modRevision(of: stored.key, .equal, object.modRevision)
        let write = Write(key: key, compare: compare, operation: Self.put(key, bytes))
        switch try await self.commit(write, isDone: { $0?.value == bytes && $0?.version == stored.version + 1 }) {
        case .done(let revision): return object.at(revision)
        case .found(nil): throw StoreError(.notFound, key: key, "not found")
        case .found(let now?) where now.modRevision == object.modRevision:
            throw StoreError(.unavailable, key: key, "the reply was lost; the object has not changed yet")
        case .found(let now?): throw Self.conflict(key, expected: object.modRevision, found: now)
        }
    }

    /// Deletes the object if it is still what the caller saw. Not an error when it is gone already.
    ///
    /// - Returns: The revision of the deletion; 0 when the object was gone.
    @discardableResult public func delete<Object: StoredObject>(_ object: Object) async throws(StoreError) -> Int64 {
        let key = object.storeKey
        let compare = Compare.modRevision(of: Array(key.utf8), .equal, object.modRevision)
        let operation = RequestOp.deleteRange(DeleteRangeRequest(key: Array(key.utf8)))
        let write = Write(key: key, compare: compare, operation: operation)
        switch try await self.commit(write, isDone: { $0 == nil }) {
        case .done(let revision): return revision
        case .found(nil): return 0
        case .found(let now?) where now.modRevision == object.modRevision:
            throw StoreError(.unavailable, key: key, "the reply was lost; the object is still there")
        case .found(let now?): throw Self.conflict(key, expected: object.modRevision, found: now)
        }
    }

    /// Writes a value that goes away by itself.
    ///
    /// - Parameter ttl: How long it is kept, in whole seconds.
    public func putEvent(key: String, value: [UInt8], ttl: Duration) async throws(StoreError) {
        let lease: Int64
        do {
            let seconds = max(1, ttl.components.seconds)
            lease = try await self.client.leaseGrant(LeaseGrantRequest(ttl: seconds)).id
        } catch { throw StoreError(error, key: key) }
        let put = RequestOp.put(PutRequest(key: Array(key.utf8), value: value, lease: lease))
        do throws(StoreError) {
            let write = Write(key: key, compare: nil, operation: put)
            guard case .done = try await self.commit(write, isDone: { $0?.lease == lease }) else {
                throw StoreError(.unavailable, key: key, "the reply was lost; the event is not there yet")
            }
        } catch {
            // Without its lease a late write is refused; where this fails too, the lease ends by itself.
            _ = try? await self.client.leaseRevoke(LeaseRevokeRequest(id: lease))
            throw error
        }
    }
}

extension ObjectStore {
    /// One change of one key, and the condition it is made under.
    private struct Write {
        var key: String
        var compare: Compare?
        var operation: RequestOp
    }

    private enum Outcome {
        /// With the revision that did it.
        case done(Int64)
        /// Not done; this is what the key holds.
        case found(KeyValue?)
    }

    /// - Parameter isDone: Whether what a key holds shows that the write happened, asked only when its reply was lost.
    private func commit(_ write: Write, isDone: (KeyValue?) -> Bool) async throws(StoreError) -> Outcome {
        let key = Array(write.key.utf8)
        var request = TxnRequest(success: [write.operation], failure: [.range(RangeRequest(key: key))])
        if let compare = write.compare { request.compare.append(compare) }
        if let fence = self.fence {
            request.compare.append(fence.compare)
            request.failure.append(.range(RangeRequest(key: Array(fence.key.utf8))))
        }
        let response: TxnResponse
        do {
            response = try await self.client.txn(request)
        } catch {
            guard error.mayHaveHappened else { throw StoreError(error, key: write.key) }
            let found = try await self.read(write.key)
            return isDone(found) ? .done(found?.modRevision ?? 0) : .found(found)
        }
        if response.succeeded { return .done(response.header.revision) }
        let found = response.responses.map { response -> KeyValue? in
            if case .range(let range) = response { range.kvs.first } else { nil }
        }
        if let fence = self.fence, found.last??.createRevision != fence.createRevision {
            throw StoreError(.deposed, key: write.key, "another controller leads")
        }
        return .found(found.first ?? nil)
    }

    private func read(_ key: String) async throws(StoreError) -> KeyValue? {
        do {
            return try await self.client.range(RangeRequest(key: Array(key.utf8))).kvs.first
        } catch {
            throw StoreError(error, key: key)
        }
    }

    /// Hands over every key under a prefix, in order, all as of the revision that is returned.
    func readAll(prefix: String, _ body: (KeyValue) -> Void) async throws(StoreError) -> Int64 {
        let range = KeyRange(prefix: prefix)
        var request = RangeRequest(key: range.start, rangeEnd: range.end, limit: Self.pageSize)
        while true {
            let page: RangeResponse
            do {
                page = try await self.client.range(request)
            } catch {
                throw StoreError(error, key: prefix)
            }
            page.kvs.forEach(body)
            if request.revision == 0 { request.revision = page.header.revision }
            guard page.more, let last = page.kvs.last else { return request.revision }
            request.key = last.key + [0]
        }
    }

    private static func decode<Object: StoredObject>(
        _ type: Object.Type, _ stored: KeyValue, key: String
    ) throws(StoreError) -> Object {
        do {
            return try Object(stored: stored.value, modRevision: stored.modRevision)
        } catch {
            throw StoreError(.unreadable, key: key, "\(error)")
        }
    }

    private static func put(_ key: String, _ value: [UInt8]) -> RequestOp {
        .put(PutRequest(key: Array(key.utf8), value: value))
    }

    private static func conflict(_ key: String, expected: Int64, found: KeyValue) -> StoreError {
        StoreError(.conflict, key: key, "changed at revision \(found.modRevision), after \(expected) that was read")
    }
}

extension StoredObject {
    fileprivate func at(_ revision: Int64) -> Self {
        var copy = self
        copy.modRevision = revision
        return copy
    }
}
