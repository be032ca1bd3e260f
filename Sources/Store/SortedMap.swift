/// A map in the order of its keys: sorted chunks in a sorted array. Lookup is two binary searches; an insertion moves at
/// most one chunk, and now and then the array of chunks, which is two words for each.
struct SortedMap<Key: Comparable, Value> {
    fileprivate struct Chunk {
        var keys: [Key]
        var values: [Value]
    }

    private static var chunkLimit: Int { 128 }

    private var chunks: [Chunk] = []
    private(set) var count = 0

    var isEmpty: Bool {
        self.count == 0
    }

    var first: (key: Key, value: Value)? {
        guard let chunk = self.chunks.first else { return nil }
        return (chunk.keys[0], chunk.values[0])
    }

    subscript(key: Key) -> Value? {
        guard let chunk = self.chunk(for: key) else { return nil }
        let slot = Self.lowerBound(self.chunks[chunk].keys, key)
        guard slot < self.chunks[chunk].keys.count, self.chunks[chunk].keys[slot] == key else { return nil }
        return self.chunks[chunk].values[slot]
    }

    /// Changes the value in place. Returns nil, without a call, when the key is not there.
    @discardableResult
    mutating func update<Result>(_ key: Key, _ body: (inout Value) -> Result) -> Result? {
        guard let chunk = self.chunk(for: key) else { return nil }
        let slot = Self.lowerBound(self.chunks[chunk].keys, key)
        guard slot < self.chunks[chunk].keys.count, self.chunks[chunk].keys[slot] == key else { return nil }
        return body(&self.chunks[chunk].values[slot])
    }

    /// Sets the value, whether or not the key was there.
    mutating func set(_ key: Key, _ value: Value) {
        guard let chunk = self.chunk(for: key) ?? (self.chunks.isEmpty ? nil : 0) else {
            self.chunks.append(Chunk(keys: [key], values: [value]))
            self.count = 1
            return
        }
        let slot = Self.lowerBound(self.chunks[chunk].keys, key)
        if slot < self.chunks[chunk].keys.count, self.chunks[chunk].keys[slot] == key {
            self.chunks[chunk].values[slot] = value
            return
        }
        self.chunks[chunk].keys.insert(key, at: slot)
        self.chunks[chunk].values.insert(value, at: slot)
        self.count += 1
        if self.chunks[chunk].keys.count > Self.chunkLimit { self.split(chunk, at: slot) }
    }

    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        guard let chunk = self.chunk(for: key) else { return nil }
        let slot = Self.lowerBound(self.chunks[chunk].keys, key)
        guard slot < self.chunks[chunk].keys.count, self.chunks[chunk].keys[slot] == key else { return nil }
        self.chunks[chunk].keys.remove(at: slot)
        let value = self.chunks[chunk].values.remove(at: slot)
        self.count -= 1
        if self.chunks[chunk].keys.isEmpty { self.chunks.remove(at: chunk) }
        return value
    }

    /// Calls `body` in order, from the first key at or after `start`, until it returns false.
    func forEach(from start: Key? = nil, _ body: (Key, Value) -> Bool) {
        var chunk = 0
        var slot = 0
        if let start {
            chunk = self.chunk(for: start) ?? 0
            if chunk < self.chunks.count { slot = Self.lowerBound(self.chunks[chunk].keys, start) }
        }
        while chunk < self.chunks.count {
            while slot < self.chunks[chunk].keys.count {
                guard body(self.chunks[chunk].keys[slot], self.chunks[chunk].values[slot]) else { return }
                slot += 1
            }
            chunk += 1
            slot = 0
        }
    }

    /// Changes every value in place, in order, and drops those for which `body` returns false.
    mutating func filter(_ body: (inout Value) -> Bool) {
        var kept: [Chunk] = []
        kept.reserveCapacity(self.chunks.count)
        self.count = 0
        for index in self.chunks.indices {
            var chunk = Chunk(keys: [], values: [])
            swap(&chunk, &self.chunks[index])
            var end = 0
            for slot in chunk.keys.indices where body(&chunk.values[slot]) {
                if end != slot {
                    chunk.keys.swapAt(end, slot)
                    chunk.values.swapAt(end, slot)
                }
                end += 1
            }
            chunk.keys.removeSubrange(end...)
            chunk.values.removeSubrange(end...)
            self.count += end
            guard end > 0 else { continue }
            if let last = kept.indices.last, kept[last].keys.count + end <= Self.chunkLimit / 2 {
                kept[last].keys += chunk.keys
                kept[last].values += chunk.values
            } else {
                kept.append(chunk)
            }
        }
        self.chunks = kept
    }

    /// The one chunk that can hold the key, or nil when it is before them all.
    private func chunk(for key: Key) -> Int? {
        var low = 0
        var high = self.chunks.count
        while low < high {
            let middle = (low + high) / 2
            if self.chunks[middle].keys[0] <= key { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }

    private static func lowerBound(_ keys: [Key], _ key: Key) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// In halves; but a chunk that grew at its end is left full, so that ascending keys fill their chunks.
    private mutating func split(_ chunk: Int, at slot: Int) {
        let count = self.chunks[chunk].keys.count
        let middle = slot == count - 1 ? count - 1 : count / 2
        let right = Chunk(
            keys: Array(self.chunks[chunk].keys[middle...]), values: Array(self.chunks[chunk].values[middle...]))
        self.chunks[chunk].keys.removeSubrange(middle...)
        self.chunks[chunk].values.removeSubrange(middle...)
        self.chunks.insert(right, at: chunk + 1)
    }
}

extension SortedMap: Sendable where Key: Sendable, Value: Sendable {}
extension SortedMap.Chunk: Sendable where Key: Sendable, Value: Sendable {}
