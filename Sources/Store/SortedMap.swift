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
        self.read(key) { $0 }
    }

    /// Looks at the value where it is. Returns nil, without a call, when the key is not there.
    func read<Result>(_ key: Key, _ body: (borrowing Value) -> Result) -> Result? {
        guard let chunk = self.chunk(for: key) else { return nil }
        let slot = Self.lowerBound(self.chunks[chunk].keys, key)
        guard slot < self.chunks[chunk].keys.count, self.chunks[chunk].keys[slot] == key else { return nil }
        return body(self.chunks[chunk].values[slot])
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

    /// Changes a share of the values in place, in order from `start` on, and drops those for which `body` returns false.
    ///
    /// - Returns: Where to go on; nil when all were seen.
    mutating func filterSome(from start: Key?, _ body: (inout Value) -> Bool) -> Key? {
        let place = start.flatMap { self.chunk(for: $0) } ?? 0
        guard place < self.chunks.count else { return nil }
        var chunk = Chunk(keys: [], values: [])
        swap(&chunk, &self.chunks[place])
        let first = start.map { Self.lowerBound(chunk.keys, $0) } ?? 0
        var end = first
        for slot in first..<chunk.keys.count where body(&chunk.values[slot]) {
            if end != slot {
                chunk.keys.swapAt(end, slot)
                chunk.values.swapAt(end, slot)
            }
            end += 1
        }
        self.count -= chunk.keys.count - end
        chunk.keys.removeSubrange(end...)
        chunk.values.removeSubrange(end...)
        let next = place + 1 < self.chunks.count ? self.chunks[place + 1].keys[0] : nil
        if place > 0, self.chunks[place - 1].keys.count + end <= Self.chunkLimit / 2 {
            self.chunks[place - 1].keys += chunk.keys
            self.chunks[place - 1].values += chunk.values
            self.chunks.remove(at: place)
        } else if end == 0 {
            self.chunks.remove(at: place)
        } else {
            self.chunks[place] = chunk
        }
        return next
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
