/// A backend in memory, for simulations and tests. A copy costs little: the two share what neither has changed since.
public final class MemoryBackend: Backend {
    private var buckets: [SortedMap<Key, [UInt8]>]

    public init() {
        self.buckets = Bucket.allCases.map { _ in SortedMap() }
    }

    private init(_ buckets: [SortedMap<Key, [UInt8]>]) {
        self.buckets = buckets
    }

    /// Another backend with the same rows.
    public func copy() -> MemoryBackend {
        MemoryBackend(self.buckets)
    }

    public func value(_ key: [UInt8], in bucket: Bucket) throws(StoreError) -> [UInt8]? {
        self.buckets[bucket.place][Key(key)]
    }

    public func forEach(
        in bucket: Bucket, from start: [UInt8], to end: [UInt8]?,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Bool
    ) throws(StoreError) {
        let end = end.map { Key($0) }
        var failure: StoreError?
        self.buckets[bucket.place].forEach(from: Key(start)) { key, value in
            if let end, key >= end { return false }
            do throws(StoreError) {
                return unsafe try body(key.bytes.span.bytes, value.span.bytes)
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
    }

    public func put(_ key: [UInt8], _ value: [UInt8], in bucket: Bucket) throws(StoreError) {
        self.buckets[bucket.place].set(Key(key), value)
    }

    public func remove(_ key: [UInt8], in bucket: Bucket) throws(StoreError) {
        self.buckets[bucket.place].remove(Key(key))
    }
}

extension Store {
    /// An empty store in memory.
    public static func inMemory(options: Options = Options()) -> Store {
        do throws(StoreError) {
            return try Store(backend: MemoryBackend(), options: options)
        } catch {
            preconditionFailure("memory does not fail: \(error)")
        }
    }
}
